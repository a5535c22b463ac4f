"""The numbers behind a figure, as rows that a spreadsheet or a script reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import plotly.graph_objects as go

Row = dict[str, str]

PANEL, SERIES, LOW, HIGH = "panel", "series", "low", "high"
TOLERANCE = 1e-6
"""Of places on the paper, which are reckoned twice."""


def figure_rows(figure: go.Figure) -> list[Row]:
    """Return every point of a figure as a row, series after series; all rows have the same columns.

    Columns are ``panel`` where the figure has titled panels, ``series``, one for the title of each axis, and ``low``
    and ``high`` of intervals. A trace whose ``meta`` lists names has its ``customdata`` in columns of these names; one
    that is named as an axis takes the place of what is drawn there, since a rate of 0 has no place on a logarithmic
    axis. Traces that answer no pointer (``hoverinfo="skip"``) are marks without numbers of their own.
    """
    rows = [row for trace in figure.data if trace.hoverinfo != "skip" for row in _rows(figure, trace)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    ends = [name for name in (LOW, HIGH) if name in names]
    names = [name for name in names if name not in ends] + ends
    return [{name: row.get(name, "") for name in names} for row in rows]


def _rows(figure: go.Figure, trace: Any) -> Iterator[Row]:
    panel = _panel(figure, trace)
    head = {PANEL: panel} if panel else {}
    x, y = _axis_title(figure, trace, "x"), _axis_title(figure, trace, "y")
    named = [name for name in trace.meta or () if isinstance(name, str)]
    if trace.type == "heatmap":
        for label, values, more in zip(trace.y, trace.z, trace.customdata, strict=True):
            for place, share, count in zip(trace.x, values, more, strict=True):
                yield {**head, y: _text(label), x: _text(place), "share": _text(share), named[0]: _text(count)}
        return
    if trace.name:
        head[SERIES] = _plain(trace.name)
    lows, highs = _ends(trace)
    base = trace.base if trace.type == "bar" and trace.base is not None else 0
    for number, (place, height) in enumerate(zip(_places(trace.x), _places(trace.y), strict=True)):
        # Bars that start elsewhere than at 0 are drawn by their length.
        value = height + base if base and isinstance(height, int | float) else height
        row = {**head, x: _text(place), y: _text(value)}
        more = trace.customdata[number] if trace.customdata is not None and named else ()
        more = more if isinstance(more, list | tuple) or hasattr(more, "tolist") else (more,)
        row.update({name: _text(cell) for name, cell in zip(named, more, strict=False) if name})
        if lows is not None and highs is not None:
            middle = place if trace.error_x.array is not None else value
            row.update({LOW: _text(middle - lows[number]), HIGH: _text(middle + highs[number])})
        yield row


def _places(along: Any) -> list[Any]:
    """Return the places along an axis; those of an axis in two levels are joined."""
    places = list(along)
    if places and isinstance(places[0], list | tuple):
        return [", ".join(map(str, pair)) for pair in zip(*places, strict=True)]
    return places


def _ends(trace: Any) -> tuple[Any, Any]:
    """Return how far intervals reach down and up; None where there are none."""
    for name in ("error_x", "error_y"):
        error = getattr(trace, name, None) if trace.type in ("bar", "scatter") else None
        if error is not None and error.array is not None:
            return (error.array if error.arrayminus is None else error.arrayminus), error.array
    return None, None


def _axis_title(figure: go.Figure, trace: Any, letter: str) -> str:
    """Return the title of a trace's axis, or of the others where panels share one; its letter where there is none."""
    title = figure.layout[_axis(trace, letter)].title.text
    titles = dict.fromkeys(axis.title.text for axis in _axes(figure, letter) if axis.title.text)
    if not title and len(titles) == 1:
        (title,) = titles
    return _plain(title or letter)


def _axes(figure: go.Figure, letter: str) -> list[Any]:
    return list(figure.select_xaxes() if letter == "x" else figure.select_yaxes())


def _axis(trace: Any, letter: str) -> str:
    """Name a trace's axis as the layout does: ``x2`` is ``xaxis2``."""
    name = getattr(trace, f"{letter}axis") or letter
    return f"{letter}axis{name[1:]}"


def _panel(figure: go.Figure, trace: Any) -> str:
    """Return the title above a trace's panel, which stands over the middle of its axes; empty where there is none."""
    across, up = (figure.layout[_axis(trace, letter)].domain for letter in "xy")
    if across is None or up is None:
        return ""
    for note in figure.layout.annotations:
        on_paper = note.xref == note.yref == "paper" and note.yanchor == "bottom"
        if on_paper and abs(note.x - sum(across) / 2) < TOLERANCE and abs(note.y - up[1]) < TOLERANCE:
            return _plain(note.text)
    return ""


def _plain(text: str) -> str:
    return text.replace("<br>", " ").replace("<b>", "").replace("</b>", "")


def _text(value: object) -> str:
    """Write a value with all its digits; nothing where there is none."""
    if value is None:
        return ""
    return f"{value:.10g}" if isinstance(value, float) else _plain(str(value))
