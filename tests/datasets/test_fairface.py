"""FairFace: two tables, equal numbers in train and val, ages in bands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from facepriv.datasets.registry import read_folder
from facepriv.errors import BadInputError
from facepriv.types import FEMALE, MALE
from tests.stand_ins import make_stand_in

from .conftest import Tree

HEAD = "file,age,gender,race,service_test\n"
TRAIN = HEAD + "train/1.jpg,50-59,Male,East Asian,True\ntrain/2.jpg,more than 70,Female,Indian,False\n"
VAL = HEAD + "val/1.jpg,3-9,Female,Latino_Hispanic,False\n"


def test_both_tables_are_read(tree: Tree) -> None:
    folder = tree(["train/1.jpg", "train/2.jpg", "val/1.jpg"])
    (folder / "fairface_label_train.csv").write_text(TRAIN)
    (folder / "fairface_label_val.csv").write_text(VAL)
    got = read_folder(folder)
    assert [(i.name, i.subject, i.label, i.attributes) for i in got.images] == [
        ("train/1.jpg", "train/1.jpg", MALE, {"age_group": "50-59", "race": "East Asian"}),
        ("train/2.jpg", "train/2.jpg", FEMALE, {"age_group": "more than 70", "race": "Indian"}),
        ("val/1.jpg", "val/1.jpg", FEMALE, {"age_group": "3-9", "race": "Latino_Hispanic"}),
    ]
    assert got.table == "fairface_label_train.csv and fairface_label_val.csv"
    assert got.identities == "none"
    assert "no mated and no non-mated comparisons" in "".join(p.sentence for p in got.problems)


def test_rows_of_the_other_half_are_not_taken_for_equal_numbers(tree: Tree) -> None:
    folder = tree(["val/1.jpg", "val/2.jpg"])
    (folder / "fairface_label_train.csv").write_text(TRAIN)
    (folder / "fairface_label_val.csv").write_text(VAL)
    got = read_folder(folder)
    assert [i.label for i in got.images] == [FEMALE, None]
    assert {p.code for p in got.problems} == {"unknown-file", "no-row", "no-identities", "one-gender"}


def test_tables_may_lie_above(tree: Tree) -> None:
    folder = tree(["train/1.jpg", "train/2.jpg"])
    (folder.parent / "fairface_label_train.csv").write_text(TRAIN)
    assert [i.label for i in read_folder(folder).images] == [MALE, FEMALE]


def test_without_tables_the_images_stay_unlabelled(tree: Tree) -> None:
    folder = tree(["train/1.jpg", "val/1.jpg"])
    assert read_folder(folder).reader == "flat"
    got = read_folder(folder, format="fairface")
    assert [i.label for i in got.images] == [None, None]
    assert "train/1.jpg has no row in the label tables, which are missing," in got.problems[0].sentence


def test_two_crops_in_one_folder_are_refused(tmp_path: Path) -> None:
    folder = make_stand_in("fairface", tmp_path / "x")
    shutil.copytree(folder / "fairface-img-margin025-trainval", folder / "fairface-img-margin125-trainval")
    with pytest.raises(BadInputError, match="one image of FairFace in two versions"):
        read_folder(folder)


def test_one_table_may_be_named(tree: Tree, tmp_path: Path) -> None:
    folder = tree(["train/1.jpg", "train/2.jpg"])
    (tmp_path / "mine.csv").write_text(TRAIN)
    got = read_folder(folder, labels=tmp_path / "mine.csv")
    assert got.reader == "fairface"
    assert got.table == "mine.csv"
    assert [i.label for i in got.images] == [MALE, FEMALE]
