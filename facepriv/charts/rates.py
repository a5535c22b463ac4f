"""Figures of shares side by side: flips that outlast what is done to a file, and runs compared."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import cycle

import plotly.graph_objects as go

from facepriv.charts import style
from facepriv.imaging.panel import PANEL, PANEL_TITLES
from facepriv.imaging.versions import VERSION_TITLES
from facepriv.schemas.figures import GenderError, Rates
from facepriv.schemas.runs import FILE, FIXED
from facepriv.wording import percent

MOST_TEXTS = 10
"""Bars that can carry their figure above them and still be read; with more, the axis and the table beside must do."""
LINE = 12
"""Characters in a line under a bar, so that no text must be turned."""
VERSION_AXIS = "flipped in"
FLIP_TITLES: dict[str, str] = {
    FILE: "the file as stored",
    **VERSION_TITLES,
    **PANEL_TITLES,
    FIXED: "the original's crop",
}
"""In what a flip is looked for, in words: the file, versions of it, and a diagnostic."""
LOOKS = (
    style.Look(style.VERMILLION, hatch="|"),
    style.Look(style.GREEN, hatch="x"),
    style.Look(style.PURPLE, hatch="/"),
    style.Look(style.ORANGE, hatch="."),
    style.Look(style.BLUE, hatch="\\"),
)
"""For series that have no look of their own; a sixth one looks like the first and is told by its place and name."""
GROUP_LOOKS = {"all": style.Look(style.SKY, hatch="."), "male": style.MALE_LOOK, "female": style.FEMALE_LOOK}


def survival_bars(flips: Mapping[str, Rates]) -> go.Figure:
    """Draw the share of flipped images in the file and in its versions but the panel's, overall and by label.

    Parameters
    ----------
    flips : rates by key of ``FLIP_TITLES``, as `RunResult.flips` gives them.
    """
    flips = {name: rates for name, rates in flips.items() if _has_bar(name)}
    places = [_title(name) for name in flips]
    return _bars(
        VERSION_AXIS,
        places,
        {
            style.GROUP_NAMES[g]: ([getattr(rates, g) for rates in flips.values()], GROUP_LOOKS[g])
            for g in style.known_groups(list(flips.values()))
        },
        "proportion of images flipped",
    )


def survival_of_runs(runs: Mapping[str, Mapping[str, Rates]]) -> go.Figure:
    """Draw the share of flipped images of several runs, one bar a run for the file and for each version.

    Parameters
    ----------
    runs : by title, rates as in `survival_bars`; the diagnostic is left out.
    """
    names = [name for name in dict.fromkeys(n for flips in runs.values() for n in flips) if _has_bar(name, FIXED)]
    series = {
        title: ([flips[name].all if name in flips else None for name in names], look)
        for (title, flips), look in zip(runs.items(), cycle(LOOKS), strict=False)
    }
    return _bars(VERSION_AXIS, [_title(name) for name in names], series, "proportion of images flipped")


def gender_error_of_runs(runs: Mapping[str, Mapping[str, GenderError]]) -> go.Figure:
    """Draw every classifier's gender error in several runs, beside the error before.

    Parameters
    ----------
    runs : by title, gender errors by classifier; the error before is the first run's that has the classifier.
    """
    names = list(dict.fromkeys(name for errors in runs.values() for name in errors))
    before = [next(errors[name].before.all for errors in runs.values() if name in errors) for name in names]
    series = {"before": (before, style.PHASE_LOOKS["before"])}
    for (title, errors), look in zip(runs.items(), cycle(LOOKS), strict=False):
        series[title] = ([errors[name].after.all if name in errors else None for name in names], look)
    return _bars("classifier", names, series, "gender error (proportion of images)")


def _has_bar(name: str, *left_out: str) -> bool:
    """Return whether a version has bars of its own; those of the panel, too many for that, stand in the table."""
    return name not in PANEL and name not in left_out


def _title(name: str) -> str:
    title = FLIP_TITLES.get(name, name) + (" (diagnostic)" if name == FIXED else "")
    return "<br>".join(textwrap.wrap(title, LINE))


def _bars(
    across: str, places: Sequence[str], series: Mapping[str, tuple[Sequence[float | None], style.Look]], title: str
) -> go.Figure:
    figure = go.Figure()
    texts = len(places) * len(series) <= MOST_TEXTS
    for name, (rates, look) in series.items():
        figure.add_bar(
            x=list(places),
            y=list(rates),
            name=name,
            marker=style.bars(look),
            text=["" if rate is None else percent(rate, 0) for rate in rates] if texts else None,
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"%{{x}}, {name}: %{{y:.2%}}<extra></extra>",
        )
    figure.update_layout(barmode="group")
    figure.update_xaxes(title_text=across, type="category", tickangle=0)
    figure.update_yaxes(title_text=title, tickformat=".0%", range=[0, 1.08], dtick=0.25)
    return style.finish(figure, height=380)
