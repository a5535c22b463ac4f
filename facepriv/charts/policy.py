"""Figures of the proportion policy: what attackers get, and what matching costs, by proportion of images perturbed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from facepriv.charts import style
from facepriv.policy.proportion import OptimalProportion, SignAttackerCurve
from facepriv.schemas.audits import CONDITION_TITLES, Condition, ConditionName, CurvePoint, LearningPoint, Utility
from facepriv.schemas.figures import Interval
from facepriv.wording import match_rate, percent

ACCURACY_AXIS = "attacker is right"
PROPORTION_AXIS = "proportion p of images perturbed"
GUESSING = 0.5
CONDITION_LOOKS: dict[ConditionName, style.Look] = {
    "untouched": style.PHASE_LOOKS["before"],
    "mix": style.Look(style.GREEN, "dot", "diamond", "x"),
    "perturbed": style.PHASE_LOOKS["after"],
}
_COLOURS = (style.VERMILLION, style.BLUE, style.GREEN, style.PURPLE, style.ORANGE, style.SKY)
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "triangle-down", "x", "star")
_LABEL_ROOM = 0.36
"""Width right of p = 1 that is kept for names, in units of the axis."""


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
                name=f"{title} ({percent(x)})",
                legendgroup=title,
                showlegend=row == 1,
                legendrank=2000,  # after the curves
                cliponaxis=False,
                hovertemplate=f"{title}, p = %{{x:.1%}}: {value}<extra></extra>",
                row=row,
                col=1,
            )
        figure.add_vline(x=p, line=style.rule(width=1.5), row=row, col=1)
    figure.update_xaxes(tickformat=".0%", range=[0, 1])
    figure.update_xaxes(title_text=PROPORTION_AXIS, row=2, col=1)
    figure.update_yaxes(title_text="accuracy", tickformat=".0%", tick0=0.5, dtick=0.1, range=[0.48, 1.02], row=1, col=1)
    figure.update_yaxes(title_text="leak, bits at least", range=[-0.04, 1.04], row=2, col=1)
    return style.finish(figure, height=480)


def attacker_curves(points: Sequence[CurvePoint], p: float | None = None, *, sign_p: float | None = None) -> go.Figure:
    """Draw the accuracy of every attacker against the proportion, the worst of them emphasised.

    A broad grey line is the worst of all at each proportion; the attacker who is worst at ``p`` (without ``p``, at the
    proportion that serves the worst one least) has a thick line and a name in bold. Names stand at the curves' ends.

    Parameters
    ----------
    points : every attacker at every measured proportion, in any order; between them lines are straight.
    p : proportion chosen, 0..1, marked by a line and a circle that is read off the grey line.
    sign_p : the proportion that is best against the sign attacker alone, marked by a line.
    """
    figure = go.Figure()
    names = list(dict.fromkeys(point.attacker for point in points))
    by_p = sorted(points, key=lambda point: point.p)
    curves = {name: [point for point in by_p if point.attacker == name] for name in names}
    ps = sorted({point.p for point in points})
    accuracies = {
        name: np.interp(ps, [point.p for point in curve], [point.accuracy for point in curve])
        for name, curve in curves.items()
    }
    worst = np.max(list(accuracies.values()), axis=0) if ps else np.empty(0)
    if ps:
        figure.add_scatter(
            x=ps,
            y=worst.tolist(),
            mode="lines",
            line={"color": style.NEUTRAL, "width": 11},
            opacity=0.35,
            name="the strongest of them",
            hoverinfo="skip",
        )
    at = p if p is not None else ps[int(worst.argmin())] if ps else 0.0
    foremost = max(names, key=lambda name: float(np.interp(at, ps, accuracies[name])), default="")
    looks = _looks(names)
    for name, curve in curves.items():
        figure.add_scatter(
            x=[point.p for point in curve],
            y=[point.accuracy for point in curve],
            customdata=[[point.auc, point.bits] for point in curve],
            meta=["AUC", "leak, bits at least"],
            **_curve(name, looks[name], bold=name == foremost),
            hovertemplate=f"{name}, p = %{{x:.1%}}<br>right in %{{y:.2%}}, AUC %{{customdata[0]:.3f}}, "
            "at least %{customdata[1]:.3f} bits<extra></extra>",
        )
    low = min([GUESSING, *(point.accuracy for point in points)]) - 0.03
    ends = {name: float(values[-1]) for name, values in accuracies.items()}
    _name_ends(figure, ends, looks, x=ps[-1] if ps else 1.0, bold=foremost, low=low, high=1.02)
    if p is not None and ps:
        figure.add_scatter(
            x=[p],
            y=[float(np.interp(p, ps, worst))],
            mode="markers",
            marker={"symbol": "circle-open", "size": 16, "color": style.NEUTRAL, "line": {"width": 3}},
            name="the strongest at the chosen p",
            showlegend=False,
            hovertemplate=f"chosen p = %{{x:.1%}}: the strongest ({foremost}) is right in %{{y:.2%}}<extra></extra>",
        )
    _mark(figure, p, "chosen", "solid", [low, 1.02])
    _mark(figure, sign_p, "best against the simplest attacker", "dash", [low, 1.02])
    _guessing(figure)
    _proportions(figure)
    _accuracies(figure, low)
    return style.finish(figure, height=480).update_layout(margin_r=50)


def leak_bars(conditions: Sequence[Condition]) -> go.Figure:
    """Draw every attacker's accuracy with its 95 % interval, untouched, mixed and perturbed side by side.

    Bars start at guessing, 50 %, so that their length is what is learnt; one that hangs below is noise. An attacker
    without a figure has no bar.

    Parameters
    ----------
    conditions : releases, in any order; each one's ``attacks`` are drawn.
    """
    figure = go.Figure()
    attackers = list(dict.fromkeys(attack.attacker for condition in conditions for attack in condition.attacks))
    lowest = GUESSING
    for condition in sorted(conditions, key=lambda condition: list(CONDITION_TITLES).index(condition.name)):
        title = CONDITION_TITLES[condition.name]
        bars = [(a, a.accuracy.value, a.accuracy) for a in condition.attacks if a.accuracy.value is not None]
        lowest = min([lowest, *(value if interval.low is None else interval.low for _, value, interval in bars)])
        figure.add_bar(
            x=[attack.attacker for attack, _, _ in bars],
            y=[value - GUESSING for _, value, _ in bars],
            base=GUESSING,
            customdata=[[value, _range(interval), attack.bits.value] for attack, value, interval in bars],
            meta=["", "", "leak, bits at least"],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [0.0 if ends.high is None else max(0.0, ends.high - value) for _, value, ends in bars],
                "arrayminus": [0.0 if ends.low is None else max(0.0, value - ends.low) for _, value, ends in bars],
                "color": style.NEUTRAL,
                "thickness": 2,
                "width": 5,
            },
            marker=style.bars(CONDITION_LOOKS[condition.name]),
            name=f"{title} (p = {percent(condition.p)})" if condition.name == "mix" else title,
            hovertemplate=f"%{{x}}, {title}<br>right in %{{customdata[0]:.2%}} (95 %: %{{customdata[1]}}), "
            "at least %{customdata[2]:.3f} bits<extra></extra>",
        )
    _guessing(figure)
    figure.update_layout(barmode="group")
    figure.update_xaxes(title_text="attacker", type="category", categoryorder="array", categoryarray=attackers)
    _accuracies(figure, min(0.45, lowest - 0.03))
    return style.finish(figure, height=440).update_xaxes(showgrid=False)


def learning_curves(points: Sequence[LearningPoint]) -> go.Figure:
    """Draw the accuracy of every attacker against the number of people learnt from, the strongest emphasised.

    Parameters
    ----------
    points : of one release, of every attacker with several parts of the people; in any order.
    """
    figure = go.Figure()
    by_part = sorted(points, key=lambda point: point.part)
    names = list(dict.fromkeys(point.attacker for point in points))
    curves = {name: [point for point in by_part if point.attacker == name] for name in names}
    ends = {name: curve[-1].accuracy.value or 0.0 for name, curve in curves.items()}
    foremost = max(names, key=ends.__getitem__, default="")
    looks = _looks(names)
    for name, curve in curves.items():
        figure.add_scatter(
            x=[point.part for point in curve],
            y=[point.accuracy.value for point in curve],
            customdata=[[point.subjects, _range(point.accuracy)] for point in curve],
            meta=["people", "interval"],
            **_curve(name, looks[name], bold=name == foremost),
            hovertemplate=f"{name}, %{{customdata[0]}} people<br>right in %{{y:.2%}} (95 %: %{{customdata[1]}})"
            "<extra></extra>",
        )
    known = [point.accuracy.value for point in points if point.accuracy.value is not None]
    low = min([GUESSING, *known]) - 0.03
    _name_ends(figure, ends, looks, x=1.0, bold=foremost, low=low, high=1.02)
    _guessing(figure)
    _accuracies(figure, low)
    people = {part: sorted({point.subjects for point in points if point.part == part}) for part in _parts(points)}
    figure.update_xaxes(
        title_text="people that the attacker learned from",
        tickvals=list(people),
        ticktext=[" or ".join(f"{number:,}" for number in numbers) for numbers in people.values()],
        range=[-0.02, 1 + _LABEL_ROOM],
    )
    return style.finish(figure, height=440).update_layout(margin_r=50)


def _parts(points: Iterable[LearningPoint]) -> list[float]:
    return sorted({point.part for point in points})


def utility_curve(
    utility: Sequence[Utility], most_fnmr_loss: float | None = None, *, p: float | None = None
) -> go.Figure:
    """Draw the lowest FNMR at FMR at most 0.1 % of every matcher against the proportion, with its floor.

    Points that rest on too few non-mated comparisons have open markers; where there is nothing to compare there is a
    gap.

    Parameters
    ----------
    utility : every matcher at several proportions, in any order.
    most_fnmr_loss : how much more FNMR than at ``p`` = 0 is allowed, a line for each matcher; None for no floor.
    p : proportion chosen, marked by a line.
    """
    figure = go.Figure()
    by_p = sorted(utility, key=lambda point: point.p)
    looks = _looks(dict.fromkeys(point.matcher for point in by_p))
    ends: dict[str, float] = {}
    top = 0.01
    for name, look in looks.items():
        curve = [point for point in by_p if point.matcher == name]
        supported = [point.fmr1000.supported for point in curve]
        rates = [point.fmr1000.fnmr for point in curve]
        known = [rate for rate in rates if rate is not None]
        top = max([top, *known])
        figure.add_scatter(
            x=[point.p for point in curve],
            y=rates,
            customdata=["" if enough else "<br>too few impostor comparisons" for enough in supported],
            mode="lines+markers",
            connectgaps=False,
            line=look.line(),
            marker={"symbol": [look.symbol if enough else f"{look.symbol}-open" for enough in supported], "size": 9},
            name=name,
            showlegend=False,
            cliponaxis=False,
            hovertemplate=f"{name}, p = %{{x:.1%}}: FNMR %{{y:.2%}}%{{customdata}}<extra></extra>",
        )
        if known:
            ends[name] = known[-1]
        if most_fnmr_loss is not None and curve[0].p == 0 and rates[0] is not None:
            limit = rates[0] + most_fnmr_loss
            top = max(top, limit)
            figure.add_scatter(
                x=[0, 1],
                y=[limit, limit],
                mode="lines",
                line={"color": look.colour, "dash": "dot", "width": 1.5},
                name=f"limit of {name}: FNMR at most {match_rate(limit)}",
                hovertemplate=f"limit of {name}: %{{y:.2%}}<extra></extra>",
            )
    low, high = -0.03 * top, top * 1.08
    _name_ends(figure, ends, looks, x=max((point.p for point in utility), default=1.0), bold="", low=low, high=high)
    _mark(figure, p, "chosen", "solid", [low, high])
    _proportions(figure)
    figure.update_yaxes(title_text="genuine pairs rejected (FNMR at FMR 0.1 %)", tickformat=".1~%", range=[low, high])
    return style.finish(figure, height=400)


def _range(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return "unknown"
    return f"{100 * interval.low:.1f} to {percent(interval.high)}"


def _curve(name: str, look: style.Look, *, bold: bool) -> dict[str, Any]:
    """Return how an attacker's curve is drawn; its name stands at its end, not in a legend."""
    return {
        "mode": "lines+markers",
        "line": look.line(4 if bold else 2),
        "marker": {"symbol": look.symbol, "size": 10 if bold else 7},
        "name": name,
        "showlegend": False,
        "cliponaxis": False,
    }


def _looks(names: Iterable[str]) -> dict[str, style.Look]:
    """Return looks by name, of which no two of the first 36 share both colour and dash."""
    colours, dashes, symbols = len(_COLOURS), len(_DASHES), len(_SYMBOLS)
    return {
        name: style.Look(_COLOURS[k % colours], _DASHES[(k + k // colours) % dashes], _SYMBOLS[k % symbols])
        for k, name in enumerate(names)
    }


def _name_ends(
    figure: go.Figure,
    ends: Mapping[str, float],
    looks: Mapping[str, style.Look],
    *,
    x: float,
    bold: str,
    low: float,
    high: float,
) -> None:
    """Write each name right of its curve's end, moved up or down where names would overlap, beside its symbol."""
    places = _spread(list(ends.values()), gap=(high - low) / 18, low=low, high=high)
    for (name, y), place in zip(ends.items(), places, strict=True):
        look = looks[name]
        figure.add_scatter(
            x=[x, x + 0.06],
            y=[y, place],
            mode="lines+markers",
            line={"color": look.colour, "dash": "dot", "width": 1},
            marker={"symbol": look.symbol, "size": [0, 8], "color": look.colour, "opacity": 1},
            name=f"end of {name}",
            showlegend=False,
            hoverinfo="skip",
            cliponaxis=False,
        )
        # A note rather than the trace's own text, whose colour is chosen for a white page.
        text = f"<b>{name}</b>" if name == bold else name
        figure.add_annotation(
            x=x + 0.075, y=place, text=text, xanchor="left", yanchor="middle", showarrow=False, font={"size": 12}
        )


def _spread(values: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Move values apart to at least ``gap`` in their order, within the bounds if there is room."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    places = [0.0] * len(values)
    floor = low
    for index in order:
        places[index] = max(values[index], floor)
        floor = places[index] + gap
    ceiling = high
    for index in reversed(order):
        places[index] = min(places[index], ceiling)
        ceiling = places[index] - gap
    return places


def _mark(figure: go.Figure, p: float | None, title: str, dash: str, ends: list[float]) -> None:
    """Draw a line at a proportion, named in the legend: text along it would lie across the curves."""
    if p is None:
        return
    figure.add_scatter(
        x=[p, p],
        y=ends,
        mode="lines",
        line=style.rule(dash, 1.5),
        name=f"{title}: p = {percent(p)}",
        hoverinfo="skip",
    )


def _guessing(figure: go.Figure) -> None:
    figure.add_hline(y=GUESSING, line=style.rule())
    style.note(figure, "guessing", x=1, xref="paper", y=GUESSING, xanchor="right", yanchor="top")


def _accuracies(figure: go.Figure, low: float) -> None:
    figure.update_yaxes(title_text=ACCURACY_AXIS, tickformat=".0%", tick0=0.5, dtick=0.1, range=[low, 1.02])


def _proportions(figure: go.Figure) -> None:
    ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
    figure.update_xaxes(title_text=PROPORTION_AXIS, tickvals=ticks, tickformat=".0%", range=[-0.02, 1 + _LABEL_ROOM])
