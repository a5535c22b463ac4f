"""Figures of protections of templates: what attackers learn against what recognition loses."""

from __future__ import annotations

import plotly.graph_objects as go

from facepriv.charts import style
from facepriv.protect.registry import describe_variant
from facepriv.schemas.figures import GUESSING, Interval
from facepriv.schemas.protections import ProtectionResult
from facepriv.schemas.templates import TemplateAudit
from facepriv.wording import match_rate, percent

LEAK_AXIS = "strongest attacker is right"
LOSS_AXIS = "more genuine comparisons lost, at 0.1 % of impostors accepted"
UNTOUCHED_LOOK, CHOSEN_LOOK, OTHER_LOOK = (
    style.Look(style.SKY, symbol="circle"),
    style.Look(style.VERMILLION, symbol="star"),
    style.Look(style.BLUE, symbol="square"),
)
NAME_ROOM = 1.3
"""Width of the axis in the greatest loss, so that names beside points have room."""
NAME_WIDTH, NAME_HEIGHT = 0.2, 0.03
"""How much of either axis a name takes; of points nearer than that, names stand at different heights."""
NAME_PLACES = ("middle right", "bottom right", "top right")
LEAST_RIGHT = 0.01
"""Loss up to which the axis reaches at least."""
_SIZES = {"circle": 11, "star": 15, "square": 10}


def leak_against_loss(
    result: ProtectionResult, *, most_accuracy: float | None = None, most_fnmr_loss: float | None = None
) -> go.Figure:
    """Draw every protection by how often its strongest attacker is right and by what recognition loses.

    Parameters
    ----------
    most_accuracy, most_fnmr_loss : limits, drawn as lines with the corner within both shaded; None for none.
    """
    figure = go.Figure()
    named = [("templates as they are", result.untouched, UNTOUCHED_LOOK)]
    for place, audit in enumerate(result.protected):
        name = describe_variant(audit.protection, audit.parameters)
        named.append((name, audit, OTHER_LOOK if place else CHOSEN_LOOK))
    losses = [max(0.0, audit.fnmr_loss or 0.0) for _, audit, _ in named]
    right = NAME_ROOM * max(*losses, 2 * (most_fnmr_loss or 0.0), LEAST_RIGHT)
    placed: list[tuple[float, float]] = []
    for name, audit, look in named:
        value = audit.worst.reversed_accuracy.value
        if (loss := audit.fnmr_loss) is not None and value is not None:
            point = max(0.0, loss) / right, value
            near = sum(abs(point[0] - x) < NAME_WIDTH and abs(point[1] - y) < NAME_HEIGHT for x, y in placed)
            placed.append(point)
            _add_point(figure, name, audit, max(0.0, loss), look, NAME_PLACES[near % len(NAME_PLACES)])
    if most_accuracy is not None:
        figure.add_hline(y=most_accuracy, line={"color": style.NEUTRAL, "dash": "dot"})
    if most_fnmr_loss is not None:
        figure.add_vline(x=most_fnmr_loss, line={"color": style.NEUTRAL, "dash": "dot"})
    if most_accuracy is not None and most_fnmr_loss is not None:
        figure.add_shape(
            type="rect",
            x0=0,
            x1=most_fnmr_loss,
            y0=GUESSING,
            y1=most_accuracy,
            fillcolor=style.GREEN,
            opacity=0.12,
            line_width=0,
        )
    figure.update_xaxes(title=LOSS_AXIS, tickformat=".1%", range=[-right / 60, right])
    figure.update_yaxes(title=LEAK_AXIS, tickformat=".0%", range=[GUESSING - 0.02, 1.03])
    figure.update_layout(showlegend=False)
    return style.finish(figure, height=430)


def _add_point(
    figure: go.Figure, name: str, audit: TemplateAudit, loss: float, look: style.Look, name_place: str
) -> None:
    accuracy = audit.worst.reversed_accuracy
    value = accuracy.value or GUESSING
    figure.add_scatter(
        x=[loss],
        y=[value],
        error_y={"type": "data", "symmetric": False, **_bars(accuracy, value), "thickness": 1, "width": 3},
        mode="markers+text",
        text=[name],
        textposition=name_place,
        marker={"color": look.colour, "symbol": look.symbol, "size": _SIZES[look.symbol]},
        name=name,
        hovertemplate=f"{name}: {audit.worst.attacker} right in {percent(value)}, "
        f"{match_rate(loss)} lost<extra></extra>",
    )


def _bars(interval: Interval, value: float) -> dict[str, list[float]]:
    high, low = interval.high or value, interval.low or value
    return {"array": [max(0.0, high - value)], "arrayminus": [max(0.0, value - low)]}
