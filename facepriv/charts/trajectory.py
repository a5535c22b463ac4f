"""Figure of one perturbation: the guide's score over updates (the paper's Figure 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from numpy.typing import ArrayLike

from facepriv.charts import style
from facepriv.charts.gender import SCORE_AXIS
from facepriv.metrics.checks import as_scores
from facepriv.types import GENDER_NAMES

FEW = 60
"""Updates up to which each gets a mark."""


def trajectory(
    scores: ArrayLike,
    anchors: Sequence[int],
    label: int,
    margin: float | None,
    *,
    step: str = "updates",
    classes: Mapping[int, str] = GENDER_NAMES,
    axis: str = SCORE_AXIS,
) -> go.Figure:
    """Draw the guide's score after every update.

    Parameters
    ----------
    scores : (updates + 1,) guide score in nats, first the original's.
    anchors : numbers of updates after which the crop was re-anchored on the landmarks of the changed image.
    label : +1 male, -1 female.
    margin : how far past zero the method stops, in nats; the stop line is where ``f = -margin g``. None draws none.
    step : what an update is of this method, for the axis.
    classes : what +1 and -1 are called.
    axis : title of the axis of scores.
    """
    f = [float(s) for s in as_scores(scores, "gender scores")]
    figure = go.Figure()
    figure.add_scatter(
        x=list(range(len(f))),
        y=f,
        mode="lines+markers" if len(f) <= FEW else "lines",
        line={"color": style.SKY, "width": 2.5},
        marker={"size": 7},
        name=f"score (labelled {classes[label]})",
        hovertemplate="after %{x} updates: %{y:.3f} nats<extra></extra>",
    )
    shown = [a for a in anchors if 0 <= a < len(f)]
    figure.add_scatter(
        x=shown,
        y=[f[a] for a in shown],
        mode="markers",
        marker={"color": style.VERMILLION, "symbol": "diamond-open", "size": 11, "line": {"width": 2}},
        name="face located again, crop re-anchored",
        showlegend=bool(shown),
        hovertemplate="re-anchored after %{x} updates: %{y:.3f} nats<extra></extra>",
    )
    lines = [(0.0, "dot", "0: the answer changes", "bottom" if label > 0 else "top")]
    if margin is not None:
        stop = -margin * label
        lines.append((stop, "dash", f"stop at {stop:+g}", "top" if label > 0 else "bottom"))
    for level, dash, text, anchor in lines:
        figure.add_hline(y=level, line=style.rule(dash, 1.5))
        style.note(figure, text, x=0, xref="paper", y=level, xanchor="left", yanchor=anchor)
    figure.update_layout(showlegend=True)  # a single curve is named too
    figure.update_xaxes(title_text=step, rangemode="tozero", **({"dtick": 1} if len(f) <= FEW / 4 else {}))
    figure.update_yaxes(title_text=axis.replace(", ", "<br>"))
    return style.finish(figure, height=400)
