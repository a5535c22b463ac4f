"""The figure of a study."""

from __future__ import annotations

import json

import pytest

from facepriv.charts.study import RECOMMENDED, UNTOUCHED, YOURS, study_chart
from facepriv.services.studies.results import make_result
from tests.study_examples import TRUTH, progress_of, spec_of


@pytest.fixture(scope="module")
def result():
    return make_result(spec_of(3, rungs=2), progress_of(), 60.0)


def traces(figure):
    return {trace.name: trace for trace in figure.data}


def test_every_candidate_that_was_tried_is_there_once(result):
    by_name = traces(study_chart(result))
    names = [row[0] for title in ("tried on most people", "given up") for row in by_name[title].customdata]
    assert sorted(names) == sorted(TRUTH)
    marks = {by_name[title].marker.symbol for title in ("tried on most people", "given up", UNTOUCHED, RECOMMENDED)}
    assert len(marks) == 4, "symbols tell them apart without colour"
    assert (by_name[RECOMMENDED].x[0], by_name[RECOMMENDED].y[0]) == (0.02, 0.66)
    assert (by_name[UNTOUCHED].x[0], by_name[UNTOUCHED].y[0]) == (0.0, 0.97)


def test_the_goal_is_shaded_and_the_frontier_goes_down(result):
    figure = study_chart(result)
    (goal,) = figure.layout.shapes
    assert (goal.x1, goal.y1) == (0.03, 0.7)
    frontier = traces(figure)["frontier"]
    assert list(frontier.x) == sorted(frontier.x)
    assert list(frontier.y) == sorted(frontier.y, reverse=True)
    intervals = traces(figure)["95 % intervals"]
    assert min(*intervals.error_y.array, *intervals.error_y.arrayminus) >= 0
    json.loads(figure.to_json())


def test_yours_and_one_proportion(result):
    by_name = traces(study_chart(result, chosen="s1, 50%", p=0.5))
    assert by_name[YOURS].x[0] == 0.0
    assert RECOMMENDED not in by_name
    assert "given up" not in by_name
    assert "recommended" not in traces(study_chart(result, "templates"))
