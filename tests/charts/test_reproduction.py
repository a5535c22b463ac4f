"""Figures 5 to 7 of a comparison: the paper's layout, and every value where it belongs."""

from __future__ import annotations

import pytest

from facepriv.charts.reproduction import PANELS, gender_scores, match_scores, rocs
from facepriv.schemas.reproductions import EXPERIMENTS
from tests.reproduction_case import COUNT, MATCHER, A, B, made, six_runs


@pytest.fixture(scope="module")
def found():
    return made(six_runs())


def titles(figure):
    return [note.text for note in figure.layout.annotations]


def test_figure_5_has_a_row_for_each_experiment_and_a_column_for_each_classifier(found):
    figure = gender_scores(found)
    assert titles(figure) == [
        f"{row}: {column}"
        for row in ("original", "perturbed by A", "perturbed by B", "mixing")
        for column in (f"A, {A}", f"B, {B}")
    ]
    assert len(figure.data) == 2 * 2 * len(EXPERIMENTS)
    assert all(sum(bars.y) == COUNT // 2 for bars in figure.data)
    assert sum(bars.showlegend for bars in figure.data) == 2
    # Column by column: A's scores of women after perturbing guided by A are all on the men's side.
    women = figure.data[3]
    assert women.name == "labelled female"
    assert all(count == 0 for x, count in zip(women.x, women.y, strict=True) if x < 0)


def test_figure_6_has_genuine_and_impostor_in_every_panel(found):
    figure = match_scores(found)
    assert len(titles(figure)) == len(PANELS)
    assert titles(figure)[0] == f"original: {MATCHER}"
    assert titles(figure)[2] == f"perturbed by A, against originals: {MATCHER}"
    assert len(figure.data) == 2 * len(PANELS)
    assert all(sum(bars.y) == pytest.approx(1) for bars in figure.data)


def test_figure_7_has_a_curve_for_each_kind_of_comparison(found):
    figure = rocs(found)
    assert titles(figure) == [MATCHER]
    assert len({curve.name for curve in figure.data}) == len(figure.data) == len(PANELS)
    for curve in figure.data:
        assert min(curve.x) > 0, "a logarithmic axis"
        assert all(0 <= y <= 1 for y in curve.y)
    before = found.matching[0].phases.before
    assert list(figure.data[0].y) == [1 - fnmr for fnmr in before.curve.fnmr]


def test_without_matchers_only_figure_5(found):
    alone = made(six_runs(matchers=False))
    assert match_scores(alone) is None
    assert rocs(alone) is None
    assert gender_scores(alone).data
