"""A table that is sorted by a click, and whose rows are selected to do something with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from facepriv.presentation.help_texts import HELP

HEIGHT = 560
PICKED = "pick"
"""In the address: numbers of the rows that are selected."""
_RATE = partial(st.column_config.NumberColumn, format="%.1f %%")
COLUMNS: dict[str, Any] = {
    "Run": st.column_config.NumberColumn(width=50),
    "Audit": st.column_config.NumberColumn(width=50),
    "Name": st.column_config.TextColumn(width=130),
    "Strongest attacker": st.column_config.TextColumn(width=180),
    "Right": _RATE(help="How often the strongest attacker tried is right, where guessing is 50 %."),
    "At most": _RATE(help=HELP["upper"]),
    "Matches lost": _RATE("Lost", help=HELP["lost"]),
    "Settings": st.column_config.TextColumn(width="medium"),
    "Duration": st.column_config.NumberColumn(format="%.1f min"),
    "Started": st.column_config.DatetimeColumn("Started (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC"),
}
"""How columns are written, by their titles."""


def show(rows: Sequence[Mapping[str, Any]], numbers: Sequence[int], noun: str, alt: str) -> list[int]:
    """Show rows, and return the numbers of those that are selected, which stand in the address, too.

    Parameters
    ----------
    rows : cells by the titles of their columns; those that no row has anything in are left out.
    numbers : what each row is about, in their order.
    noun : what the rows are, such as ``runs``.
    alt : what screen readers read of it.
    """
    # Rows are selected by place: with other rows it is another table, with the same numbers selected.
    key = f"{noun}-{hash(tuple(numbers)) & 0xFFFFFFFF:x}"
    if key not in st.session_state:
        places = {str(number): place for place, number in enumerate(numbers)}
        asked = st.query_params.get_all(PICKED)
        st.session_state[f"{key}-first"] = [places[text] for text in asked if text in places]

    def picked() -> None:
        st.query_params[PICKED] = [str(numbers[row]) for row in st.session_state[key].selection.rows]

    used = [title for title in rows[0] if any(row[title] not in (None, "") for row in rows)] if rows else []
    chosen: Any = st.dataframe(
        pd.DataFrame(list(rows), columns=used),
        key=key,
        hide_index=True,
        height=min(HEIGHT, 38 + 35 * max(1, len(rows))),
        on_select=picked,
        selection_mode="multi-row",
        selection_default={"selection": {"rows": st.session_state.get(f"{key}-first", [])}},
        placeholder="–",
        alt=alt,
        column_config=COLUMNS,
    )
    return [numbers[row] for row in chosen.selection.rows if row < len(numbers)]


def forget() -> None:
    """Select nothing in tables that are shown anew, as after a deletion."""
    st.query_params.pop(PICKED, None)
