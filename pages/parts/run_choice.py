"""Which runs the page shows: kept in the address, so that a link opens them."""

from __future__ import annotations

import streamlit as st

KEY = "open_runs"
PARAMETER = "run"


def from_address(known: list[int]) -> None:
    """Take the runs named in the address (``?run=3&run=4``) when it has changed; unknown ones are told and left out."""
    asked = st.query_params.get_all(PARAMETER)
    if KEY in st.session_state and st.session_state.get("_address_runs") == asked:
        return
    st.session_state["_address_runs"] = asked
    numbers = [int(text) for text in asked if text.isdecimal()]
    st.session_state[KEY] = [number for number in dict.fromkeys(numbers) if number in known]
    unknown = [text for text in asked if not text.isdecimal() or int(text) not in known]
    if unknown:
        st.warning(f"There is no run {', '.join(unknown)}; choose one from the list.")


def to_address() -> None:
    """Write the chosen runs into the address."""
    chosen = [str(run_id) for run_id in st.session_state[KEY]]
    st.query_params[PARAMETER] = chosen
    st.session_state["_address_runs"] = chosen


def clear() -> None:
    """Choose no run; to be called before the page is shown."""
    st.session_state[KEY] = []
    to_address()
