"""The published numbers agree with each other and lack none."""

from __future__ import annotations

import pytest

from facepriv.audit.reproduction import paper
from facepriv.schemas.reproductions import EXPERIMENTS


@pytest.mark.parametrize("dataset", paper.DATA_SETS)
def test_table_3_has_every_cell(dataset):
    table = paper.GENDER_ERROR[dataset]
    assert set(table) == set(EXPERIMENTS)
    for cells in table.values():
        assert set(cells) == {"a", "b"}
        assert all(0 < rate < 1 for rate in cells.values())


def test_table_4_gives_the_errors_of_table_3():
    muct = paper.GENDER_ERROR["MUCT"]
    for matrix, experiment in ((paper.CONFUSIONS.before, "original"), (paper.CONFUSIONS.after, "by-a")):
        counts = [*matrix.male.values(), *matrix.female.values()]
        assert sum(counts) == paper.DATA_SETS["MUCT"].images
        error = (matrix.male["female"] + matrix.female["male"]) / sum(counts)
        assert error == pytest.approx(muct[experiment]["a"], abs=0.0005)


def test_table_4_has_the_same_images_before_and_after():
    for gender in ("male", "female"):
        before, after = getattr(paper.CONFUSIONS.before, gender), getattr(paper.CONFUSIONS.after, gender)
        assert sum(before.values()) == sum(after.values())


def test_section_3_2_has_both_guides_and_labels():
    assert {(slot, gender) for slot, row in paper.UPDATES.items() for gender in row} == {
        (slot, gender) for slot in ("a", "b") for gender in ("male", "female")
    }
    assert all(row["male"].mean > row["female"].mean for row in paper.UPDATES.values()), "men took more updates"
    for gender in ("male", "female"):
        assert paper.UPDATES["b"][gender].mean > paper.UPDATES["a"][gender].mean, "and the second guide more still"


def test_figures_without_numbers_have_words():
    assert set(paper.FIGURES) == {5, 6, 7}
