"""Figures of a data set's quality: failures, sizes of subjects, pixels between the eyes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import plotly.graph_objects as go

from facepriv.charts import style
from facepriv.schemas.figures import Histogram
from facepriv.schemas.quality import Acquisition, InterEyeDistance, Label

LOOKS: dict[Label, style.Look] = {
    "female": style.FEMALE_LOOK,
    "male": style.MALE_LOOK,
    "unlabelled": style.Look(style.PURPLE, hatch="."),
}


def failures_by_reason(acquisition: Mapping[Label, Acquisition]) -> go.Figure:
    """Draw the share of each label's images in which no usable face was found, by reason.

    Parameters
    ----------
    acquisition : as in ``QualityReport.acquisition``; labels without images are left out.
    """
    reasons = sorted({reason for counts in acquisition.values() for reason in counts.by_reason})
    figure = go.Figure()
    for label, counts in acquisition.items():
        if not counts.images:
            continue
        numbers = [counts.by_reason.get(reason, 0) for reason in reasons]
        figure.add_bar(
            x=reasons,
            y=[number / counts.images for number in numbers],
            name=label,
            customdata=numbers,
            meta=["images"],
            marker=style.bars(LOOKS[label]),
            text=[f"{number:,}" for number in numbers],
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"{label}, %{{x}}: %{{customdata}} images (%{{y:.2%}})<extra></extra>",
        )
    figure.update_layout(barmode="group")
    figure.update_xaxes(title_text="why no usable face was found", type="category")
    figure.update_yaxes(title_text="proportion of the label's images", tickformat=".1%", rangemode="tozero")
    return style.finish(figure, height=320)


def images_per_subject(histogram: Histogram) -> go.Figure:
    """Draw how many subjects have how many images; the last bar may stand for all that have more."""
    counts = histogram.counts["subjects"]
    names = [str(size) for size in range(1, len(counts) + 1)]
    if counts and histogram.edges[-1] > len(counts) + 0.5:
        names[-1] += " or more"
    figure = go.Figure()
    figure.add_bar(
        x=names,
        y=counts,
        marker=style.bars(style.Look(style.GREEN)),
        hovertemplate="%{y:,} subjects with %{x} images<extra></extra>",
    )
    figure.update_xaxes(title_text="images per subject", type="category")
    figure.update_yaxes(title_text="subjects", rangemode="tozero")
    return style.finish(figure, height=280, top=20).update_layout(showlegend=False)


def inter_eye_distances(distances: InterEyeDistance) -> go.Figure:
    """Draw the pixels between the eyes, with the limits below which images are counted."""
    edges, counts = distances.histogram.edges, distances.histogram.counts["images"]
    figure = go.Figure()
    figure.add_bar(
        x=[(left + right) / 2 for left, right in pairwise(edges)],
        y=counts,
        width=[right - left for left, right in pairwise(edges)],
        customdata=list(pairwise(edges)),
        meta=["from", "to"],
        marker=style.bars(style.Look(style.SKY)),
        hovertemplate="%{y:,} images with %{customdata[0]:.0f} to %{customdata[1]:.0f} pixels<extra></extra>",
    )
    for limit in (shortfall.below for shortfall in distances.shortfalls):
        line = {"color": style.VERMILLION, "dash": "dash"}
        figure.add_vline(x=limit, line=line, annotation_text=f"{limit:.0f}", annotation_position="top")
    figure.update_xaxes(title_text="inter-eye distance in pixels", rangemode="tozero")
    figure.update_yaxes(title_text="images", rangemode="tozero")
    return style.finish(figure, height=300, top=30).update_layout(showlegend=False)
