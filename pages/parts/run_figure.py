"""Any two numbers of all runs against each other; which ones stands in the address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from facepriv.charts.runs import Axis, RunPoint, runs_against
from facepriv.presentation.run_list import RunLine
from facepriv.presentation.run_numbers import KINDS, LOST, RIGHT, kind_of
from facepriv.wording import count
from parts.figures import show_figure

SERIES: dict[str, Callable[[RunLine], str]] = {
    "Method": lambda line: line.run.method,
    "Data set": lambda line: line.run.dataset_name,
    "Verdict": lambda line: line.verdict,
}
BOUND: dict[str, Any] = {"bind": "query-params"}


def show(lines: Sequence[RunLine], open_runs: Callable[..., None]) -> None:
    """Ask for two numbers, and draw them of the runs that have both; a click on a mark opens its run."""
    known = {name for line in lines for name in line.numbers}
    names = [name for name in KINDS if name in known] + sorted(known - KINDS.keys())
    if len(names) < 2:
        st.caption("Nothing to draw: no run that matches these filters is complete.")
        return
    boxes = st.columns(3)
    x, y = (
        boxes[place].selectbox(
            label,
            names,
            index=names.index(default) if default in names else place,
            format_func=lambda name: kind_of(name).title,
            key=key,
            **BOUND,
        )
        for place, (label, key, default) in enumerate((("Across", "x", LOST), ("Up", "y", RIGHT)))
    )
    by = boxes[2].selectbox("Colour and symbol by", list(SERIES), key="by", **BOUND)
    points = [
        RunPoint(line.number, SERIES[by](line), line.numbers[x], line.numbers[y], _text(line))
        for line in lines
        if x in line.numbers and y in line.numbers
    ]
    if not points:
        st.caption("No run that matches these filters has both numbers.")
        return

    def opened(point: dict[str, Any]) -> None:
        open_runs(point["customdata"][0])

    axes = [Axis(kind_of(name).title, kind_of(name).is_rate) for name in (x, y)]
    alt = f"{axes[1].title} against {axes[0].title[:1].lower()}{axes[0].title[1:]}, a mark for each run"
    show_figure(runs_against(points, *axes), f"runs-{x}-{y}-{by}", alt, "runs", on_point=opened)
    left = len(lines) - len(points)
    missing = f" {count(left, 'run')} without one of the two numbers left out." if left else ""
    st.caption(f"{count(len(points), 'run')}. Click on a mark to open its run.{missing}")


def _text(line: RunLine) -> str:
    named = f" · {line.notes.name}" if line.notes.name else ""
    return f"Run {line.number}{named} · {line.run.method} · {line.verdict}"
