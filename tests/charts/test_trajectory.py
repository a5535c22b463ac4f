import json

import numpy as np
import pytest

from facepriv.charts.trajectory import trajectory

SCORES = np.array([1.7, 1.2, 0.6, 0.9, 0.3, -0.12])


def test_carries_scores_and_anchors():
    figure = trajectory(SCORES, (2,), 1, 0.1)
    score, anchor = figure.data
    assert list(score.x) == [0, 1, 2, 3, 4, 5]
    assert list(score.y) == SCORES.tolist()
    assert list(anchor.x) == [2]
    assert list(anchor.y) == [0.6]
    json.loads(figure.to_json())


@pytest.mark.parametrize(("label", "stop"), [(1, -0.1), (-1, 0.1)])
def test_stop_line_lies_past_zero_on_the_other_side_of_the_label(label, stop):
    figure = trajectory(SCORES * label, (), label, 0.1)
    assert [shape.y0 for shape in figure.layout.shapes] == [0, stop]
    assert len({shape.line.dash for shape in figure.layout.shapes}) == 2


def test_an_image_left_unchanged_has_one_point():
    figure = trajectory([-0.4], (), 1, 0.1)
    assert list(figure.data[0].y) == [-0.4]
    assert not figure.data[1].showlegend
    assert figure.layout.showlegend, "a single curve is named too"


def test_without_a_stopping_score_only_zero_is_marked():
    figure = trajectory(SCORES, (), 1, None, step="updates (accepted steps)")
    assert [shape.y0 for shape in figure.layout.shapes] == [0]
    assert figure.layout.xaxis.title.text == "updates (accepted steps)"


def test_few_updates_are_marked_one_by_one_and_anchors_beyond_them_left_out():
    few, many = trajectory(SCORES, (2, 6), 1, 0.1), trajectory(np.linspace(3, -0.2, 500), (), 1, 0.1)
    assert few.data[0].mode == "lines+markers"
    assert many.data[0].mode == "lines"
    assert list(few.data[1].x) == [2]
