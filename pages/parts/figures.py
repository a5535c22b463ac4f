"""Put figures and tables on a page in one way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from facepriv.charts.data import figure_rows
from facepriv.presentation.formats import plain
from facepriv.presentation.glossary import find_term
from facepriv.report.document import Table
from facepriv.report.files import to_csv
from facepriv.store import Store
from facepriv.types import Actor
from parts.downloads import file_name
from parts.shell import when_asked

CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


def show_figure(
    figure: go.Figure,
    key: str,
    alt: str,
    of: str = "",
    *,
    on_point: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Show a figure at the page's width, and offer its numbers; screen readers read ``alt``.

    ``of`` tells the access log what the figure is about, e.g. ``run 3``; without it, ``key`` does. ``on_point`` is
    called with a mark that somebody clicked.
    """

    def pick() -> None:
        points = st.session_state[key].selection.points
        if points and on_point is not None:
            on_point(points[0])

    if on_point is None:
        st.plotly_chart(figure, width="stretch", key=key, config=CONFIG, alt=alt)
    else:
        st.plotly_chart(
            figure, width="stretch", key=key, config=CONFIG, alt=alt, on_select=pick, selection_mode="points"
        )

    def numbers(store: Store, actor: Actor) -> str:
        store.access.record(actor, "figure-downloaded", of or key, key if of else "")
        return to_csv(Table(key, alt, figure_rows(figure)))

    st.download_button(
        "Data (CSV)",
        when_asked(numbers),
        file_name=file_name(key, "csv"),
        mime="text/csv",
        icon=":material/download:",
        key=f"data-{key}",
        on_click="ignore",
        type="tertiary",
        help="The figure's numbers as a table, one row per point.",
    )


def show_rows(rows: Sequence[dict[str, Any]], empty: str = "", *, markdown: Collection[str] = ()) -> None:
    """Show rows as a plain table, which screen readers and browsers' search can read; ``empty`` if there is none.

    Cells may hold names of files and people, so only those of the columns in ``markdown`` are taken as Markdown.
    """
    if rows:
        shown = [{heading(k): v if k in markdown else plain(str(v)) for k, v in row.items()} for row in rows]
        st.table(pd.DataFrame(shown), hide_index=True, border="horizontal")
    elif empty:
        st.caption(empty)


def heading(name: str) -> str:
    """Return the heading of a column as Markdown; a term of the field leads to its meaning on the help page."""
    term = find_term(name)
    return plain(name) if term is None else f"[{plain(name)}]({term.address})"


def show_pages(rows: Sequence[dict[str, Any]], each: int, key: str) -> None:
    """Show rows as a table, so many at a time."""
    offset = page_of(len(rows), each, key)
    show_rows(rows[offset : offset + each])


def show_metric(box: DeltaGenerator, title: str, value: str, note: str, help_text: str) -> None:
    """Show a figure in a box, with a note under it that is no change of the figure."""
    box.metric(title, value, note, delta_color="off", delta_arrow="off", help=help_text)


def page_of(total: int, each: int, key: str) -> int:
    """Ask which page of a list to show, if it has several; return the offset of its first item."""
    pages = max(1, -(-total // each))
    if pages == 1:
        return 0
    return each * (
        int(st.number_input(f"Page (of {pages:,})", 1, pages, 1, key=key, width=160, bind="query-params")) - 1
    )
