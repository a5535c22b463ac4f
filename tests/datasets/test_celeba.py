"""CelebA: lists as text and as CSV, with and without identities, whole and cut off."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from facepriv.datasets.reading import ReadResult
from facepriv.datasets.registry import read_folder
from facepriv.errors import BadInputError
from facepriv.types import FEMALE, MALE
from tests.stand_ins import make_stand_in

from .conftest import Tree

IMAGES = ["000001.jpg", "000002.jpg", "000003.jpg"]
LIST = "3\nBald Male Young\n000001.jpg -1  1 -1\n000002.jpg  1 -1  1\n000003.jpg  1 -1 -1\n"


def write(folder: Path, attributes: str, identities: str | None = None) -> ReadResult:
    (folder / "list_attr_celeba.txt").write_text(attributes)
    if identities is not None:
        (folder / "identity_CelebA.txt").write_text(identities)
    return read_folder(folder)


def said(result: ReadResult, code: str) -> str:
    return next(p.sentence for p in result.problems if p.code == code)


def test_male_is_detector_fingerprint_name_and_runs_of_spaces_are_one(tree: Tree) -> None:
    got = write(tree(IMAGES), LIST)
    assert [(i.subject, i.label) for i in got.images] == [
        ("000001.jpg", MALE),
        ("000002.jpg", FEMALE),
        ("000003.jpg", FEMALE),
    ]
    assert got.reader == "celeba"
    assert got.identities == "none"
    assert got.table == "list_attr_celeba.txt"
    assert [p.code for p in got.problems] == ["no-identities"]


def test_identities_make_people_of_images(tree: Tree) -> None:
    got = write(tree(IMAGES), LIST, "000001.jpg 2880\n000002.jpg 7\n000003.jpg 7\n")
    assert [i.subject for i in got.images] == ["2880", "7", "7"]
    assert got.identities == "people"
    assert got.problems == []
    assert "identity_CelebA.txt numbers them" in got.why


def test_an_image_without_identity_is_left_out(tree: Tree) -> None:
    got = write(tree(IMAGES), LIST, "000001.jpg 2880\n000003.jpg 7\nnonsense\n")
    assert [i.subject for i in got.images] == ["2880", "7"]
    assert "000002.jpg is not in the identity list" in said(got, "no-subject")
    assert "line 3 of identity_CelebA.txt" in said(got, "bad-row")


def test_rows_that_cannot_be_used_leave_no_label(tree: Tree) -> None:
    got = write(
        tree(IMAGES), "9\nBald Male Young\n000001.jpg -1 0 -1\n000002.jpg 1\n000003.jpg 1 1 1\n000009.jpg 1 1 1\n"
    )
    assert [i.label for i in got.images] == [None, None, MALE]
    assert {p.code for p in got.problems} == {
        "bad-row",
        "count-differs",
        "unknown-file",
        "no-row",
        "no-identities",
        "one-gender",
    }
    assert "announcing 9 rows but has 4" in said(got, "count-differs")


@pytest.mark.parametrize("text", ["", "3\n", "3\nBald Young\n000001.jpg 1 1\n", "000001.jpg 1 1\n"])
def test_a_list_without_its_column_is_refused(tree: Tree, text: str) -> None:
    with pytest.raises(BadInputError, match="has no column Male") as caught:
        write(tree(IMAGES), text)
    assert caught.value.code == "missing-columns"


def test_the_csv_form(tmp_path: Path) -> None:
    folder = make_stand_in("celeba-kaggle", tmp_path / "x")
    got = read_folder(folder)
    assert got.table == "list_attr_celeba.csv"
    assert [i.label for i in got.images] == [FEMALE] * 4 + [MALE] * 4


def test_a_list_from_elsewhere(tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "list_attr_celeba.txt").write_text(LIST)
    got = read_folder(tree(IMAGES), labels=tmp_path / "lists" / "list_attr_celeba.txt")
    assert [i.label for i in got.images] == [MALE, FEMALE, FEMALE]


def test_six_digits_alone_are_no_evidence(tree: Tree) -> None:
    folder = tree(IMAGES)
    assert read_folder(folder).reader != "celeba"
    got = read_folder(folder, format="celeba")
    assert [i.label for i in got.images] == [None] * 3


def test_aligned_and_wild_in_one_folder_are_refused(tmp_path: Path) -> None:
    folder = make_stand_in("celeba", tmp_path / "x")
    shutil.copytree(folder / "img_align_celeba", folder / "img_celeba")
    with pytest.raises(BadInputError, match="one image of CelebA in two versions"):
        read_folder(folder)
