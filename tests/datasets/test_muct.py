"""MUCT: names that tell all, mirrored copies, terms of use."""

from __future__ import annotations

from pathlib import Path

import pytest

from facepriv.datasets.muct import SHOWABLE
from facepriv.datasets.problems import problem_count
from facepriv.datasets.registry import read_folder
from facepriv.errors import BadInputError
from facepriv.types import FEMALE, MALE
from tests.stand_ins import make_stand_in

from .conftest import Tree


def test_names_tell_subject_and_gender(tree: Tree) -> None:
    got = read_folder(tree(["jpg/i000qa-fn.jpg", "jpg/i000re-fg.jpg", "jpg/i402za-mn.jpg"]))
    assert [(i.name, i.subject, i.label) for i in got.images] == [
        ("jpg/i000qa-fn.jpg", "000", FEMALE),
        ("jpg/i000re-fg.jpg", "000", FEMALE),
        ("jpg/i402za-mn.jpg", "402", MALE),
    ]


@pytest.mark.parametrize("name", ["i000qa-xn.jpg", "i000qf-fn.jpg", "i00qa-fn.jpg", "x000qa-fn.jpg", "i000qa-fn_2.jpg"])
def test_other_names_are_told_of(tree: Tree, name: str) -> None:
    got = read_folder(tree([name, *(f"i{n:03}qa-fn.jpg" for n in range(4))]))
    assert got.reader == "muct"
    assert len(got.images) == 4
    (problem,) = [p for p in got.problems if p.code == "unexpected-file"]
    assert problem.name == name


def test_mirrored_copies_are_one_notice_and_landmarks_no_labels(tmp_path: Path) -> None:
    got = read_folder(make_stand_in("muct", tmp_path / "x"))
    (problem,) = [p for p in got.problems if p.code == "mirrored-image"]
    assert problem_count(problem) == 2
    assert "2 images (jpg/ir000qa-fn.jpg, jpg/ir001qa-mn.jpg) are mirrored copies" in problem.sentence
    assert {p.code for p in got.problems} == {"mirrored-image", "table-not-used", "other-file"}
    assert got.table == ""


def test_terms_name_who_may_be_shown(tmp_path: Path) -> None:
    got = read_folder(make_stand_in("muct", tmp_path / "x"))
    assert got.terms is not None
    assert got.terms.showable == SHOWABLE == {"000", "001", "002", "200", "201", "400", "401", "402"}
    assert {i.subject for i in got.images} - got.terms.showable == {"003", "204"}


def test_a_table_beside_the_names_is_refused(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("file,gender\ni000qa-fn.jpg,m\n")
    with pytest.raises(BadInputError, match="takes its labels from the file names"):
        read_folder(tree(["i000qa-fn.jpg"]), format="muct", labels=tmp_path / "l.csv")
