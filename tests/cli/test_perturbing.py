"""`facepriv methods` and `perturb` as a user meets them, and JSON that others can rely on."""

from __future__ import annotations

import io
import json
import signal
import time

import jsonschema
import pytest

import facepriv
from facepriv.config import Settings
from facepriv.perturb.registry import AIM_METHODS, perturbers
from facepriv.presentation.help_texts import AIM_TEXTS
from facepriv.store import open_store
from tests.cli.conftest import Job
from tests.cli.terminal import PAPER, Terminal, assert_one_sentence, write_faces
from tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("cli")


def test_methods(empty):
    said = empty("methods", "--full")
    assert said.code == 0
    shown = " ".join(said.out.split())
    for word in ("algorithm1", "unnoticeable, works against its guides", "Parameters of algorithm1", "eps", "0.05"):
        assert word in shown
    assert "Parameters of algorithm1" not in empty("methods").out
    document = empty.json("methods")
    assert document["schema"] == "facepriv.methods/1"
    assert {one["aim"]: one["name"] for one in document["methods"] if one["aim"]} == AIM_METHODS
    assert {one["name"] for one in document["methods"]} == set(perturbers.names())
    (paper,) = [one for one in document["methods"] if one["name"] == "algorithm1"]
    assert paper["parameters"][0] == {
        "name": "eps",
        "type": "number",
        "default": 0.05,
        "help": "Share of the candidate blended in or out in one update",
    }
    assert not empty.home.exists(), "nothing is written"


def test_perturb_says_the_verdict_first_and_shows_all_tables_if_asked(job: Job):
    brief = job.perturbed.out.splitlines()
    assert brief[0].startswith("– Not attacked yet: nobody has attacked these images")
    assert brief[1].startswith("An audit needs at least 10 subjects"), "two are too few to be told to start one"
    assert brief[2] == "No aim stated: the method algorithm1 was chosen by name."
    assert "Effort" not in brief
    out = job.run("show", 1, "--full").out
    for title in ("Gender error", "Confusion of dlib-gender", "Face matching", "Effort", "Change of the image"):
        assert title in out
    assert "Run 1: algorithm1 (unnoticeable, works against its guides), guided by dlib-gender, on 4 images." in out
    for version in ("the file as stored", "JPEG, quality 90", "resized to 75 %", "greyscale", "(diagnostic)"):
        assert version in out
    assert "The change works against dlib-gender only" in out
    assert "Processing the file undoes part of the effect" in out
    assert "dlib-gender from 0.0 % to 100.0 %" in out
    assert "Nothing here shows protection" in out
    assert "Failures" not in out
    assert "perturbing" in job.perturbed.err or "comparing" in job.perturbed.err


def assert_rates(rates: dict, groups=("all", "male", "female")) -> None:
    assert {*rates} == {*groups}
    assert all(rate is None or 0 <= rate <= 1 for rate in rates.values())


def test_perturb_json_holds_what_is_documented(job: Job):
    document = job.perturb_json
    assert document["schema"] == "facepriv.run/1"
    assert {*document["gender_error"]} >= {"dlib-gender", "levi-hassner"}
    for phases in document["gender_error"].values():
        assert {*phases} == {"before", "after"}
        for rates in phases.values():
            assert_rates(rates)
    assert {*document["matching"]} == {"sface", "dlib-resnet"}
    for phases in document["matching"].values():
        assert {*phases} == {"before", "after", "cross"}
        for phase in phases.values():
            assert {"auc", "eer", "fmr100", "fmr1000"} <= {*phase}
            assert 0 <= phase["auc"] <= 1
    for what in ("updates", "evaluations"):
        assert {*document[what]} == {"all", "male", "female"}
        assert document[what]["all"]["mean"] > 0
    assert 20 < document["psnr_db"]["mean"] < 60
    assert 0 < document["ssim"]["mean"] < 1
    assert document["failures"] == {"total": 0, "by_reason": {}, "items": []}


def test_perturb_json_says_how_to_repeat_the_run(job: Job):
    spec = job.perturb_json["spec"]
    assert spec["dataset"]["name"] == "few"
    assert len(spec["image_ids"]) == 4
    assert spec["seed"] == 5
    assert {"eps": 0.3, "margin": 0.1, "sweeps": 40, "candidates": "opposite"}.items() <= spec["parameters"].items()
    assert [m["name"] for m in spec["matchers"]] == ["sface", "dlib-resnet"]
    assert spec["facepriv_version"] == facepriv.__version__


def test_perturb_json_follows_the_schema(job: Job):
    schema = json.loads(job.run("schema").out)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(job.perturb_json)
    for broken in ({"gender_error": 1}, {"images": "four"}, {"seconds": None}):
        assert not validator.is_valid({**job.perturb_json, **broken})


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--method", "magic"), ("There is no perturbation method called 'magic'", "algorithm1")),
        (("--guide", "oracle"), ("called 'oracle'", "dlib-gender")),
        ((*PAPER, "--matcher", "oracle"), ("called 'oracle'", "sface")),
        ((*PAPER, "--aim", "unseen"), ("The aim unseen means the method semantic, but algorithm1 was named",)),
        (("--aim", "fame"), ("The value of aim cannot be 'fame'", "'unseen' or 'guide'")),
        (("--aim", "unseen"), ("learns from one half of the people for the other", "few")),
        ((*PAPER, "--set", "eps=2"), ("The parameter eps of algorithm1 cannot be '2'",)),
        ((*PAPER, "--set", "margin=nan"), ("The parameter margin of algorithm1 cannot be 'nan'",)),
        ((*PAPER, "--set", "sweeps=many"), ("The parameter sweeps of algorithm1 cannot be 'many'",)),
        ((*PAPER, "--set", "colour=1"), ("has no parameter 'colour'", "eps, margin, sweeps, candidates")),
        ((*PAPER, "--set", "eps"), ("written once, as name=value, but 'eps' was given",)),
        ((*PAPER, "--set", "eps=0.1", "--set", "eps=0.2"), ("written once",)),
        ((*PAPER, "--guide", "dlib-gender", "--guide", "oracle"), ("called 'oracle'", "dlib-gender")),
        ((*PAPER, "--guard", "oracle"), ("called 'oracle'", "sface")),
        ((*PAPER, "--learn-from", "folds"), ("algorithm1 with these parameters learns nothing",)),
        (("--limit", "0"), ("The value of limit cannot be 0: it should be greater than or equal to 1.",)),
        (("--seed", "-1"), ("The value of seed cannot be -1: it should be greater than or equal to 0.",)),
    ],
)
def test_runs_that_are_refused(job: Job, options, parts):
    before = job.run.json("runs")["runs"]
    assert_one_sentence(job.run("perturb", "few", *options), *parts)
    assert job.run.json("runs")["runs"] == before


def test_a_script_that_names_no_aim_is_told_which_it_gets(job: Job):
    said = job.run("perturb", "few")
    # Four faces of two people are too few to learn from, so nothing is queued.
    assert_one_sentence(said, "The method semantic learns from one half of the people")
    for aim, text in AIM_TEXTS.items():
        assert f"--aim {aim}: {text.title}. {text.good_for}" in said.err
    assert "No aim was named, so this run has the aim unseen." in said.err
    for options in (("--aim", "unseen"), ("--guide", "oracle"), ("--method", "magic")):
        assert "--aim unseen:" not in job.run("perturb", "few", *options).err, "what was said is not asked"


@pytest.mark.parametrize(("answers", "aim"), [("\n", "unseen"), ("fame\nguide\n", "guide")])
def test_a_terminal_is_asked_for_the_aim(job: Job, monkeypatch, answers, aim):
    class Keyboard(io.StringIO):
        def isatty(self) -> bool:
            return True

    submitted = []

    def submit(request, *_, **__):
        submitted.append(request)

    monkeypatch.setattr("facepriv.cli.perturbing.submit_and_show", submit)
    monkeypatch.setattr("sys.stdin", Keyboard(answers))
    monkeypatch.setattr("tests.cli.terminal.io.StringIO", Keyboard)
    said = job.run("perturb", "few")
    assert said.code == 0, said.err
    assert [request.aim for request in submitted] == [aim]
    assert ("Answer unseen or guide." in said.err) == ("fame" in answers)
    assert said.out.strip() == "", "standard output may be for JSON"


@pytest.mark.fault
def test_interrupting_a_run_cancels_it(tmp_path):
    terminal = Terminal(tmp_path / "home")
    assert terminal("import", write_faces(tmp_path / "faces"), "--name", "few").code == 0
    process = terminal.start("perturb", "few", *PAPER, "--set", "eps=0.001")
    with open_store(Settings(home=terminal.home)) as store:
        end = time.monotonic() + 60
        while not any(run.stage == "perturbing" for run in store.runs.list()):
            assert time.monotonic() < end
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode != 0
        assert "Traceback" not in err
        # The command does not wait for its worker, which hears of it at its next heartbeat.
        assert wait_until(lambda: [run.state for run in store.runs.list()] == ["cancelled"], 10)
