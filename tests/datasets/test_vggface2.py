"""VGGFace2: a table that no CSV reader takes."""

from __future__ import annotations

import pytest

from facepriv.datasets.registry import read_folder
from facepriv.errors import BadInputError
from facepriv.types import FEMALE, MALE

from .conftest import Tree

IMAGES = ["train/n000002/0001_01.jpg", "train/n000002/0362_02.jpg", "test/n000001/0019_01.jpg"]
HEAD = "Class_ID, Name, Sample_Num, Flag, Gender\n"


@pytest.mark.parametrize(
    "name", ['"A_Name"', '"A,_Name"', '"A_"Nick"_Name"', "A_Name", '"A"",_m, Name"', '"\u00c9mile"']
)
@pytest.mark.parametrize("end", ["", ",", " ,"])
def test_the_gender_is_the_last_cell_whatever_the_name_holds(tree: Tree, name: str, end: str) -> None:
    folder = tree(IMAGES)
    (folder / "meta").mkdir()
    text = f"{HEAD}n000001, {name},424,0, m{end}\nn000002, {name},315,1, f{end}\n"
    (folder / "meta" / "identity_meta.csv").write_text(text, encoding="utf-8")
    got = read_folder(folder)
    assert got.reader == "vggface2"
    assert got.table == "identity_meta.csv"
    assert [(i.subject, i.label) for i in got.images] == [
        ("n000001", MALE),
        ("n000002", FEMALE),
        ("n000002", FEMALE),
    ]
    assert got.problems == []
    assert "Name" not in repr(got)


def test_rows_that_are_none_are_told_of(tree: Tree) -> None:
    folder = tree(IMAGES)
    text = HEAD + 'n000001, "A",424,0, x\nclass, "B",1,0, m\nn000002, "C",315,1, f\nn000009, "D",1,1, f\nn000002, f\n'
    (folder / "identity_meta.csv").write_text(text)
    got = read_folder(folder)
    assert {i.subject: i.label for i in got.images} == {"n000001": None, "n000002": FEMALE}
    assert [p.name for p in got.problems if p.code == "bad-row"] == ["line 2", "line 3", "line 6"]
    assert {p.code for p in got.problems} == {"bad-row", "unknown-subject", "no-row", "one-gender"}


def test_a_table_that_is_none_is_refused(tree: Tree) -> None:
    folder = tree(IMAGES)
    (folder / "identity_meta.csv").write_text("<html>not found</html>")
    with pytest.raises(BadInputError, match=r"identity_meta\.csv has no row like") as caught:
        read_folder(folder)
    assert caught.value.code == "empty-labels"


def test_without_a_table_the_images_stay_unlabelled(tree: Tree) -> None:
    got = read_folder(tree(IMAGES))
    assert [i.label for i in got.images] == [None] * 3
    assert got.reader == "vggface2"
    assert [p.code for p in got.problems] == ["no-labels"]
