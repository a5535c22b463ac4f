"""UTKFace: names that tell all, and the published ones that do not."""

from __future__ import annotations

import pytest

from facepriv.datasets.registry import read_folder
from facepriv.types import FEMALE, MALE

from .conftest import Tree

GOOD = ["9_0_0_20170116174525125.jpg.chip.jpg", "116_1_4_20170109142408075.jpg", "30_1_2_20170109142408.png"]


def test_names_tell_age_gender_and_race(tree: Tree) -> None:
    got = read_folder(tree(GOOD))
    assert got.reader == "utkface"
    assert got.identities == "none"
    assert [(i.label, i.attributes) for i in got.images] == [
        (FEMALE, {"age": 116.0, "race": "Others"}),
        (FEMALE, {"age": 30.0, "race": "Asian"}),
        (MALE, {"age": 9.0, "race": "White"}),
    ]
    assert [i.subject for i in got.images] == [i.name for i in got.images]
    assert [p.code for p in got.problems] == ["no-identities"]


@pytest.mark.parametrize(
    "name",
    [
        "39_1_20170116174525125.jpg.chip.jpg",
        "61_3_20170109150557335.jpg",
        "53__0_20170116184028385.jpg",
        "30_2_0_20170109142408075.jpg",
        "30_1_5_20170109142408075.jpg",
        "117_1_0_20170109142408075.jpg",
        "30_1_0_1_20170109142408075.jpg",
    ],
)
def test_a_name_that_lacks_a_field_is_left_out(tree: Tree, name: str) -> None:
    got = read_folder(tree([*GOOD, name]))
    assert got.reader == "utkface"
    assert len(got.images) == 3
    (problem,) = [p for p in got.problems if p.code == "malformed-name"]
    assert problem.name == name
    assert "left out rather than guessed at" in problem.sentence


@pytest.mark.parametrize(
    "name",
    [
        "24_0_1_20170116220224657 .jpg.chip.jpg",
        "55_0_0_20170116232725357jpg.chip.jpg",
        "44_1_4_20170116235150272.pg.chip.jpg",
    ],
)
def test_published_slips_that_do_no_harm(tree: Tree, name: str) -> None:
    assert name in [i.name for i in read_folder(tree([*GOOD, name])).images]


@pytest.mark.parametrize("name", ["holiday.jpg", "25_1_0.jpg", "25_1_0_1234.jpg", "img_20170116174525125.jpg"])
def test_strangers_are_told_of(tree: Tree, name: str) -> None:
    got = read_folder(tree([*GOOD, *(f"{age}_1_0_20170109142408075.jpg" for age in range(20, 25)), name]))
    assert got.reader == "utkface"
    assert [p.name for p in got.problems if p.code == "unexpected-file"] == [name]


def test_only_malformed_names_are_no_utkface(tree: Tree) -> None:
    assert read_folder(tree(["39_1_20170116174525125.jpg"])).reader == "flat"


def test_a_declared_mapping_is_not_needed(tree: Tree) -> None:
    got = read_folder(tree(GOOD), mapping={"0": "female", "1": "male"})
    assert [i.label for i in got.images] == [FEMALE, FEMALE, MALE]
    assert "mapping-not-used" in {p.code for p in got.problems}
