"""One look for all figures: colours that colour-blind readers tell apart, and no background of their own.

Colours are those of Okabe and Ito (Color Universal Design, 2008). Black and yellow are left out, since one of them
vanishes on a dark page and the other on a light one. Colour never carries a meaning alone: a dash, a hatch or a
marker symbol goes with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go

from facepriv.schemas.figures import GROUPS, Group, Histogram, Rates
from facepriv.schemas.runs import MatchPhase

ORANGE, SKY, GREEN = "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
NEUTRAL = "#808080"
"""Grey that stands out from white and from near-black alike."""
GRID = "rgba(128, 128, 128, 0.25)"
HATCH = "rgba(255, 255, 255, 0.8)"
CLEAR = "rgba(0, 0, 0, 0)"
SMALLEST = 10
"""Size of text below which it is left out."""
TOOLBAR = 34
"""Height in pixels of the strip above a figure that only its toolbar may lie on."""


@dataclass(frozen=True)
class Look:
    """How one series is told from the others."""

    colour: str
    dash: str = "solid"
    symbol: str = "circle"
    hatch: str = ""

    def line(self, width: float = 2.5) -> dict[str, Any]:
        """Return the line of a curve in this look."""
        return {"color": self.colour, "dash": self.dash, "width": width}


PHASE_LOOKS: dict[MatchPhase, Look] = {
    "before": Look(SKY, "solid", "circle", ""),
    "after": Look(VERMILLION, "dash", "square", "/"),
    "cross": Look(GREEN, "dot", "diamond", "x"),
}
PHASE_NAMES: dict[MatchPhase, str] = {"before": "before", "after": "after", "cross": "before vs after"}
GROUP_NAMES: dict[Group, str] = {"all": "all", "male": "men", "female": "women"}
MALE_LOOK, FEMALE_LOOK = Look(BLUE), Look(ORANGE, hatch="/")
GENUINE_LOOK, IMPOSTOR_LOOK = Look(GREEN), Look(PURPLE, hatch="/")


def finish(figure: go.Figure, *, height: int, top: int = 60) -> go.Figure:
    """Return a figure the common look: clear backgrounds, faint grid, legend above the plot, toolbar above the legend.

    ``height`` is that of the figure, ``top`` the room above its plot for legend and titles, both without the toolbar.
    """
    whole = height + TOOLBAR
    figure.update_layout(
        height=whole,
        # Figures on bars that are too narrow for them are in the table beside.
        uniformtext={"minsize": SMALLEST, "mode": "hide"},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        margin={"l": 70, "r": 20, "t": top + TOOLBAR, "b": 60},
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1 - TOOLBAR / whole,
            "yref": "container",
            "yanchor": "top",
        },
        hoverlabel={"namelength": -1},
    )
    axis = {"gridcolor": GRID, "zeroline": False, "linecolor": NEUTRAL, "automargin": True}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure


def known_groups(rates: Sequence[Rates]) -> list[Group]:
    """Return the groups that have a rate in any of these: images without labels have none by gender."""
    return [group for group in GROUPS if any(getattr(each, group) is not None for each in rates)]


def rule(dash: str = "dot", width: float = 2) -> dict[str, Any]:
    """Return a line that marks a value, beside those of the series."""
    return {"color": NEUTRAL, "dash": dash, "width": width}


def note(figure: go.Figure, text: str, **place: Any) -> None:
    """Write small text at a place of a figure."""
    figure.add_annotation(text=text, showarrow=False, font={"size": 11}, **place)


def bars(look: Look) -> dict[str, Any]:
    """Return the marker of bars in this look."""
    return {
        "color": look.colour,
        "line": {"width": 0},
        "pattern": {"shape": look.hatch, "fillmode": "overlay", "fgcolor": HATCH, "size": 8, "solidity": 0.2},
    }


def histogram_bars(
    histogram: Histogram, key: str, name: str, look: Look, *, shares: bool, unit: str, legend: bool
) -> go.Bar:
    """Draw one series of a histogram, as counts or as shares of the series, see-through so that two may overlap."""
    counts = histogram.counts[key]
    total = sum(counts)
    edges = histogram.edges
    heights = [c / total if total else 0.0 for c in counts] if shares else counts
    figures = "%{customdata[2]:d}" + (" (%{y:.2%})" if shares else "")
    return go.Bar(
        x=[(left + right) / 2 for left, right in pairwise(edges)],
        y=heights,
        width=[right - left for left, right in pairwise(edges)],
        customdata=[(*ends, count) for ends, count in zip(pairwise(edges), counts, strict=True)],
        meta=["from", "to", "count"],
        name=name,
        legendgroup=name,
        showlegend=legend,
        opacity=0.75,
        marker=bars(look),
        hovertemplate=f"{name}: {figures}<br>score %{{customdata[0]:.3f}} to %{{customdata[1]:.3f}}{unit}"
        "<extra></extra>",
    )


def histogram_steps(
    histogram: Histogram, key: str, name: str, look: Look, *, shares: bool, unit: str, legend: bool
) -> go.Scatter:
    """Draw one series of a histogram as an outline over its bins, so that several in the same bins can be told apart.

    Counts and shares as in `histogram_bars`. An empty bin on either side closes the outline.
    """
    edges, counts = histogram.edges, histogram.counts[key]
    first, last = 2 * edges[0] - edges[1], 2 * edges[-1] - edges[-2]
    wider = Histogram(edges=[first, *edges, last], counts={key: [0, *counts, 0]})
    bars_of = histogram_bars(wider, key, name, look, shares=shares, unit=unit, legend=legend)
    return go.Scatter(
        x=bars_of.x,
        y=bars_of.y,
        customdata=bars_of.customdata,
        meta=bars_of.meta,
        name=name,
        legendgroup=name,
        showlegend=legend,
        mode="lines",
        line={**look.line(), "shape": "hvh"},
        fill="tozeroy",
        fillcolor=_faint(look.colour),
        hovertemplate=bars_of.hovertemplate,
    )


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.15)"
