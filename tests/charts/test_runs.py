"""Any two numbers of runs against each other."""

from __future__ import annotations

from facepriv.charts.data import figure_rows
from facepriv.charts.runs import Axis, RunPoint, runs_against

POINTS = [
    RunPoint(1, "a", 0.1, 20.0, "Run 1 · <b>bold</b>"),
    RunPoint(2, "b<i>", 0.2, 30.0, "Run 2"),
    RunPoint(3, "a", 0.3, 40.0, "Run 3"),
]


def test_every_run_is_a_mark_that_knows_its_number():
    figure = runs_against(POINTS, Axis("Lost", True), Axis("PSNR (dB)", False))
    assert [trace.name for trace in figure.data] == ["a", "b&lt;i&gt;"]
    assert [row[0] for trace in figure.data for row in trace.customdata] == [1, 3, 2]
    assert figure.data[0].customdata[0][1] == "Run 1 · &lt;b&gt;bold&lt;/b&gt;", "a name is text and nothing else"
    assert len({trace.marker.symbol for trace in figure.data}) == 2, "symbols tell them apart without colour"
    assert (figure.layout.xaxis.title.text, figure.layout.xaxis.tickformat) == ("Lost", ".0~%")
    assert figure.layout.yaxis.tickformat is None
    first, *_ = figure_rows(figure)
    assert (first["run"], first["Lost"], first["PSNR (dB)"]) == ("1", "0.1", "20")


def test_more_series_than_looks_begin_again():
    points = [RunPoint(n, f"s{n}", n, n, "") for n in range(9)]
    assert len(runs_against(points, Axis("x", False), Axis("y", False)).data) == 9
