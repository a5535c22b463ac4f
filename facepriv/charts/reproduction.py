"""The paper's Figures 5, 6 and 7 from runs that repeat its experiments, in its layout."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from facepriv.charts import style
from facepriv.charts.gender import SCORE_AXIS
from facepriv.schemas.figures import Matching
from facepriv.schemas.reproductions import Experiment, MatchingRow, Reproduction
from facepriv.schemas.runs import MatchPhase

EXPERIMENT_NAMES: dict[Experiment, str] = {
    "original": "original",
    "by-a": "perturbed by A",
    "by-b": "perturbed by B",
    "mixing": "mixing",
}
ROW_HEIGHT = 190
BEFORE: tuple[Experiment, MatchPhase] = ("by-a", "before")
PANELS: tuple[tuple[Experiment, MatchPhase], ...] = (
    BEFORE,
    ("by-a", "after"),
    ("by-a", "cross"),
    ("by-b", "after"),
    ("by-b", "cross"),
    ("mixing", "after"),
    ("mixing", "cross"),
)
"""Rows of Figure 6; the paper has no such rows for mixing."""
LOOKS: dict[tuple[Experiment, MatchPhase], style.Look] = {
    BEFORE: style.Look(style.NEUTRAL, "solid"),
    ("by-a", "after"): style.Look(style.SKY, "solid"),
    ("by-a", "cross"): style.Look(style.SKY, "dot"),
    ("by-b", "after"): style.Look(style.VERMILLION, "dash"),
    ("by-b", "cross"): style.Look(style.VERMILLION, "dot"),
    ("mixing", "after"): style.Look(style.GREEN, "dashdot"),
    ("mixing", "cross"): style.Look(style.GREEN, "dot"),
}


def gender_scores(found: Reproduction) -> go.Figure:
    """Draw the scores of men and women, a row for each experiment and a column for each classifier (Figure 5)."""
    rows = list(found.gender_scores["a"])
    figure = make_subplots(
        rows=len(rows),
        cols=2,
        shared_xaxes="columns",
        vertical_spacing=0.07,
        horizontal_spacing=0.08,
        subplot_titles=[
            f"{EXPERIMENT_NAMES[row]}: {slot.upper()}, {found.classifiers[slot]}"
            for row in rows
            for slot in found.gender_scores
        ],
    )
    for column, by_experiment in enumerate(found.gender_scores.values(), start=1):
        for row, experiment in enumerate(rows, start=1):
            for key, look in (("male", style.MALE_LOOK), ("female", style.FEMALE_LOOK)):
                trace = style.histogram_bars(
                    by_experiment[experiment],
                    key,
                    f"labelled {key}",
                    look,
                    shares=False,
                    unit=" nats",
                    legend=row == column == 1,
                )
                figure.add_trace(trace, row=row, col=column)
            figure.add_vline(x=0, line={"color": style.NEUTRAL, "dash": "dot", "width": 2}, row=row, col=column)
    figure.update_layout(barmode="overlay", bargap=0)
    figure.update_xaxes(title_text=SCORE_AXIS, row=len(rows))
    figure.update_yaxes(title_text="images", col=1)
    return style.finish(figure, height=ROW_HEIGHT * len(rows) + 100)


def match_scores(found: Reproduction) -> go.Figure | None:
    """Draw genuine and impostor scores, a column for each matcher (Figure 6); None without matchers."""
    if not found.matchers:
        return None
    figure = make_subplots(
        rows=len(PANELS),
        cols=len(found.matchers),
        shared_xaxes="columns",
        vertical_spacing=0.04,
        horizontal_spacing=0.08,
        subplot_titles=[f"{_name(*panel)}: {matcher}" for panel in PANELS for matcher in found.matchers],
    )
    for column, matcher in enumerate(found.matchers, start=1):
        for row, (experiment, phase) in enumerate(PANELS, start=1):
            histogram = _of(found, matcher, experiment, phase).histogram
            for key, name, look in (
                ("non_mated", "impostor", style.IMPOSTOR_LOOK),
                ("mated", "genuine", style.GENUINE_LOOK),
            ):
                trace = style.histogram_bars(
                    histogram, key, name, look, shares=True, unit="", legend=row == column == 1
                )
                figure.add_trace(trace, row=row, col=column)
    figure.update_layout(barmode="overlay", bargap=0)
    figure.update_xaxes(title_text="similarity score (higher = more similar)", row=len(PANELS))
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(title_text="share", col=1)
    return style.finish(figure, height=ROW_HEIGHT * len(PANELS) + 100)


def rocs(found: Reproduction) -> go.Figure | None:
    """Draw the ROC curves of all experiments, a panel for each matcher (Figure 7); None without matchers.

    As in `facepriv.charts.matching.roc`, a FMR of 0 stands at the left end of the logarithmic axis.
    """
    if not found.matchers:
        return None
    figure = make_subplots(
        rows=1, cols=len(found.matchers), horizontal_spacing=0.1, subplot_titles=list(found.matchers)
    )
    for column, matcher in enumerate(found.matchers, start=1):
        for panel in PANELS:
            measured, look, name = _of(found, matcher, *panel), LOOKS[panel], _name(*panel)
            floor = 0.5 / max(measured.non_mated, 1)
            figure.add_scatter(
                x=[max(x, floor) for x in measured.curve.fmr],
                y=[1 - y for y in measured.curve.fnmr],
                customdata=measured.curve.fmr,
                mode="lines",
                line={"color": look.colour, "dash": look.dash, "width": 2.5},
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
    return style.finish(figure, height=460).update_layout(margin_t=110)


def _name(experiment: Experiment, phase: MatchPhase) -> str:
    if (experiment, phase) == BEFORE:
        return EXPERIMENT_NAMES["original"]
    return EXPERIMENT_NAMES[experiment] + (", against originals" if phase == "cross" else "")


def _of(found: Reproduction, matcher: str, experiment: Experiment, phase: MatchPhase) -> Matching:
    """Return what was measured with opposite-label candidates."""
    row: MatchingRow = next(
        one
        for one in found.matching
        if one.matcher == matcher and one.experiment == experiment and one.candidates == "opposite"
    )
    measured: Matching = getattr(row.phases, phase)
    return measured
