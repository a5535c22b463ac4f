"""`facepriv runs`, `show`, `schema`, `cancel`, `delete` and `restore` as a user meets them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import pytest

from facepriv.config import Settings
from facepriv.datasets.demo import demo_folder
from facepriv.schemas.requests import RunRequest
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import open_store
from tests.cli.conftest import Job
from tests.cli.terminal import Said, assert_one_sentence, assert_usage

pytestmark = pytest.mark.xdist_group("cli")


def test_runs(job: Job):
    said = job.run("runs")
    assert "– Not attacked yet" in said.out
    assert "complete" in job.run("runs", "--full").out
    (run,) = job.run.json("runs")["runs"]
    assert {*run} >= {"run_id", "dataset", "method", "guide", "images", "state", "created_at", "error"}
    assert (run["level"], run["attacker"], run["sign_off"], run["tags"]) == ("unknown", None, None, [])
    assert run["numbers"]["images"] == run["images"]
    assert run["run_id"] == job.perturb_json["run_id"]
    assert run["dataset"] == "few"
    assert run["state"] == "complete"
    assert job.run.json("runs", "--limit", "1")["runs"] == [run]


def test_notes_are_written_and_found(job: Job):
    number = job.perturb_json["run_id"]
    assert job.run("note", number).out == f"Run {number} has no name, notes or tags.\n"
    said = job.run("note", number, "--name", "first", "--tag", "goal", "--tag", "old", "--notes", "ask Otto")
    assert said.out == f"Run {number}\nName: first\nTags: goal, old\nNotes: ask Otto\n"
    assert job.run("note", number, "--untag", "old").out == f"Run {number}\nName: first\nTags: goal\nNotes: ask Otto\n"
    assert "first" in job.run("runs", "--tag", "goal").out
    assert job.run.json("runs", "--search", "OTTO")["runs"][0]["name"] == "first"
    for nothing in (("--tag", "old"), ("--state", "failed"), ("--search", "nobody"), ("--dataset", "other")):
        assert job.run("runs", *nothing).out == "No run matches.\n"
    assert_usage(job.run("runs", "--state", "mad"))
    assert_one_sentence(job.run("runs", "--study", "7"), "There is no study 7")
    assert_one_sentence(job.run("note", number, "--tag", "a,b"), "A tag has")
    assert job.run("note", number, "--name", "", "--notes", "", "--untag", "goal").out.endswith(
        "no name, notes or tags.\n"
    )


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


def test_deleting_and_cancelling(empty, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for subject in ("s001", "s031"):
        shutil.copy(demo_folder() / "images" / subject / f"{subject}_1.jpg", photos)
    assert empty("import", photos, "--name", "two").code == 0
    with open_store(Settings(home=empty.home)) as store:
        run = store.runs.create(prepare_run(store, RunRequest(dataset="two", aim="guide")))
    assert empty("cancel", run).out == f"Run {run} is cancelled.\n"
    assert_one_sentence(empty("delete", "--run", "99", "--yes"), "There is no run")
    assert_usage(empty("delete", "--yes"))
    assert_usage(empty("delete", "two", "--run", run))
    deleted = empty("delete", "--run", run)
    assert deleted.out.startswith(f"Deleted run {run}. Until ")
    assert deleted.out.endswith(f"facepriv restore --run {run}\n")
    assert_one_sentence(empty("show", run), f"Run {run} was deleted by ")
    assert f"run {run}" in empty("restore").out
    assert empty("restore", "--run", run).out == f"Restored run {run}.\n"
    assert empty("restore").out == "Nothing that was deleted can be restored.\n"
    assert empty("delete", "--run", run, "--now", "--yes").out == f"Deleted run {run} for good.\n"
    assert_one_sentence(empty("restore", "--run", run), "There is no run")
    assert any((empty.home / "artifacts").rglob("*.png"))
    with open_store(Settings(home=empty.home)) as store:
        actions = [line.action for line in store.access.list()]
    assert {*actions} >= {"run-cancelled", "run-restored"}
    assert actions.count("run-deleted") == 2


def test_schema(empty, tmp_path):
    said = empty("schema")
    assert said.code == 0
    document = json.loads(said.out)
    jsonschema.Draft202012Validator.check_schema(document)
    assert empty.json("schema") == document
    assert empty("schema", "--json", tmp_path / "schema.json") == Said(0, "", "")
    assert json.loads((tmp_path / "schema.json").read_text()) == document
    described = Path(__file__).parents[2] / "docs" / "run-schema.json"
    assert json.loads(described.read_text()) == document, "write it again with `facepriv schema --json`"
