"""Any two numbers of runs against each other, a mark for each run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

from facepriv.charts.style import BLUE, GREEN, NEUTRAL, ORANGE, PURPLE, SKY, VERMILLION, Look, finish

LOOKS = (
    Look(BLUE, symbol="circle"),
    Look(VERMILLION, symbol="square"),
    Look(GREEN, symbol="diamond"),
    Look(ORANGE, symbol="triangle-up"),
    Look(PURPLE, symbol="cross"),
    Look(SKY, symbol="star"),
    Look(NEUTRAL, symbol="x"),
)
"""Of series, in their order; further ones begin again."""
HEIGHT = 460
MARGIN = 0.03
"""Room beyond rates of 0 and 1, so that no mark is cut."""


@dataclass(frozen=True)
class Axis:
    """What an axis shows."""

    title: str
    is_rate: bool
    """Whether its numbers are fractions, which are written in percent."""


@dataclass(frozen=True)
class RunPoint:
    """One run in the figure."""

    number: int
    series: str
    """What its colour and symbol stand for, such as its method."""
    x: float
    y: float
    text: str
    """What the mark says of it."""


def runs_against(points: Sequence[RunPoint], x: Axis, y: Axis) -> go.Figure:
    """Return the figure; every mark carries the number of its run."""
    figure = go.Figure()
    names = list(dict.fromkeys(point.series for point in points))
    for place, name in enumerate(names):
        look = LOOKS[place % len(LOOKS)]
        mine = [point for point in points if point.series == name]
        figure.add_trace(
            go.Scatter(
                x=[point.x for point in mine],
                y=[point.y for point in mine],
                customdata=[[point.number, escape(point.text)] for point in mine],
                meta=["run", "what"],
                name=escape(name),
                mode="markers",
                marker={"size": 11, "color": look.colour, "symbol": look.symbol, "line": {"width": 1}},
                hovertemplate=f"%{{customdata[1]}}<br>{x.title}: %{{x{_format(x)}}}<br>{y.title}: %{{y{_format(y)}}}"
                "<extra></extra>",
            )
        )
    figure.update_layout(showlegend=len(names) > 1, clickmode="event+select")
    figure.update_xaxes(title=x.title, **_scale(x, [point.x for point in points]))
    figure.update_yaxes(title=y.title, **_scale(y, [point.y for point in points]))
    return finish(figure, height=HEIGHT)


def _format(axis: Axis) -> str:
    return ":.1%" if axis.is_rate else ":,.4~g"


def _scale(axis: Axis, values: Sequence[float]) -> dict[str, Any]:
    """Return ticks in percent for a rate, and no room for rates that there cannot be."""
    if not axis.is_rate:
        return {}
    least = {"minallowed": -MARGIN} if min(values) >= 0 else {}
    return {"tickformat": ".0~%", "autorangeoptions": {"maxallowed": 1 + MARGIN, **least}}
