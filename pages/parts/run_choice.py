"""Which runs the page shows: kept in the address, so that a link opens them."""

from __future__ import annotations

import streamlit as st

from facepriv.errors import UnknownNameError
from facepriv.presentation.formats import plain
from facepriv.store import Store

KEY = "open_runs"
PARAMETER = "run"
LONGEST = 10
"""Digits from which a number cannot be a run's."""


def from_address(store: Store) -> None:
    """Take the runs named in the address (``?run=3&run=4``) when it has changed, and warn about unknown ones."""
    asked = st.query_params.get_all(PARAMETER)
    if KEY in st.session_state and st.session_state.get("_address_runs") == asked:
        st.session_state[KEY] = [run_id for run_id in st.session_state[KEY] if _exists(store, run_id)]
        return
    st.session_state["_address_runs"] = asked
    numbers = {text: int(text) for text in asked if text.isdecimal() and len(text) < LONGEST}
    known = {text: number for text, number in numbers.items() if _exists(store, number)}
    st.session_state[KEY] = list(dict.fromkeys(known.values()))
    unknown = [text for text in asked if text not in known]
    if unknown:
        st.warning(f"There is no run {plain(', '.join(unknown))}; choose one from the list.")


def _exists(store: Store, run_id: int) -> bool:
    try:
        store.runs.summary(run_id)
    except UnknownNameError:
        return False
    return True


def to_address() -> None:
    """Write the chosen runs into the address."""
    chosen = [str(run_id) for run_id in st.session_state[KEY]]
    st.query_params[PARAMETER] = chosen
    st.session_state["_address_runs"] = chosen


def clear() -> None:
    """Choose no run; to be called before the page is shown."""
    st.session_state[KEY] = []
    to_address()
