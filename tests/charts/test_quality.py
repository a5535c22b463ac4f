"""Figures of a data set's quality carry its numbers."""

from __future__ import annotations

import json

from facepriv.charts.quality import failures_by_reason, images_per_subject, inter_eye_distances
from facepriv.schemas.figures import Histogram, Summary
from facepriv.schemas.quality import Acquisition, InterEyeDistance, Shortfall


def test_failures_are_shares_of_each_label() -> None:
    figure = failures_by_reason(
        {
            "female": Acquisition(images=10, failed=3, by_reason={"no-face": 1, "several-faces": 2}),
            "male": Acquisition(images=4, failed=1, by_reason={"no-face": 1}),
            "unlabelled": Acquisition(images=0, failed=0, by_reason={}),
        }
    )
    assert [trace.name for trace in figure.data] == ["female", "male"]
    assert list(figure.data[0].x) == ["no-face", "several-faces"]
    assert list(figure.data[0].y) == [0.1, 0.2]
    assert list(figure.data[1].y) == [0.25, 0.0]
    assert len({trace.marker.pattern.shape for trace in figure.data}) == 2
    json.loads(figure.to_json())


def test_the_last_bar_may_stand_for_more() -> None:
    whole = images_per_subject(Histogram(edges=[0.5, 1.5, 2.5], counts={"subjects": [3, 4]}))
    assert list(whole.data[0].x) == ["1", "2"]
    more = images_per_subject(Histogram(edges=[0.5, 1.5, 40.5], counts={"subjects": [3, 4]}))
    assert list(more.data[0].x) == ["1", "2 or more"]
    assert list(more.data[0].y) == [3, 4]


def test_limits_are_drawn() -> None:
    summary = Summary(n=3, mean=50.0, standard_error=1.0, median=50.0, minimum=20.0, maximum=90.0)
    shortfalls = [Shortfall(below=30.0, images=1), Shortfall(below=60.0, images=2)]
    histogram = Histogram(edges=[0.0, 45.0, 90.0], counts={"images": [1, 2]})
    figure = inter_eye_distances(InterEyeDistance(summary=summary, histogram=histogram, shortfalls=shortfalls))
    assert list(figure.data[0].y) == [1, 2]
    assert [shape.x0 for shape in figure.layout.shapes] == [30.0, 60.0]
