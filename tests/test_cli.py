"""The command line as a user meets it: exit codes, sentences, and JSON that others can rely on."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import jsonschema
import pytest
import typer

import facepriv
from facepriv.cli import _same_run, app, main
from facepriv.config import Settings
from facepriv.datasets.demo import demo_folder
from facepriv.perturb import perturbers
from facepriv.services.runs import DEFAULT_METHOD, prepare_run, start_run
from facepriv.store import migrate, open_store
from tests.old_databases import write_old_database
from tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("cli")

PAPER = ("--method", "algorithm1")
NAMES = ("s001_1", "s001_2", "s003_1", "s003_2")
LABELS = {"s001": "female", "s003": "male"}


@dataclass(frozen=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str


class Terminal:
    """Runs `facepriv` on one data folder, in this process but through its real entry point."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, "FACEPRIV_HOME": str(home), "FACEPRIV_WORKERS": "1", "TERMINAL_WIDTH": "140"}

    def __call__(self, *words: object) -> Said:
        out, err = io.StringIO(), io.StringIO()
        code = 0
        with (
            mock.patch.dict(os.environ, self.environment, clear=True),
            mock.patch.object(sys, "argv", ["facepriv", *map(str, words)]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return Said(code, out.getvalue(), err.getvalue())

    def json(self, *words: object) -> dict:
        said = self(*words, "--json", "-")
        assert said.code == 0, said.err
        return json.loads(said.out)

    def start(self, *words: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "facepriv", *map(str, words)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def assert_one_sentence(said: Said, *parts: str) -> None:
    """Exit code 1, nothing on standard output, one sentence on standard error."""
    assert said.code == 1
    assert said.out == ""
    last = said.err.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    assert last.endswith(".")
    assert "Traceback" not in said.err
    for part in parts:
        assert part in last


def assert_usage(said: Said, *parts: str) -> None:
    """Exit code 2 and how it is used."""
    assert said.code == 2
    assert said.out == ""
    assert "Error" in said.err
    assert "Traceback" not in said.err
    plain = re.sub(r"[\s│]+", " ", said.err)
    for part in parts:
        assert part in plain


def write_faces(folder: Path, names=NAMES) -> Path:
    folder.mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("file", "subject", "gender"))
        for name in names:
            shutil.copy(demo_folder() / "images" / name[:4] / f"{name}.jpg", folder)
            rows.writerow((f"{name}.jpg", name[:4], LABELS[name[:4]]))
    return folder


@pytest.fixture
def empty(tmp_path: Path) -> Terminal:
    """A terminal on an installation without data."""
    return Terminal(tmp_path / "home")


@dataclass(frozen=True)
class Job:
    """A terminal on an installation with one data set and one complete run, and what making them said."""

    run: Terminal
    folder: Path
    imported: Said
    import_json: dict
    perturbed: Said
    perturb_json: dict


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    base = tmp_path_factory.mktemp("cli")
    terminal = Terminal(base / "home")
    faces = write_faces(base / "faces")
    (faces / "s003_3.jpg").write_text("no image")
    with (faces / "labels.csv").open("a") as stream:
        stream.write("s003_3.jpg,s003,male\n")
    imported = terminal("import", faces, "--name", "few", "--json", base / "import.json")
    assert imported.code == 0, imported.err
    words = (
        "--matcher",
        "sface",
        "--matcher",
        "dlib-resnet",
        "--method",
        "algorithm1",
        "--set",
        "candidates=opposite",
        "--set",
        "eps=0.3",
        "--seed",
        "5",
    )
    perturbed = terminal("perturb", "few", *words, "--json", base / "run.json")
    assert perturbed.code == 0, perturbed.err
    return Job(
        terminal,
        faces,
        imported,
        json.loads((base / "import.json").read_text()),
        perturbed,
        json.loads((base / "run.json").read_text()),
    )


# Help and usage


def commands() -> list[tuple[str, ...]]:
    group = typer.main.get_command(app)
    found: list[tuple[str, ...]] = [()]
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        found.append((name,))
        found += [(name, below) for below in getattr(command, "commands", {})]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_of_every_command(empty, words):
    said = empty(*words, "--help")
    assert said.code == 0
    assert f"Usage: {' '.join(('facepriv', *words))}" in re.sub(r"\s+", " ", said.out)
    assert not empty.home.exists(), "help writes nothing"


def test_the_commands_of_the_user_guide_exist():
    wanted = ["import", "datasets", "models", "methods", "perturb", "runs", "show", "export", "serve", "demo"]
    assert {(name,) for name in wanted} <= set(commands())


def test_version(empty):
    assert empty("--version") == Said(0, f"facepriv {facepriv.__version__}\n", "")


def test_no_command_shows_the_help(empty):
    said = empty()
    assert said.code == 2
    assert "perturb" in said.out + said.err


@pytest.mark.parametrize(
    "words",
    [
        ("fly",),
        ("import",),
        ("import", "somewhere"),
        ("perturb",),
        ("perturb", "few", "--set"),
        ("perturb", "few", "--limit", "much"),
        ("show",),
        ("show", "first"),
        ("export", "1"),
        ("runs", "--limit", "few"),
        ("serve", "--port", "http"),
        ("datasets", "--json"),
        ("schema", "extra"),
    ],
    ids=" ".join,
)
def test_wrong_usage(empty, words):
    assert_usage(empty(*words))
    assert not empty.home.exists(), "wrong usage writes nothing"


def test_a_json_file_that_cannot_be_is_told_before_any_work(empty, tmp_path):
    for target in (tmp_path, tmp_path / "no" / "such.json"):
        assert_usage(empty("demo", "--no-serve", "--json", target), "A file in a folder that exists was expected")
    assert not empty.home.exists()


def test_starting_is_quick_and_loads_no_models():
    heavy = [
        "dlib",
        "onnxruntime",
        "cv2",
        "sklearn",
        "skimage",
        "plotly",
        "streamlit",
        "deepface",
        "sqlalchemy",
        "numpy",
    ]
    code = f"import sys, facepriv.cli; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Without data


@pytest.mark.parametrize(("command", "what"), [("datasets", "data set"), ("runs", "run")])
def test_empty_lists_say_how_to_begin(empty, command, what):
    said = empty(command)
    assert said.code == 0
    assert f"There is no {what} yet" in said.out
    assert "`facepriv" in said.out
    assert empty.json(command) == {"schema": f"facepriv.{command}/1", command: []}


def test_unknown_things_are_one_sentence(empty, tmp_path):
    assert_one_sentence(empty("perturb", "nobody"), "There is no data set 'nobody'", "import one first")
    assert_one_sentence(empty("show", "7"), "There is no run 7", "start one first")
    assert_one_sentence(empty("export", "7", "--out", tmp_path / "out"), "There is no run 7")
    assert_one_sentence(empty("import", tmp_path / "nothing", "--name", "x"), "nothing is there; check")
    assert not (tmp_path / "out").exists()


def test_a_real_process_ends_with_1_and_one_line(empty):
    process = empty.start("show", "7")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert err == "Error: There is no run 7; there is none yet; start one first.\n"


def test_a_data_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    said = Terminal(tmp_path / "file" / "home")("datasets")
    assert_one_sentence(said, "cannot be made", "set FACEPRIV_HOME to a folder that you may write to")


def test_a_foreign_database(empty):
    empty.home.mkdir()
    with sqlite3.connect(empty.home / "facepriv.sqlite") as database:
        database.execute("CREATE TABLE cats (name)")
    database.close()
    assert_one_sentence(empty("datasets"), "holds tables that are not facepriv's")
    assert_one_sentence(empty("db", "upgrade"), "holds tables that are not facepriv's")


def test_upgrading_the_database(empty):
    assert empty("db", "upgrade") == Said(0, f"The database is at revision {migrate.head()}.\n", "")
    assert empty("datasets").code == 0


@pytest.mark.parametrize("command", [["datasets"], ["runs"], ["worker", "--until-idle"], ["db", "check"]])
def test_an_older_database_names_the_command_that_upgrades_it(empty, command):
    write_old_database(empty.home / "facepriv.sqlite", "0002")
    said = empty(*command)
    assert (said.code, said.out) == (1, "")
    (line,) = said.err.splitlines()
    assert re.fullmatch(r"Error: The database .* has revision 0002, but .*; run: facepriv db upgrade", line)
    assert empty("db", "upgrade").code == 0
    assert empty(*command).code == 0


def test_checking_backing_up_and_restoring_the_database(empty, tmp_path):
    new = empty("db", "check")
    assert new.code == 1
    assert new.err.endswith("run: facepriv db upgrade\n")
    assert empty("db", "upgrade").code == 0
    said = empty("db", "check")
    assert said.code == 0
    assert said.out.endswith("and holds 0 data sets with 0 images, 0 runs and 0 audits.\n")
    file = tmp_path / "faces.backup"
    said = empty("db", "backup", file)
    assert said.code == 0
    assert said.out.startswith(f"The database is backed up to {file}. It refers to 0 artifact files")
    assert_one_sentence(empty("db", "backup", file), "never replaces a file")
    assert_usage(empty("db", "backup", tmp_path / "nowhere" / "file"), "A file in a folder that exists was expected")
    other = Terminal(tmp_path / "other")
    said = other("db", "restore", file)
    assert said.code == 0
    assert f"now holds what {file} does. Of 0 artifact files" in said.out
    assert_one_sentence(other("db", "restore", file), "into a new database only")
    assert_one_sentence(other("db", "restore", tmp_path / "nothing"), "no such file")


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.5", ""])
def test_serving_a_network_in_the_open_is_refused(empty, address):
    # In a process of its own: the server takes the place of the command.
    process = empty.start("serve", "--address", address)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "keep to a loopback address such as 127.0.0.1" in err
    assert "Traceback" not in err
    assert not empty.home.exists()


def test_deleting_and_cancelling(empty, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for subject in ("s001", "s031"):
        shutil.copy(demo_folder() / "images" / subject / f"{subject}_1.jpg", photos)
    assert empty("import", photos, "--name", "two").code == 0
    with open_store(Settings(home=empty.home)) as store:
        run = store.runs.create(prepare_run(store, "two"))
    assert empty("cancel", run).out == f"Run {run} is cancelled.\n"
    assert_one_sentence(empty("delete", "--run", "99", "--yes"), "There is no run")
    assert_usage(empty("delete", "--yes"))
    assert_usage(empty("delete", "two", "--run", run))
    assert empty("delete", "--run", run, "--yes").out == f"Deleted: run {run}.\n"
    assert any((empty.home / "artifacts").rglob("*.png"))
    with open_store(Settings(home=empty.home)) as store:
        assert {line.action for line in store.access.list()} >= {"run-cancelled", "run-deleted"}


# Models and schema


def test_models(empty):
    said = empty("models")
    assert said.code == 0
    assert "dlib-gender" in said.out
    document = empty.json("models")
    assert document["schema"] == "facepriv.models/1"
    for model in document["models"]:
        assert {*model} == {
            *("name", "kind", "attribute", "title", "usable", "state", "reason", "how"),
            *("bytes", "version", "licence", "source", "notes"),
        }
        assert model["bytes"] if model["usable"] else model["state"] == "not here"
    usable = {model["name"] for model in document["models"] if model["usable"]}
    assert usable >= {"dlib-hog-68", "dlib-gender", "levi-hassner", "dlib-resnet", "sface"}


def test_methods(empty):
    said = empty("methods")
    assert said.code == 0
    for word in ("algorithm1", "unnoticeable, specific to its guides", "Parameters of algorithm1", "eps", "0.05"):
        assert word in said.out
    document = empty.json("methods")
    assert document["schema"] == "facepriv.methods/1"
    assert [one["name"] for one in document["methods"] if one["recommended"]] == [perturbers.resolve(DEFAULT_METHOD)]
    assert {one["name"] for one in document["methods"]} == set(perturbers.names())
    (paper,) = [one for one in document["methods"] if one["name"] == "algorithm1"]
    assert paper["parameters"][0] == {
        "name": "eps",
        "type": "number",
        "default": 0.05,
        "help": "Share of the candidate blended in or out in one update",
    }
    assert not empty.home.exists(), "nothing is written"


def test_schema(empty, tmp_path):
    said = empty("schema")
    assert said.code == 0
    document = json.loads(said.out)
    jsonschema.Draft202012Validator.check_schema(document)
    assert empty.json("schema") == document
    assert empty("schema", "--json", tmp_path / "schema.json") == Said(0, "", "")
    assert json.loads((tmp_path / "schema.json").read_text()) == document
    described = Path(__file__).parent.parent / "docs" / "run-schema.json"
    assert json.loads(described.read_text()) == document, "write it anew with `facepriv schema --json`"


# One job from import to export


def test_import_tells_what_it_did(job: Job):
    out = job.imported.out
    assert "Format csv, because labels.csv has columns for file and gender." in out
    assert "few: 4 images of 2 subjects (2 female, 2 male, 0 unlabelled); 0 without a usable face" in out
    assert "Left out or noted: s003_3.jpg is not an image, whatever its name says" in out
    assert "[not-an-image: s003_3.jpg]" in out
    assert "Importing" in job.imported.err


def test_import_json(job: Job):
    document = job.import_json
    assert (document["schema"], document["dataset"], document["reader"]) == ("facepriv.import/1", "few", "csv")
    assert (document["images"], document["subjects"]) == (4, 2)
    assert document["labels"] == {"female": 2, "male": 2, "unlabelled": 0}
    (left_out,) = document["left_out"]
    assert left_out["names"] == ["s003_3.jpg"]
    assert left_out["code"] == "not-an-image"
    assert left_out["sentence"].endswith(".")
    assert (document["no_usable_face"], document["failures"]) == ([], {})


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--name", "few"), ("already a data set called 'few'", "choose another name")),
        (("--name", "12"), ("choose another name",)),
        (("--name", "x", "--format", "feret"), ("no data set format called 'feret'", "choose one of: lfw")),
        (("--name", "x", "--labels", "no.csv"), ("There is no label table no.csv", "check its name")),
        (("--name", "x", "--mapping", "0:male"), ("A mapping reads like 0=male,1=female",)),
        (
            ("--name", "x", "--labels", "{folder}/labels.csv", "--gender-column", "colour"),
            ("none for gender ('colour')",),
        ),
    ],
)
def test_imports_that_are_refused(job: Job, options, parts):
    assert_one_sentence(job.run("import", job.folder, *(word.format(folder=job.folder) for word in options)), *parts)
    assert [d["name"] for d in job.run.json("datasets")["datasets"]] == ["few"]


def test_import_of_columns_and_numbers(tmp_path):
    terminal = Terminal(tmp_path / "home")
    faces = write_faces(tmp_path / "faces", NAMES[:1])
    (faces / "labels.csv").write_text("Bild;Wer;Was\ns001_1.jpg;anna;2\n")
    columns = ("--file-column", "Bild", "--subject-column", "Wer", "--gender-column", "Was")
    labels = ("--labels", faces / "labels.csv")
    refused = terminal("import", faces, "--name", "numbers", *labels, *columns)
    assert_one_sentence(refused, "the bare numbers 2", "0=male,1=female")
    document = terminal.json("import", faces, "--name", "numbers", *labels, *columns, "--mapping", "1=m,2=f")
    assert document["labels"] == {"female": 1, "male": 0, "unlabelled": 0}


def test_a_preview_writes_nothing(empty: Terminal, tmp_path):
    faces = write_faces(tmp_path / "faces")
    document = empty.json("import", faces, "--name", "few", "--preview")
    assert (document["schema"], document["reader"], document["images"]) == ("facepriv.preview/1", "csv", 4)
    assert [row["name"] for row in document["rows"]] == [f"{name}.jpg" for name in NAMES]
    said = empty("import", faces, "--name", "few", "--preview")
    assert "4 images of 2 subjects: 2 labelled female, 2 male, 0 unlabelled." in said.out
    assert empty.json("datasets")["datasets"] == []
    with open_store(Settings(home=empty.home)) as store:
        assert store.datasets.unfinished() == ()


def test_quality_and_data_sheet(empty: Terminal, tmp_path):
    faces = write_faces(tmp_path / "faces")
    words = ("--no-quality", "--consent", "signed forms", "--yes")
    assert empty.json("import", faces, "--name", "few", *words)["quality"] is None
    report = empty.json("quality", "few")
    assert (report["schema"], report["images"]) == ("facepriv.quality/1", 4)
    assert report["contradictions"]["judged"] == 4
    listed = empty("quality", "few", "--list")
    assert "Labels that every classifier contradicts: none." in listed.out
    assert "s001_1" not in empty("quality", "few").out
    sheet = empty.json("datasheet", "few", "--set", "purpose=an audit")
    assert (sheet["Consent basis"], sheet["Purpose"], sheet["Contact"]) == ("signed forms", "an audit", "not stated")
    assert_one_sentence(empty("datasheet", "few", "--set", "colour=red"), "part=text")
    with open_store(Settings(home=empty.home)) as store:
        assert [line.action for line in store.access.list()] == ["datasheet-edited", "quality-listed"]


@pytest.mark.fault
def test_interrupting_an_import_says_how_it_goes_on(empty: Terminal, tmp_path):
    faces = tmp_path / "faces"
    faces.mkdir()
    data = (demo_folder() / "images" / "s001" / "s001_1.jpg").read_bytes()
    for number in range(60):
        (faces / f"{number:02}.jpg").write_bytes(data + bytes([number]))
    process = empty.start("import", faces, "--name", "many", "--no-quality")
    with open_store(Settings(home=empty.home)) as store:
        wait_until(lambda: store.datasets.unfinished())
        time.sleep(1)
        assert "An import of many is under way" in empty("datasets").out
        assert_one_sentence(empty("datasets", "--discard", "many"), "is under way")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "Run the same command again to go on" in " ".join(err.split())
        (left,) = store.datasets.unfinished()
        assert not left.written_by
    assert "An import of many is not complete" in empty("datasets").out
    assert "of the interrupted import many removed" in empty("datasets", "--discard", "many").out
    assert_one_sentence(empty("datasets", "--discard", "many"), "no interrupted import")


def test_datasets(job: Job):
    assert "few" in job.run("datasets").out
    (dataset,) = job.run.json("datasets")["datasets"]
    assert {*dataset} == {
        *("name", "reader", "reader_reason", "licence", "content_sha256", "created_at", "retain_until"),
        *("images", "subjects", "labels", "failures", "problems", "identities", "terms", "datasheet"),
    }
    assert (dataset["name"], dataset["images"], dataset["subjects"]) == ("few", 4, 2)


def test_perturb_shows_all_tables(job: Job):
    out = job.perturbed.out
    for title in ("gender error", "Confusion of dlib-gender", "Face matching", "Effort", "Change of the image"):
        assert title in out
    assert "Run 1: algorithm1 (unnoticeable, specific to its guides), guided by dlib-gender, on 4 images." in out
    for version in ("the file as stored", "JPEG, quality 90", "resized to 75 %", "greyscale", "(diagnostic)"):
        assert version in out
    assert "The change is specific to dlib-gender: classifiers that did not guide" in out
    assert "Not every flip outlasts what others may do to the file" in out
    assert "dlib-gender errs on 0.0 % of the labels before and 100.0 % after" in out
    assert "are not held off by anything measured here" in out
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
    assert (spec["dataset"]["name"], len(spec["image_ids"]), spec["seed"]) == ("few", 4, 5)
    assert {"eps": 0.3, "eta": -0.1, "sweeps": 40, "candidates": "opposite"}.items() <= spec["parameters"].items()
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
        (("--matcher", "oracle"), ("called 'oracle'", "sface")),
        ((*PAPER, "--set", "eps=2"), ("The parameter eps of algorithm1 cannot be 2.0",)),
        ((*PAPER, "--set", "eta=nan"), ("The parameter eta of algorithm1 cannot be nan",)),
        ((*PAPER, "--set", "sweeps=many"), ("The parameter sweeps of algorithm1 cannot be 'many'",)),
        ((*PAPER, "--set", "colour=1"), ("has no parameter 'colour'", "eps, eta, sweeps, candidates")),
        ((*PAPER, "--set", "eps"), ("written once, as name=value, but 'eps' was given",)),
        ((*PAPER, "--set", "eps=0.1", "--set", "eps=0.2"), ("written once",)),
        ((*PAPER, "--guide", "dlib-gender", "--guide", "oracle"), ("called 'oracle'", "dlib-gender")),
        ((*PAPER, "--guard", "oracle"), ("called 'oracle'", "sface")),
        ((*PAPER, "--learn-from", "folds"), ("algorithm1 with these parameters learns nothing",)),
        (("--limit", "0"), ("A limit of at least 1 image was expected, got 0",)),
        (("--seed", "-1"), ("A seed of 0 or more was expected, got -1",)),
    ],
)
def test_runs_that_are_refused(job: Job, options, parts):
    before = job.run.json("runs")["runs"]
    assert_one_sentence(job.run("perturb", "few", *options), *parts)
    assert job.run.json("runs")["runs"] == before


def test_runs(job: Job):
    said = job.run("runs")
    assert "complete" in said.out
    (run,) = job.run.json("runs")["runs"]
    assert {*run} == {"run_id", "dataset", "method", "guide", "images", "state", "created_at", "error"}
    assert (run["run_id"], run["dataset"], run["state"]) == (job.perturb_json["run_id"], "few", "complete")
    assert job.run.json("runs", "--limit", "1")["runs"] == [run]


def test_show_repeats_what_perturb_said(job: Job, tmp_path):
    number = job.perturb_json["run_id"]
    assert job.run("show", number) == Said(0, job.perturbed.out, "")
    assert job.run.json("show", number) == job.perturb_json
    assert job.run("show", number, "--json", tmp_path / "again.json").out == job.perturbed.out
    assert json.loads((tmp_path / "again.json").read_text()) == job.perturb_json


def test_json_on_standard_output_has_it_alone(job: Job):
    said = job.run("show", job.perturb_json["run_id"], "--json", "-")
    assert json.loads(said.out) == job.perturb_json
    assert said.err == job.perturbed.out, "people still read the tables, on standard error"


def test_report(job: Job, tmp_path):
    number = job.perturb_json["run_id"]
    said = job.run("report", number, "--html", tmp_path / "r.html", "--csv", tmp_path / "csv")
    assert said.code == 0, said.err
    assert "it opens without a network" in said.out
    assert f"Run {number}: " in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert job.run.json("report", number)["schema"] == "facepriv.report/1"
    assert_usage(job.run("report", number), "Say what to write")
    assert_usage(job.run("report", number, "--figures", tmp_path, "--format", "gif"), "svg or png")


def test_export(job: Job, tmp_path):
    number = job.perturb_json["run_id"]
    document = job.run.json("export", number, "--out", tmp_path / "out")
    counted = {"images": 4, "without": 0, "withheld": 0}
    assert document == {"schema": "facepriv.export/1", "folder": str(tmp_path / "out"), **counted}
    assert json.loads((tmp_path / "out" / "run.json").read_text()) == job.perturb_json
    assert len(list((tmp_path / "out" / "images").iterdir())) == 4
    refused = job.run("export", number, "--out", tmp_path / "out")
    assert_one_sentence(refused, "A new or empty folder was expected", "name another one")
    with open_store(Settings(home=job.run.home)) as store:
        assert [(line.actor, line.action) for line in store.access.list(limit=1)] == [("cli", "run-exported")]


def test_an_export_goes_back_in_with_the_same_labels(job: Job, tmp_path):
    out = tmp_path / "out"
    said = job.run("export", job.perturb_json["run_id"], "--out", out)
    assert "4 perturbed images, manifest.csv and run.json are in" in said.out
    document = Terminal(tmp_path / "home").json("import", out, "--name", "again")
    assert (document["labels"], document["subjects"]) == ({"female": 2, "male": 2, "unlabelled": 0}, 2)
    assert (document["left_out"], document["no_usable_face"]) == ([], [])


def test_the_same_job_is_found_again(job: Job):
    """As `facepriv demo` does: a complete run is shown, one left half-way is gone on with."""
    settings = Settings(home=job.run.home)
    with open_store(settings) as store:
        run = store.runs.get(job.perturb_json["run_id"])
        waiting = start_run(store, run.spec)
        try:
            assert _same_run(store, run.spec).id == run.id
            other = run.spec.model_copy(update={"seed": 99})
            assert _same_run(store, other) is None
            left = start_run(store, other)
            assert _same_run(store, other).id == left.id
            store.runs.cancel(left.id)
            assert _same_run(store, other) is None
            store.runs.delete(left.id)
        finally:
            store.runs.delete(waiting.id)


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
