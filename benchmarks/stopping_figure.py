"""What ways of stopping cost, and what attackers then learn: several audits in one figure."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from facepriv.charts import style
from facepriv.schemas.audits import AttackResult, AuditResult
from facepriv.wording import percent

LOOKS = (
    style.Look(style.VERMILLION, symbol="circle"),
    style.Look(style.BLUE, symbol="square", hatch="/"),
    style.Look(style.GREEN, symbol="diamond", hatch="x"),
    style.Look(style.PURPLE, symbol="triangle-up", hatch="."),
)
OFFSET = 0.18
"""Distance of the marks of one attacker, in units of the axis on which attackers lie 1 apart."""


def stopping_scores(audits: Mapping[str, AuditResult]) -> go.Figure:
    """Draw every attacker's accuracy against each audit's mix, and beside it what the perturbation costs.

    Parameters
    ----------
    audits : by the name of the way of stopping, at most four; each of a run, so that it has a mix.

    Raises
    ------
    ValueError
        If there are more than there are looks.
    """
    if len(audits) > len(LOOKS):
        raise ValueError(f"At most {len(LOOKS)} audits can be told apart in a figure, got {len(audits)}.")
    figure = make_subplots(
        rows=2,
        cols=2,
        specs=[[{"rowspan": 2}, {}], [None, {}]],
        column_widths=[0.68, 0.32],
        horizontal_spacing=0.14,
        vertical_spacing=0.3,
        subplot_titles=(
            "how often each attacker is right, 95 % interval",
            "image quality: PSNR in the face box, median",
            "matching: FNMR at FMR 0.1 % of the mix",
        ),
    )
    attackers = list(dict.fromkeys(attack.attacker for one in audits.values() for attack in _mix(one)))
    rows = {name: len(attackers) - 1 - row for row, name in enumerate(attackers)}
    middle = (len(audits) - 1) / 2
    for number, ((title, audit), look) in enumerate(zip(audits.items(), LOOKS, strict=False)):
        attacks = [one for one in _mix(audit) if one.accuracy.value is not None]
        values = [one.accuracy.value or 0.0 for one in attacks]
        name = title if audit.policy is None else f"{title}, p = {percent(audit.policy.p, 0)}"
        figure.add_scatter(
            x=values,
            y=[rows[one.attacker] + OFFSET * (middle - number) for one in attacks],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [(one.accuracy.high or value) - value for one, value in zip(attacks, values, strict=True)],
                "arrayminus": [value - (one.accuracy.low or value) for one, value in zip(attacks, values, strict=True)],
                "color": look.colour,
            },
            mode="markers",
            marker={"color": look.colour, "symbol": look.symbol, "size": 10},
            customdata=[[one.attacker, one.bits.value] for one in attacks],
            name=name,
            legendgroup=title,
            hovertemplate=f"%{{customdata[0]}}, {title}: %{{x:.1%}}, %{{customdata[1]:.2f}} bits<extra></extra>",
            row=1,
            col=1,
        )
        points = {} if audit.policy is None else _losses(audit, audit.policy.p)
        figure.add_bar(
            x=list(points),
            y=list(points.values()),
            marker=style.bars(look),
            text=[percent(one) for one in points.values()],
            textangle=0,
            showlegend=False,
            legendgroup=title,
            row=2,
            col=2,
        )
    quality = {
        title: (one.quality.psnr_db, look)
        for (title, one), look in zip(audits.items(), LOOKS, strict=False)
        if one.quality is not None and one.quality.psnr_db is not None
    }
    figure.add_bar(
        x=list(quality),
        y=[decibels for decibels, _ in quality.values()],
        marker={"color": [look.colour for _, look in quality.values()]},
        text=[f"{decibels:.1f} dB" for decibels, _ in quality.values()],
        showlegend=False,
        row=1,
        col=2,
    )
    figure.add_vline(x=0.5, line={"color": style.NEUTRAL, "dash": "dot"}, row=1, col=1)
    figure.update_xaxes(tickformat=".0%", range=[0.3, 1.02], row=1, col=1)
    figure.update_yaxes(tickvals=list(rows.values()), ticktext=list(rows), row=1, col=1)
    figure.update_yaxes(title_text="dB", row=1, col=2)
    figure.update_yaxes(tickformat=".1%", rangemode="tozero", row=2, col=2)
    finished = style.finish(figure, height=560)
    return finished.update_layout(barmode="group", margin={"l": 110, "r": 20, "t": 90, "b": 70})


def _mix(audit: AuditResult) -> list[AttackResult]:
    found = audit.condition("mix")
    return [] if found is None else found.attacks


def _losses(audit: AuditResult, p: float) -> dict[str, float]:
    """Give FNMR at FMR at most 0.1 % of the mix, by matcher; none where there are too few comparisons."""
    return {
        one.matcher: one.fmr1000.fnmr
        for one in audit.utility
        if one.p == p and one.fmr1000.fnmr is not None and one.fmr1000.supported
    }
