"""Shares side by side: every rate has its bar, what is missing has none."""

import json

from facepriv.charts.rates import gender_error_of_runs, survival_bars, survival_of_runs
from facepriv.schemas.figures import GenderError, Rates

ALL = Rates(all=0.5, male=0.25, female=0.75)
NONE = Rates(all=None, male=None, female=None)


def test_survival_by_group():
    figure = survival_bars({"file": ALL, "grey": NONE, "fixed": ALL})
    assert [bar.name for bar in figure.data] == ["all", "men", "women"]
    assert list(figure.data[0].x) == ["the file as<br>stored", "greyscale", "the<br>original's<br>crop<br>(diagnostic)"]
    assert [list(bar.y) for bar in figure.data] == [[0.5, None, 0.5], [0.25, None, 0.25], [0.75, None, 0.75]]
    assert len({bar.marker.color for bar in figure.data}) == 3
    json.loads(figure.to_json())


def test_survival_of_runs_leaves_the_diagnostic_out_and_gaps_where_a_run_has_no_figure():
    figure = survival_of_runs({"run 1": {"file": ALL, "fixed": ALL}, "run 2": {"file": NONE, "jpeg90": ALL}})
    assert [bar.name for bar in figure.data] == ["run 1", "run 2"]
    assert [list(bar.y) for bar in figure.data] == [[0.5, None], [None, 0.5]]
    assert figure.data[0].marker.pattern.shape != figure.data[1].marker.pattern.shape


def test_bars_carry_their_figures_while_these_can_be_read():
    few, many = survival_bars({"file": ALL}), survival_bars(dict.fromkeys(("file", "jpeg90", "grey", "fixed"), ALL))
    assert [list(bar.text) for bar in few.data] == [["50 %"], ["25 %"], ["75 %"]]
    assert [bar.text for bar in many.data] == [None] * 3


def test_gender_error_of_runs():
    error = GenderError(before=Rates(all=0.1, male=0.1, female=0.1), after=ALL)
    figure = gender_error_of_runs({"run 1": {"a": error}, "run 2": {"a": error, "b": error}})
    assert [bar.name for bar in figure.data] == ["before", "run 1", "run 2"]
    assert [list(bar.y) for bar in figure.data] == [[0.1, 0.1], [0.5, None], [0.5, 0.5]]
    assert list(figure.data[0].x) == ["a", "b"]
