"""The figure of a study: genuine matches lost against the strongest attacker, a mark for each candidate."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from facepriv.charts import style
from facepriv.schemas.figures import GUESSING, Interval
from facepriv.schemas.studies import CandidateState, Released, StudyOutcome, StudyResult
from facepriv.wording import percent

LOST_AXIS = "genuine matches lost"
ATTACKER_AXIS = "strongest attacker is right"
GOAL, FRONTIER, UNTOUCHED, RECOMMENDED, YOURS = "goal", "frontier", "untouched", "recommended", "yours"
STATES: dict[CandidateState, tuple[str, str, str]] = {
    "compared": ("tried on most people", "circle", style.BLUE),
    "not-tried": ("tried on fewer people", "circle-open", style.SKY),
    "dropped": ("given up", "x-thin", style.NEUTRAL),
}
"""Name, symbol and colour of candidates by what became of them; the symbols tell them apart without colour."""
_ROOM = 0.02


def study_chart(
    result: StudyResult, released: Released = "images", *, chosen: str | None = None, p: float | None = None
) -> go.Figure:
    """Draw every candidate that was tried, with the intervals of those on the frontier, the goal shaded.

    Parameters
    ----------
    released : which candidates, of images or of templates.
    chosen : a candidate that somebody chose, marked beside the recommended one.
    p : only candidates at this proportion, and what is untouched; None for all.
    """
    figure = go.Figure()
    outcomes = [
        each
        for each in result.outcomes
        if each.setting.released == released and each.figures is not None and p in (None, each.candidate.p)
    ]
    untouched = result.untouched.get(released)
    xs = [_value(each.figures.lost) for each in outcomes if each.figures is not None]
    right = max([result.goal.matches_lost, *xs, 0.0]) + _ROOM
    left = min([0.0, *xs]) - _ROOM
    goal = result.goal
    figure.add_shape(
        type="rect",
        x0=left,
        x1=goal.matches_lost,
        y0=GUESSING - _ROOM,
        y1=goal.attacker_at_most,
        layer="below",
        fillcolor=style.GREEN,
        opacity=0.15,
        line={"width": 1.5, "dash": "dash", "color": style.GREEN},
        name=GOAL,
    )
    figure.add_annotation(
        x=left,
        y=GUESSING - _ROOM,
        text=f"goal: at most {percent(goal.attacker_at_most, 0)} right, {percent(goal.matches_lost)} lost",
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
    )
    for state, (title, symbol, colour) in STATES.items():
        its = [each for each in outcomes if each.state == state]
        if its:
            _add(figure, its, title, {"symbol": symbol, "size": 10, "color": colour, "line": {"width": 2}})
    best = sorted((each for each in outcomes if each.on_frontier), key=_place)
    if best:
        places = [_place(each) for each in best]
        if untouched is not None:
            places.insert(0, (0.0, _value(untouched.accuracy)))
        figure.add_scatter(
            x=[x for x, _ in places],
            y=[y for _, y in places],
            mode="lines",
            line={"color": style.BLUE, "width": 2, "dash": "dot", "shape": "hv"},
            name=FRONTIER,
            hoverinfo="skip",
        )
        _add_intervals(figure, best)
    if untouched is not None:
        figure.add_scatter(
            x=[0.0],
            y=[_value(untouched.accuracy)],
            mode="markers",
            marker={"symbol": "square", "size": 14, "color": style.ORANGE, "line": {"width": 2}},
            name=UNTOUCHED,
            cliponaxis=False,
            hovertemplate=f"untouched: %{{y:.1%}} (up to {percent(untouched.upper)})<extra></extra>",
        )
    best_name = result.recommended.get(released)
    marks = (
        (RECOMMENDED, best_name, "star", style.VERMILLION),
        (YOURS, chosen, "diamond-open", style.PURPLE),
    )
    for title, name, symbol, colour in marks:
        mine = [each for each in outcomes if each.candidate.name == name]
        if mine:
            _add(figure, mine, title, {"symbol": symbol, "size": 17, "color": colour, "line": {"width": 2.5}})
    figure.update_xaxes(title_text=LOST_AXIS, tickformat=".1%", range=[left, right])
    figure.update_yaxes(title_text=ATTACKER_AXIS, tickformat=".0%", range=[GUESSING - _ROOM, 1.02])
    return style.finish(figure, height=480)


def _add(figure: go.Figure, outcomes: Sequence[StudyOutcome], name: str, marker: dict[str, object]) -> None:
    places = [_place(each) for each in outcomes]
    figure.add_scatter(
        x=[x for x, _ in places],
        y=[y for _, y in places],
        mode="markers",
        marker=marker,
        name=name,
        cliponaxis=False,
        customdata=[
            [each.candidate.name, each.figures.upper, each.figures.people, _range(each.figures.lost)]
            for each in outcomes
            if each.figures is not None
        ],
        meta=["candidate", "attacker up to", "people", "interval of matches lost"],
        hovertemplate="%{customdata[0]}<br>right in %{y:.1%} (up to %{customdata[1]:.1%})<br>lost %{x:.1%} "
        "(95 %: %{customdata[3]})<br>%{customdata[2]} people<extra></extra>",
    )


def _add_intervals(figure: go.Figure, outcomes: Sequence[StudyOutcome]) -> None:
    kept = [each.figures for each in outcomes if each.figures is not None]

    def ends(intervals: Sequence[Interval]) -> dict[str, object]:
        return {
            "type": "data",
            "symmetric": False,
            "array": [max(0.0, (i.high if i.high is not None else _value(i)) - _value(i)) for i in intervals],
            "arrayminus": [max(0.0, _value(i) - (i.low if i.low is not None else _value(i))) for i in intervals],
            "color": style.NEUTRAL,
            "thickness": 1.5,
            "width": 4,
        }

    figure.add_scatter(
        x=[_value(each.lost) for each in kept],
        y=[_value(each.accuracy) for each in kept],
        mode="markers",
        marker={"size": 1, "color": style.NEUTRAL},
        error_x=ends([each.lost for each in kept]),
        error_y=ends([each.accuracy for each in kept]),
        name="95 % intervals",
        hoverinfo="skip",
    )


def _place(outcome: StudyOutcome) -> tuple[float, float]:
    assert outcome.figures is not None
    return _value(outcome.figures.lost), _value(outcome.figures.accuracy)


def _value(interval: Interval) -> float:
    """Return the value; what could not be measured counts as the worst there is."""
    return 1.0 if interval.value is None else interval.value


def _range(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return "not known"
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f} %"
