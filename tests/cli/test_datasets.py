"""`facepriv quality`, `datasheet` and `datasets` as a user meets them."""

from __future__ import annotations

import pytest

from facepriv.config import Settings
from facepriv.store import open_store
from tests.cli.conftest import Job
from tests.cli.terminal import Terminal, assert_one_sentence, write_faces

pytestmark = pytest.mark.xdist_group("cli")


def test_quality_and_data_sheet(empty: Terminal, tmp_path):
    faces = write_faces(tmp_path / "faces")
    words = ("--no-quality", "--consent", "signed forms", "--yes")
    assert empty.json("import", faces, "--name", "few", *words)["quality"] is None
    report = empty.json("quality", "few")
    assert report["schema"] == "facepriv.quality/1"
    assert report["images"] == 4
    assert report["contradictions"]["judged"] == 4
    listed = empty("quality", "few", "--list")
    assert "Labels that every classifier contradicts: none." in listed.out
    assert "s001_1" not in empty("quality", "few").out
    sheet = empty.json("datasheet", "few", "--set", "purpose=an audit")
    assert sheet["Consent basis"] == "signed forms"
    assert sheet["Purpose"] == "an audit"
    assert sheet["Contact"] == "not stated"
    assert_one_sentence(empty("datasheet", "few", "--set", "colour=red"), "part=text")
    with open_store(Settings(home=empty.home)) as store:
        assert [line.action for line in store.access.list()] == [
            "datasheet-edited",
            "quality-listed",
            "dataset-imported",
        ]


def test_datasets(job: Job):
    assert "few" in job.run("datasets").out
    (dataset,) = job.run.json("datasets")["datasets"]
    assert {*dataset} == {
        *("name", "reader", "reader_reason", "licence", "content_sha256", "created_at", "retain_until"),
        *("images", "subjects", "labels", "failures", "problems", "identities", "terms", "datasheet"),
    }
    assert dataset["name"] == "few"
    assert dataset["images"] == 4
    assert dataset["subjects"] == 2
