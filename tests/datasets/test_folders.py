"""Folders of subjects: the table in them that tells genders, ages and races, if it is the only one."""

from __future__ import annotations

from facepriv.datasets.registry import read_folder
from facepriv.types import FEMALE, MALE

from .conftest import Tree

IMAGES = ["ann/1.png", "ann/2.png", "bob/1.png", "carl/1.png"]
PEOPLE = "person,sex,age,race\nAnn,f,30,white\nbob,m,,black\n"


def test_the_only_table_about_the_subjects_is_used(tree: Tree) -> None:
    got = read_folder(tree(IMAGES, people_csv=PEOPLE, other_csv="a,b\n1,2\n"))
    assert got.reader == "folders"
    assert got.table == "people.csv"
    assert [(i.subject, i.label, i.attributes) for i in got.images] == [
        ("ann", FEMALE, {"age": 30.0, "race": "white"}),
        ("ann", FEMALE, {"age": 30.0, "race": "white"}),
        ("bob", MALE, {"race": "black"}),
        ("carl", None, {}),
    ]
    assert {p.code for p in got.problems} == {"no-row", "table-not-used"}
    assert "genders are from people.csv" in got.why


def test_several_tables_are_not_chosen_from(tree: Tree) -> None:
    got = read_folder(tree(IMAGES, people_csv=PEOPLE, more_csv=PEOPLE))
    assert {i.label for i in got.images} == {None}
    assert [p.name for p in got.problems if p.code == "table-not-used"] == ["more.csv", "people.csv"]


def test_a_table_about_others_is_told_of(tree: Tree) -> None:
    got = read_folder(tree(IMAGES, people_csv="person,sex\nzoe,f\n"))
    assert {p.code for p in got.problems} == {"table-not-used", "no-labels"}


def test_numbers_without_a_meaning_leave_the_table_unused(tree: Tree) -> None:
    folder = tree(IMAGES, people_csv="person,sex\nann,0\nbob,1\n")
    assert {i.label for i in read_folder(folder).images} == {None}
    got = read_folder(folder, mapping={"0": "female", "1": "male"})
    assert [i.label for i in got.images] == [FEMALE, FEMALE, MALE, None]
