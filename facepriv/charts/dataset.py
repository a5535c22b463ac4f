"""Figure of a data set: how many images of which label."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from facepriv.charts import style
from facepriv.wording import percent


def class_balance(counts: Mapping[str, int]) -> go.Figure:
    """Draw how many images each class has, one bar a class in the order given.

    Parameters
    ----------
    counts : images by class, e.g. ``male``, ``female``, ``unlabelled``, ``failed``; those names have their own colour
        and hatch, any other is grey. A class without images has no bar.
    """
    looks = {
        "male": style.MALE_LOOK,
        "female": style.FEMALE_LOOK,
        "unlabelled": style.Look(style.PURPLE, hatch="."),
        "failed": style.Look(style.NEUTRAL, hatch="x"),
    }
    counts = {name: count for name, count in counts.items() if count} or counts
    total = sum(counts.values())
    figure = go.Figure()
    for name, count in counts.items():
        share = f" ({percent(count / total)})" if total else ""
        figure.add_bar(
            x=[count],
            y=[name],
            orientation="h",
            name=name,
            marker=style.bars(looks.get(name, style.Look(style.NEUTRAL))),
            text=[f"{count}{share}"],
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"{name}: {count} images{share}<extra></extra>",
        )
    figure.update_xaxes(title_text="images", rangemode="tozero", range=[0, max([*counts.values(), 1]) * 1.4])
    figure.update_yaxes(title_text="label", autorange="reversed", type="category")
    figure = style.finish(figure, height=110 + 36 * max(len(counts), 1), top=10)
    # Grid lines would strike the numbers out.
    figure.update_xaxes(showgrid=False).update_yaxes(showgrid=False)
    return figure.update_layout(showlegend=False)
