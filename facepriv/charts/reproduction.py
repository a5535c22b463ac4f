"""The paper's Figures 5, 6 and 7 from runs that repeat its experiments, in its layout."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from facepriv.charts import style
from facepriv.charts.gender import SCORE_AXIS
from facepriv.schemas.figures import Matching
from facepriv.schemas.reproductions import Experiment, Reproduction
from facepriv.schemas.runs import MatchPhase

EXPERIMENT_NAMES: dict[Experiment, str] = {
    "original": "original",
    "by-a": "perturbed by A",
    "by-b": "perturbed by B",
    "mixing": "mixing",
}
ROW_HEIGHT = 190
BEFORE: tuple[Experiment, MatchPhase] = ("by-a", "before")
LOOKS: dict[tuple[Experiment, MatchPhase], style.Look] = {
    BEFORE: style.Look(style.NEUTRAL, "solid"),
    ("by-a", "after"): style.Look(style.SKY, "solid"),
    ("by-a", "cross"): style.Look(style.SKY, "dot"),
    ("by-b", "after"): style.Look(style.VERMILLION, "dash"),
    ("by-b", "cross"): style.Look(style.VERMILLION, "dot"),
    ("mixing", "after"): style.Look(style.GREEN, "dashdot"),
    ("mixing", "cross"): style.Look(style.GREEN, "dot"),
}
PANELS = tuple(LOOKS)
"""Rows of Figure 6; the paper has no such rows for mixing."""


def gender_scores(comparison: Reproduction) -> go.Figure:
    """Draw the scores of men and women, a row for each experiment and a column for each classifier (Figure 5)."""
    rows = list(comparison.gender_scores["a"])
    figure = make_subplots(
        rows=len(rows),
        cols=2,
        shared_xaxes="columns",
        vertical_spacing=0.07,
        horizontal_spacing=0.08,
        subplot_titles=[
            f"{EXPERIMENT_NAMES[row]}: {slot.upper()}, {comparison.classifiers[slot]}"
            for row in rows
            for slot in comparison.gender_scores
        ],
    )
    for column, by_experiment in enumerate(comparison.gender_scores.values(), start=1):
        for row, experiment in enumerate(rows, start=1):
            histogram, legend = by_experiment[experiment], row == column == 1
            for key, look in (("male", style.MALE_LOOK), ("female", style.FEMALE_LOOK)):
                name = f"labelled {key}"
                trace = style.histogram_bars(histogram, key, name, look, shares=False, unit=" nats", legend=legend)
                figure.add_trace(trace, row=row, col=column)
            figure.add_vline(x=0, line=style.rule(), row=row, col=column)
    figure.update_layout(barmode="overlay", bargap=0)
    figure.update_xaxes(title_text=SCORE_AXIS, row=len(rows))
    figure.update_yaxes(title_text="images", col=1)
    return style.finish(figure, height=ROW_HEIGHT * len(rows) + 100)


def match_scores(comparison: Reproduction) -> go.Figure | None:
    """Draw genuine and impostor scores, a column for each matcher (Figure 6); None without matchers."""
    if not comparison.matchers:
        return None
    figure = make_subplots(
        rows=len(PANELS),
        cols=len(comparison.matchers),
        shared_xaxes="columns",
        vertical_spacing=0.04,
        horizontal_spacing=0.08,
        subplot_titles=[f"{_name(*panel)}: {matcher}" for panel in PANELS for matcher in comparison.matchers],
    )
    kinds = (("non_mated", "impostor", style.IMPOSTOR_LOOK), ("mated", "genuine", style.GENUINE_LOOK))
    for column, matcher in enumerate(comparison.matchers, start=1):
        for row, panel in enumerate(PANELS, start=1):
            histogram, legend = _of(comparison, matcher, *panel).histogram, row == column == 1
            for key, name, look in kinds:
                trace = style.histogram_bars(histogram, key, name, look, shares=True, unit="", legend=legend)
                figure.add_trace(trace, row=row, col=column)
    figure.update_layout(barmode="overlay", bargap=0)
    figure.update_xaxes(title_text="similarity score (higher = more similar)", row=len(PANELS))
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(title_text="share", col=1)
    return style.finish(figure, height=ROW_HEIGHT * len(PANELS) + 100)


def rocs(comparison: Reproduction) -> go.Figure | None:
    """Draw the ROC curves of all experiments, a panel for each matcher (Figure 7); None without matchers.

    As in `facepriv.charts.matching.roc`, a FMR of 0 stands at the left end of the logarithmic axis.
    """
    matchers = comparison.matchers
    if not matchers:
        return None
    figure = make_subplots(cols=len(matchers), horizontal_spacing=0.1, subplot_titles=matchers)
    for column, matcher in enumerate(matchers, start=1):
        for panel, look in LOOKS.items():
            measured, name = _of(comparison, matcher, *panel), _name(*panel)
            floor = 0.5 / max(measured.non_mated, 1)
            figure.add_scatter(
                x=[max(x, floor) for x in measured.curve.fmr],
                y=[1 - y for y in measured.curve.fnmr],
                customdata=measured.curve.fmr,
                mode="lines",
                line=look.line(),
                name=name,
                legendgroup=name,
                showlegend=column == 1,
                hovertemplate=f"{name}<br>FMR %{{customdata:.4%}}, TMR %{{y:.2%}}<extra></extra>",
                row=1,
                col=column,
            )
    figure.update_xaxes(title_text="FMR: impostors accepted", type="log", dtick=1, tickformat=".5~%")
    figure.update_yaxes(tickformat=".0%", range=[-0.02, 1.02])
    figure.update_yaxes(title_text="TMR: genuine accepted", col=1)
    return style.finish(figure, height=460, top=110)


def _name(experiment: Experiment, phase: MatchPhase) -> str:
    if (experiment, phase) == BEFORE:
        return EXPERIMENT_NAMES["original"]
    return EXPERIMENT_NAMES[experiment] + (", against originals" if phase == "cross" else "")


def _of(comparison: Reproduction, matcher: str, experiment: Experiment, phase: MatchPhase) -> Matching:
    """Return what was measured with opposite-label candidates."""
    rows = {(row.matcher, row.experiment, row.candidates): row for row in comparison.matching}
    measured: Matching = getattr(rows[matcher, experiment, "opposite"].phases, phase)
    return measured
