"""Figure of one perturbation: the guide's score over updates (the paper's Figure 4)."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from numpy.typing import ArrayLike

from facepriv.charts import style
from facepriv.charts.gender import SCORE_AXIS
from facepriv.metrics.checks import as_scores
from facepriv.types import GENDER_NAMES


def trajectory(scores: ArrayLike, anchors: Sequence[int], label: int, eta: float) -> go.Figure:
    """Draw the gender score after every update.

    Parameters
    ----------
    scores : (updates + 1,) guide score in nats, first the original's.
    anchors : numbers of updates after which the crop was re-anchored on the landmarks found anew.
    label : +1 male, -1 female.
    eta : stopping value of the cost ``J = f g`` in nats; the stop line is where ``f = eta g``.
    """
    f = [float(s) for s in as_scores(scores, "gender scores")]
    stop = eta * label
    figure = go.Figure()
    figure.add_scatter(
        x=list(range(len(f))),
        y=f,
        mode="lines",
        line={"color": style.SKY, "width": 2.5},
        name=f"score (labelled {GENDER_NAMES[label]})",
        hovertemplate="after %{x} updates: %{y:.3f} nats<extra></extra>",
    )
    figure.add_scatter(
        x=list(anchors),
        y=[f[a] for a in anchors],
        mode="markers",
        marker={"color": style.VERMILLION, "symbol": "diamond-open", "size": 11, "line": {"width": 2}},
        name="face found anew, crop re-anchored",
        showlegend=bool(anchors),
        hovertemplate="re-anchored after %{x} updates: %{y:.3f} nats<extra></extra>",
    )
    for level, dash, text, anchor in (
        (0.0, "dot", "0: the prediction turns", "bottom" if label > 0 else "top"),
        (stop, "dash", f"stop at {stop:+g}", "top" if label > 0 else "bottom"),
    ):
        figure.add_hline(y=level, line={"color": style.NEUTRAL, "dash": dash, "width": 1.5})
        figure.add_annotation(
            x=0, xref="paper", y=level, text=text, showarrow=False, xanchor="left", yanchor=anchor, font={"size": 11}
        )
    figure.update_xaxes(title_text="updates (triangle steps)", rangemode="tozero")
    figure.update_yaxes(title_text=SCORE_AXIS.replace(", ", "<br>"))
    return style.finish(figure, height=400)
