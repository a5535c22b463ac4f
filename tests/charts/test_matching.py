import json
import math

import pytest

from facepriv.charts.matching import det, match_score_histograms, roc
from facepriv.schemas.runs import MATCH_PHASES
from facepriv.wording import match_rate


def lines(figure):
    return [trace for trace in figure.data if trace.mode == "lines"]


def marks(figure):
    return [trace for trace in figure.data if trace.mode == "markers"]


def test_histograms_are_shares_of_their_own_kind(phases):
    figure = match_score_histograms(phases, "sface")
    assert [trace.name for trace in figure.data] == ["before", "after", "before vs after"] * 2
    assert [sum(trace.y) for trace in figure.data] == pytest.approx([1] * 6)
    counted = [sum(row[2] for row in trace.customdata) for trace in figure.data]
    assert counted == [60] * 3 + [7080] * 3
    assert len({tuple(trace.x) for trace in figure.data}) == 1, "all must be in the same bins"
    assert sum(bool(trace.showlegend) for trace in figure.data) == 3
    thresholds = [point.threshold for point in phases.before.operating_points if point.supported]
    assert [shape.x0 for shape in figure.layout.shapes] == thresholds * 2
    json.loads(figure.to_json())


def test_thresholds_that_nothing_supports_are_not_drawn(nothing):
    figure = match_score_histograms(nothing, "sface")
    assert not figure.layout.shapes
    json.loads(figure.to_json())


def test_roc_carries_the_curves(phases):
    figure = roc(phases, "sface")
    for trace, phase in zip(lines(figure), MATCH_PHASES, strict=True):
        found = getattr(phases, phase)
        assert list(trace.y) == [1 - y for y in found.curve.fnmr]
        assert [row[0] for row in trace.customdata] == found.curve.fmr
        assert min(trace.x) == 0.5 / 7080
        assert f"AUC {found.auc:.4f}" in trace.name
        assert f"EER {match_rate(found.eer)}" in trace.name
    assert figure.layout.xaxis.type == "log"
    json.loads(figure.to_json())


def test_det_carries_the_curves_on_logarithmic_axes(phases):
    figure = det(phases, "sface")
    for trace, phase in zip(lines(figure), MATCH_PHASES, strict=True):
        found = getattr(phases, phase)
        assert list(trace.y) == [max(y, 0.5 / 60) for y in found.curve.fnmr]
        assert [row[1] for row in trace.customdata] == found.curve.fnmr
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log"
    low, high = figure.layout.yaxis.range
    assert low < math.log10(0.5 / 60) < 0 < high
    (level,) = [shape for shape in figure.layout.shapes if shape.y0 == shape.y1]
    assert level.y0 == 0.5 / 60, "the line on which a rate of 0 stands is drawn and named"
    assert "0 is drawn here" in {note.text for note in figure.layout.annotations}


@pytest.mark.parametrize("draw", [roc, det])
def test_operating_points_are_marked(phases, draw):
    figure = draw(phases, "sface")
    for trace, phase in zip(marks(figure), MATCH_PHASES, strict=True):
        points = getattr(phases, phase).operating_points
        assert [tuple(row) for row in trace.customdata] == [
            (p.fmr, p.fnmr, 1 - p.fnmr, p.threshold, name)
            for p, name in zip(points, ("FMR100", "FMR1000"), strict=True)
        ]
    upright = [shape.x0 for shape in figure.layout.shapes if shape.x0 == shape.x1]
    assert sorted(upright) == [0.001, 0.01]
    assert {"FMR100", "FMR1000"} <= {note.text for note in figure.layout.annotations}


@pytest.mark.parametrize("draw", [roc, det])
def test_phases_differ_in_more_than_colour(phases, draw):
    figure = draw(phases, "sface")
    assert len({trace.line.dash for trace in lines(figure)}) == 3
    assert len({trace.marker.symbol for trace in marks(figure)}) == 3


@pytest.mark.parametrize("draw", [roc, det])
def test_nothing_compared_draws_empty_curves(nothing, draw):
    figure = draw(nothing, "sface")
    assert all(len(trace.x) == 0 for trace in figure.data)
    assert all("AUC –, EER –" in trace.name for trace in lines(figure))
    json.loads(figure.to_json())


def test_nothing_compared_draws_empty_histograms(nothing):
    assert all(sum(trace.y) == 0 for trace in match_score_histograms(nothing, "sface").data)
