"""`facepriv templates` as a user meets it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facepriv.config import Settings
from facepriv.store import open_store
from tests.cli.conftest import Job
from tests.cli.terminal import Terminal, assert_one_sentence, assert_usage
from tests.datasets.templates.tables import planted, write_as

pytestmark = pytest.mark.xdist_group("cli")


def test_from_a_file_to_a_file(empty: Terminal, tmp_path: Path) -> None:
    there = planted()
    path = write_as("csv", tmp_path, there)
    said = empty(
        "templates", "import", path, "--name", "staff", "--metric", "cosine", "--matcher", "arcface", "--licence", "CC0"
    )
    assert said.code == 0, said.err
    assert "staff: 12 templates of 6 subjects (6 female, 6 male), 8 numbers each, by arcface" in said.out
    assert "a second." in said.out
    assert "staff" in empty("templates").out
    shown = empty.json("templates", "show", "staff")
    assert shown["schema"] == "facepriv.template-set/1"
    assert (shown["templates"], shown["metric"], shown["datasheet"]) == (12, "cosine", {"licence": "CC0"})
    (listed,) = empty.json("templates")["template_sets"]
    assert listed["name"] == "staff"
    quality = empty.json("templates", "quality", "staff", "--anew", "--list")
    assert quality["schema"] == "facepriv.template-quality/1"
    for suffix in ("npz", "csv", "parquet"):
        out = tmp_path / f"out.{suffix}"
        assert empty("templates", "export", "staff", out).code == 0
        again = empty.json("templates", "import", out, "--name", suffix, "--no-quality")
        assert again["rows_sha256"] == shown["rows_sha256"]
        assert again["quality"] is None
    assert_one_sentence(empty("templates", "export", "staff", tmp_path / "out.txt"), ".npz")
    removed = empty.json("templates", "remove", "staff", "--yes")
    assert removed["purged"]["complete"]
    assert_one_sentence(empty("templates", "show", "staff"), "There is no template set 'staff'")
    with open_store(Settings(home=empty.home)) as store:
        done = [line.action for line in reversed(store.access.list()) if line.subject == "template set 1"]
        assert done == [
            "templates-imported",
            "quality-listed",
            *["templates-exported"] * 3,
            "purge-begun",
            "templates-purged",
        ]
        assert store.jobs.list() == ()


def test_import_recognises_a_file_of_templates(empty: Terminal, tmp_path: Path) -> None:
    there = planted()
    path = tmp_path / "t.npz"
    np.savez(path, rows=there.rows, who=there.subjects, labels=there.labels)
    assert_one_sentence(empty("import", path, "--name", "staff"), "bare numbers", "--mapping")
    words = ("--subject-column", "who", "--mapping", "1=male,-1=female", "--yes")
    document = empty.json("import", path, "--name", "staff", *words)
    assert document["labels"] == {"female": 6, "male": 6, "unlabelled": 0}
    assert document["subjects"] == 6
    assert_usage(empty("import", path, "--name", "other", "--preview"), "this is a file of templates")


def test_what_is_wrong_is_one_sentence(empty: Terminal, tmp_path: Path) -> None:
    assert_one_sentence(empty("templates", "import", tmp_path / "no.npz", "--name", "x"), "does not exist")
    (tmp_path / "a.csv").write_text("file,gender\na,f\n")
    assert_one_sentence(empty("templates", "import", tmp_path / "a.csv", "--name", "x"), "not a table of templates")
    assert_one_sentence(empty("templates", "make", "nobody", "--matcher", "sface"), "There is no data set 'nobody'")
    assert "There is no template set yet" in empty("templates").out
    assert empty.json("templates") == {"schema": "facepriv.template-sets/1", "template_sets": []}


def test_how_long_templates_may_be_kept(empty: Terminal, tmp_path: Path) -> None:
    empty("templates", "import", write_as("npz", tmp_path, planted()), "--name", "staff", "--no-quality")
    assert "staff may be kept until 2099-12-31." in empty("retain", "staff", "2099-12-31").out
    assert "2099-12-31" in empty("templates").out
    assert "That day has passed" in empty("retain", "staff", "2001-01-01").out
    purged = empty.json("purge", "--expired", "--yes")
    assert [each["template_set"] for each in purged["template_sets"]] == ["staff"]
    assert "There is no template set yet" in empty("templates").out
    empty("templates", "import", write_as("npz", tmp_path, planted()), "--name", "staff", "--no-quality")
    assert empty.json("purge", "staff", "--dry-run")["template_sets"] == ["staff"]
    assert empty("purge", "staff", "--yes").code == 0
    assert_one_sentence(empty("purge", "staff", "--yes"), "There is no data set 'staff'")


def test_the_data_sheet_of_templates(empty: Terminal, tmp_path: Path) -> None:
    empty("templates", "import", write_as("npz", tmp_path, planted()), "--name", "staff", "--no-quality")
    assert "nothing was stated" in empty("templates", "show", "staff").out
    sheet = empty.json("datasheet", "staff", "--set", "consent=forms", "--set", "retention=2099-12-31")
    assert (sheet["Consent basis"], sheet["May be kept until"]) == ("forms", "2099-12-31")
    assert "consent forms" in empty("templates", "show", "staff").out
    assert_one_sentence(empty("datasheet", "staff", "--set", "colour=red"), "part=text")
    with open_store(Settings(home=empty.home)) as store:
        done = [(line.action, line.subject) for line in store.access.list(limit=2)]
        assert done == [("datasheet-edited", "template set 1"), ("templates-retained", "template set 1")]


def test_templates_of_images(job: Job) -> None:
    document = job.run.json("templates", "make", "few", "--matcher", "sface")
    assert document["name"] == "few-sface"
    assert (document["templates"], document["width"], document["matcher"]) == (4, 128, "sface")
    assert job.run("templates", "remove", "few-sface", "--yes").code == 0
