"""Put figures and tables on a page in one way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"], "responsive": True}


def show_figure(figure: go.Figure, key: str, alt: str) -> None:
    """Show a figure at the page's width; ``alt`` is read to those who cannot see it."""
    st.plotly_chart(figure, width="stretch", key=key, config=CONFIG, alt=alt)


def show_rows(rows: Sequence[dict[str, Any]], empty: str = "") -> None:
    """Show rows as a plain table, which screen readers and browsers' search can read; ``empty`` where there is none."""
    if rows:
        st.table(pd.DataFrame(rows), hide_index=True, border="horizontal")
    elif empty:
        st.caption(empty)
