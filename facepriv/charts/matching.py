"""Figures of face matching: score histograms, ROC and DET of the three phases.

In words for readers of the paper, mated comparisons are called genuine and non-mated ones impostor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from facepriv.charts import style
from facepriv.schemas.figures import Matching, MatchingPhases
from facepriv.schemas.runs import MATCH_PHASES, MatchPhase
from facepriv.wording import auc_within, eer_within

FMR_AXIS = "FMR: impostors accepted"
FNMR_AXIS = "FNMR: genuine rejected"
TMR_AXIS = "TMR: genuine accepted (1 - FNMR)"
THRESHOLD = "threshold"


def match_score_histograms(phases: MatchingPhases, matcher: str) -> go.Figure:
    """Draw the scores of before, after and across over each other as shares, genuine above impostor (Figure 6).

    Thresholds are those of the untouched images, as a matcher in use has them.
    """
    kinds = {"mated": "genuine", "non_mated": "impostor"}
    figure = make_subplots(
        rows=2,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.12,
        subplot_titles=[f"{matcher}, {name} comparisons" for name in kinds.values()],
    )
    thresholds = {
        _title(point.target_fmr): point.threshold
        for point in phases.before.operating_points
        if point.supported and point.threshold is not None
    }
    for row, kind in enumerate(kinds, start=1):
        for phase in MATCH_PHASES:
            histogram, look = _of(phases, phase).histogram, style.PHASE_LOOKS[phase]
            name = style.PHASE_NAMES[phase]
            trace = style.histogram_steps(histogram, kind, name, look, shares=True, unit="", legend=row == 1)
            figure.add_trace(trace, row=row, col=1)
        for title, threshold in thresholds.items():
            axis = "" if row == 1 else "2"
            figure.add_vline(x=threshold, line=style.rule(), row=row, col=1)
            _upright(figure, title, x=threshold, xref=f"x{axis}", y=1, yref=f"y{axis} domain", yanchor="top")
    figure.update_xaxes(title_text="similarity score (higher = more similar)", row=2, col=1)
    figure.update_yaxes(title_text="proportion of comparisons", tickformat=".0%", rangemode="tozero")
    # Room for a legend of two lines above the first title.
    return style.finish(figure, height=550, top=90)


def roc(phases: MatchingPhases, matcher: str) -> go.Figure:
    """Draw the ROC curves of the three phases over a logarithmic FMR axis (Figure 7).

    A FMR of 0 has no place on such an axis and stands at its left end, half a comparison wide; the hover text has the
    true value.
    """
    title = f"{TMR_AXIS}, {matcher}"
    columns = (FMR_AXIS, FNMR_AXIS, title, THRESHOLD)
    figure = _curves(phases, lambda fnmr: 1 - fnmr, "TMR %{customdata[2]:.2%}", columns, notes="bottom")
    figure.update_yaxes(title_text=title, tickformat=".0%", range=[-0.02, 1.02])
    return style.finish(figure, height=460)


def det(phases: MatchingPhases, matcher: str) -> go.Figure:
    """Draw the DET curves of the three phases over logarithmic axes (ISO/IEC 19795-1).

    A rate of 0 stands at the low end of its axis, as in `roc`; there all phases meet on one line, named "0".
    """
    least = min(_floor(_of(phases, phase).mated) for phase in MATCH_PHASES)
    title = f"{FNMR_AXIS}, {matcher}"
    columns = (FMR_AXIS, title, TMR_AXIS, THRESHOLD)
    figure = _curves(phases, lambda fnmr: max(fnmr, least), "FNMR %{customdata[1]:.3%}", columns, notes="top")
    figure.add_hline(y=least, line=style.rule(width=1))
    figure.add_annotation(
        x=0, xref="paper", y=math.log10(least), text="0 is drawn here", showarrow=False, xanchor="left", yanchor="top"
    )
    figure.update_yaxes(title_text=title, range=_log_range(least, below=0.3), **_LOG)
    return style.finish(figure, height=460)


_LOG = {"type": "log", "dtick": 1, "tickformat": ".5~%"}


def _of(phases: MatchingPhases, phase: MatchPhase) -> Matching:
    measured: Matching = getattr(phases, phase)
    return measured


def _floor(comparisons: int) -> float:
    """Rate that stands for 0 on a logarithmic axis: half of one comparison."""
    return 0.5 / max(comparisons, 1)


def _log_range(least: float, *, below: float = 0.1) -> list[float]:
    return [math.log10(least) - below, 0.05]


def _curves(
    phases: MatchingPhases,
    height: Callable[[float], float],
    hover: str,
    columns: Sequence[str],
    *,
    notes: Literal["bottom", "top"],
) -> go.Figure:
    figure = go.Figure()
    outline = {"color": style.NEUTRAL, "width": 1.5}
    for phase in MATCH_PHASES:
        measured, look, name = _of(phases, phase), style.PHASE_LOOKS[phase], style.PHASE_NAMES[phase]
        curve, floor = measured.curve, _floor(measured.non_mated)
        area = auc_within(measured.auc, measured.auc_error)
        figure.add_scatter(
            x=[max(x, floor) for x in curve.fmr],
            y=[height(y) for y in curve.fnmr],
            customdata=[[x, y, 1 - y, t] for x, y, t in zip(curve.fmr, curve.fnmr, curve.threshold, strict=True)],
            meta=columns,
            mode="lines",
            line=look.line(),
            name=f"{name} (AUC {area}, EER {eer_within(measured.eer, measured.eer_error)})",
            legendgroup=phase,
            hovertemplate=f"{name}<br>FMR %{{customdata[0]:.4%}}, {hover}"
            "<br>threshold %{customdata[3]:.4f}<extra></extra>",
        )
        points = [p for p in measured.operating_points if p.supported and p.fmr is not None and p.fnmr is not None]
        figure.add_scatter(
            x=[max(p.fmr or 0.0, floor) for p in points],
            y=[height(p.fnmr or 0.0) for p in points],
            customdata=[[p.fmr, p.fnmr, 1 - (p.fnmr or 0.0), p.threshold, _title(p.target_fmr)] for p in points],
            meta=[*columns, "operating point"],
            mode="markers",
            marker={"color": look.colour, "symbol": look.symbol, "size": 11, "line": outline},
            name=f"{name}, operating points",
            legendgroup=phase,
            showlegend=False,
            hovertemplate=f"{name}, %{{customdata[4]}}<br>FMR %{{customdata[0]:.4%}}, {hover}"
            "<br>threshold %{customdata[3]:.4f}<extra></extra>",
        )
    targets = sorted({p.target_fmr for phase in MATCH_PHASES for p in _of(phases, phase).operating_points})
    for target in targets:
        figure.add_vline(x=target, line=style.rule(width=1))
        # Notes on a logarithmic axis are placed by exponent, lines by value.
        y = {"bottom": 0.02, "top": 0.98}[notes]
        _upright(figure, _title(target), x=math.log10(target), y=y, yref="paper", yanchor=notes)
    least = min(_floor(_of(phases, phase).non_mated) for phase in MATCH_PHASES)
    figure.update_xaxes(title_text=FMR_AXIS, range=_log_range(least), **_LOG)
    return figure


def _upright(figure: go.Figure, text: str, **place: Any) -> None:
    """Write text left of a vertical line."""
    style.note(figure, text, textangle=-90, xanchor="right", **place)


def _title(target: float) -> str:
    return f"FMR{round(1 / target)}"
