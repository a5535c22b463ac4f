"""Figure of the proportion policy: what the sign attacker gets, against the share of perturbed images."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from facepriv.charts import style
from facepriv.policy.proportion import OptimalProportion, SignAttackerCurve


def proportion(curve: SignAttackerCurve, optimum: OptimalProportion, p: float) -> go.Figure:
    """Draw accuracy and bits of the sign attacker against the proportion, with the optimum and the current ``p``.

    Parameters
    ----------
    curve : one-dimensional over increasing proportions, at equal priors as the optimum is.
    optimum : marked by a star.
    p : current proportion, 0..1, marked by a line and a circle that is read off the curve.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    rows = (
        ("accuracy", curve.accuracy, optimum.accuracy, "%{y:.2%}", style.SKY, "solid"),
        ("bits", curve.bits, optimum.bits, "%{y:.4f} bits", style.GREEN, "dash"),
    )
    for row, (name, values, best, value, colour, dash) in enumerate(rows, start=1):
        figure.add_scatter(
            x=curve.p.tolist(),
            y=values.tolist(),
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2.5},
            name=f"attacker's {name}",
            hovertemplate=f"p = %{{x:.1%}}: {value}<extra></extra>",
            row=row,
            col=1,
        )
        marks = (
            ("optimum", optimum.p, best, "star", 15, style.VERMILLION),
            ("chosen p", p, float(np.interp(p, curve.p, values)), "circle-open", 12, style.NEUTRAL),
        )
        for title, x, y, symbol, size, mark_colour in marks:
            figure.add_scatter(
                x=[x],
                y=[y],
                mode="markers",
                marker={"symbol": symbol, "size": size, "color": mark_colour, "line": {"width": 2}},
                name=f"{title} ({x:.1%})",
                legendgroup=title,
                showlegend=row == 1,
                legendrank=2000,  # after the curves
                cliponaxis=False,
                hovertemplate=f"{title}, p = %{{x:.1%}}: {value}<extra></extra>",
                row=row,
                col=1,
            )
        figure.add_vline(x=p, line={"color": style.NEUTRAL, "dash": "dot", "width": 1.5}, row=row, col=1)
    figure.update_xaxes(tickformat=".0%", range=[0, 1])
    figure.update_xaxes(title_text="proportion p of images perturbed", row=2, col=1)
    figure.update_yaxes(title_text="accuracy", tickformat=".0%", tick0=0.5, dtick=0.1, range=[0.48, 1.02], row=1, col=1)
    figure.update_yaxes(title_text="leak, bits", range=[-0.04, 1.04], row=2, col=1)
    return style.finish(figure, height=480)
