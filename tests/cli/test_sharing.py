"""`facepriv report` and `export` as a user meets them."""

from __future__ import annotations

import json

import pytest

from facepriv.cli.store import get_actor
from facepriv.config import Settings
from facepriv.store import open_store
from tests.cli.conftest import Job
from tests.cli.terminal import Terminal, assert_one_sentence, assert_usage

pytestmark = pytest.mark.xdist_group("cli")


def test_report(job: Job, tmp_path):
    number = job.perturb_json["run_id"]
    said = job.run("report", number, "--html", tmp_path / "r.html", "--csv", tmp_path / "csv")
    assert said.code == 0, said.err
    assert "it works offline" in said.out
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
        assert [(line.actor, line.action) for line in store.access.list(limit=1)] == [
            (get_actor().name, "run-exported")
        ]


def test_an_export_goes_back_in_with_the_same_labels(job: Job, tmp_path):
    out = tmp_path / "out"
    said = job.run("export", job.perturb_json["run_id"], "--out", out)
    assert "Wrote 4 perturbed images, manifest.csv and run.json to" in said.out
    document = Terminal(tmp_path / "home").json("import", out, "--name", "again")
    assert document["labels"] == {"female": 2, "male": 2, "unlabelled": 0}
    assert document["subjects"] == 2
    assert [each["names"] for each in document["left_out"]] == [["run.json"]]
    assert document["no_usable_face"] == []
