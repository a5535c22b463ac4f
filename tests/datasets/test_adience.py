"""Adience: folds parted by tabs, bands of age, accounts that are no people."""

from __future__ import annotations

from pathlib import Path

import pytest

from facepriv.datasets.reading import ReadResult
from facepriv.datasets.registry import read_folder
from facepriv.errors import BadInputError
from facepriv.types import FEMALE, MALE
from tests.stand_ins import make_stand_in

from .conftest import Tree

HEAD = "user_id\toriginal_image\tface_id\tage\tgender\tx\ty\n"
IMAGE = "faces/1@N03/coarse_tilt_aligned_face.{}.10_o.jpg"


def read(tree: Tree, *rows: str) -> ReadResult:
    folder = tree([IMAGE.format(1), IMAGE.format(2)])
    (folder / "fold_0_data.txt").write_text(HEAD + "".join(f"{row}\n" for row in rows))
    return read_folder(folder)


@pytest.mark.parametrize(
    ("age", "attributes"),
    [("(25, 32)", {"age_group": "(25, 32)"}), ("35", {"age": 35.0}), ("None", {}), ("", {})],
)
@pytest.mark.parametrize(("gender", "label"), [("f", FEMALE), ("m", MALE), ("u", None), ("", None)])
def test_ages_and_genders(tree: Tree, age: str, attributes: dict[str, object], gender: str, label: int | None) -> None:
    got = read(tree, f"1@N03\t10_o.jpg\t1\t{age}\t{gender}\t0\t0", "1@N03\t10_o.jpg\t2\t(0, 2)\tf\t0\t0")
    assert got.images[0].label == label
    assert got.images[0].attributes == attributes
    assert got.images[1].subject == "1@N03"
    assert got.images[1].label == FEMALE


def test_accounts_are_groups_and_nothing_is_matched(tmp_path: Path) -> None:
    got = read_folder(make_stand_in("adience", tmp_path / "x"))
    assert got.identities == "groups"
    account = [i.label for i in got.images if i.subject == "30601258@N03"]
    assert set(account) == {MALE, FEMALE}
    assert [p.code for p in got.problems] == ["text-file", "no-identities"]
    assert "groups that may hold several people" in got.problems[1].sentence
    assert got.table == "fold_0_data.txt to fold_frontal_0_data.txt"


def test_rows_and_images_that_do_not_meet(tree: Tree) -> None:
    got = read(tree, "1@N03\t10_o.jpg\t1\t35\tm\t0\t0", "2@N03\t10_o.jpg\t2\t35\tm\t0\t0", "1@N03\t10_o.jpg\t2\told\tm")
    assert [i.label for i in got.images] == [MALE, None]
    told = {p.code: p.name for p in got.problems}
    assert told["unknown-file"] == "2@N03/2.10_o.jpg"
    assert told["bad-row"] == "line 4"
    assert told["no-row"] == IMAGE.format(2)


def test_folds_that_contradict_each_other_leave_no_label(tree: Tree) -> None:
    folder = tree([IMAGE.format(1)])
    (folder / "fold_0_data.txt").write_text(f"{HEAD}1@N03\t10_o.jpg\t1\t35\tm\t0\t0\n")
    (folder / "fold_1_data.txt").write_text(f"{HEAD}1@N03\t10_o.jpg\t1\t35\tf\t0\t0\n")
    got = read_folder(folder)
    assert got.images[0].label is None
    assert "contradicting-genders" in {p.code for p in got.problems}


def test_a_fold_without_its_columns_is_refused(tree: Tree) -> None:
    folder = tree([IMAGE.format(1)])
    (folder / "fold_0_data.txt").write_text("user_id,gender\n1@N03,m\n")
    with pytest.raises(BadInputError, match=r"fold_0_data\.txt has no header with the columns user_id"):
        read_folder(folder)
