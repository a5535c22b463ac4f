"""Figures of gender prediction: error rates, confusion matrices, score histograms."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from facepriv.charts import style
from facepriv.schemas.figures import Confusions, GenderError, GenderHistograms
from facepriv.schemas.runs import PHASES
from facepriv.wording import percent

LABELS = ("male", "female")
SCORE_AXIS = "gender score, log-odds in nats (male above 0)"


def gender_error_bars(gender_error: Mapping[str, GenderError]) -> go.Figure:
    """Draw the gender error of each classifier before and after, overall and by label (Table 3).

    Parameters
    ----------
    gender_error : error rates by classifier, as in ``RunResult.gender_error``; a rate that is None has no
        bar, and a label without any no place.
    """
    figure = go.Figure()
    known = style.known_groups([rates for error in gender_error.values() for _, rates in error])
    classifiers = [name for name in gender_error for _ in known]
    groups = [style.GROUP_NAMES[group] for _ in gender_error for group in known]
    for phase in PHASES:
        rates = [getattr(getattr(error, phase), group) for error in gender_error.values() for group in known]
        figure.add_bar(
            x=[classifiers, groups],
            y=rates,
            name=style.PHASE_NAMES[phase],
            marker=style.bars(style.PHASE_LOOKS[phase]),
            text=["" if rate is None else percent(rate) for rate in rates],
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"%{{x}}, {phase}: %{{y:.2%}} wrong<extra></extra>",
        )
    figure.update_layout(barmode="group")
    figure.update_yaxes(title_text="gender error (proportion of images)", tickformat=".0%", range=[0, 1.05], dtick=0.25)
    figure.update_xaxes(title_text="classifier, images by label", dividercolor=style.NEUTRAL)
    return style.finish(figure, height=380)


def confusion_tables(confusions: Confusions) -> go.Figure:
    """Draw the confusion matrices before and after side by side, shaded by share of the row (Table 4).

    The column of images without a score appears only if there are any, as does the row of a label.
    """
    figure = make_subplots(cols=2, shared_yaxes=True, horizontal_spacing=0.06, subplot_titles=list(PHASES))
    both = (confusions.before, confusions.after)
    failed = any(row["failed"] for matrix in both for row in (matrix.male, matrix.female))
    labels = [label for label in LABELS if any(sum(getattr(matrix, label).values()) for matrix in both)]
    for column, matrix in enumerate(both, start=1):
        heat = _heat({label: getattr(matrix, label) for label in labels}, with_failed=failed)
        figure.add_trace(heat, row=1, col=column)
        # Notes rather than the trace's own text, whose colour is chosen for a white page.
        for label, counts, shares in zip(heat.y, heat.customdata, heat.z, strict=True):
            for guess, count, share in zip(heat.x, counts, shares, strict=True):
                text = f"{count}<br>{percent(share)}"
                figure.add_annotation(
                    x=guess, y=label, text=text, font={"size": 14, "weight": 700}, showarrow=False, row=1, col=column
                )
    figure.update_xaxes(title_text="predicted", side="bottom", type="category")
    figure.update_yaxes(title_text="labelled", col=1)
    # As in the paper, men first from the top.
    figure.update_yaxes(autorange="reversed", type="category")
    figure = style.finish(figure, height=300)
    figure.update_xaxes(showgrid=False)
    return figure.update_yaxes(showgrid=False)


def _heat(by_label: Mapping[str, Mapping[str, int]], *, with_failed: bool) -> go.Heatmap:
    rows = [[row[guess] for guess in ("male", "female", "failed")] for row in by_label.values()]
    counts = [row if with_failed else row[:2] for row in rows]
    shares = [[c / sum(row) if sum(row) else 0.0 for c in shown] for row, shown in zip(rows, counts, strict=True)]
    return go.Heatmap(
        x=["male", "female"] + (["no score"] if with_failed else []),
        y=list(by_label),
        z=shares,
        customdata=counts,
        meta=["images"],
        zmin=0,
        zmax=1,
        # See-through, so that text in the page's own colour stays readable on it.
        colorscale=[[0, "rgba(86, 180, 233, 0.05)"], [1, "rgba(86, 180, 233, 0.45)"]],
        showscale=False,
        xgap=2,
        ygap=2,
        hovertemplate="labelled %{y}, predicted %{x}: %{customdata} images (%{z:.1%} of the label)<extra></extra>",
    )


def gender_score_histograms(histograms: GenderHistograms, classifier: str) -> go.Figure:
    """Draw the gender scores before and after over each other, men above women, the threshold 0 marked (Figure 5).

    A label without images has no panel.
    """
    labels = [
        label for label in LABELS if any(sum(getattr(histograms, phase).counts[label]) for phase in PHASES)
    ] or list(LABELS)
    figure = make_subplots(
        rows=len(labels),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.12,
        subplot_titles=[f"{classifier}, labelled {label}" for label in labels],
    )
    for row, label in enumerate(labels, start=1):
        for phase in PHASES:
            histogram, look, name = getattr(histograms, phase), style.PHASE_LOOKS[phase], style.PHASE_NAMES[phase]
            trace = style.histogram_steps(histogram, label, name, look, shares=False, unit=" nats", legend=row == 1)
            figure.add_trace(trace, row=row, col=1)
        figure.add_vline(x=0, line=style.rule(), row=row, col=1)
    figure.update_xaxes(title_text=SCORE_AXIS, row=len(labels), col=1)
    figure.update_yaxes(title_text="images", rangemode="tozero")
    return style.finish(figure, height=100 + 200 * len(labels), top=80)
