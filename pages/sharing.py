"""Sharing: everything that was shared, with whom and until when, and what officers said."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from facepriv.store import Store
from parts import share
from parts.shell import with_store


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Sharing")
    st.write(
        "A privacy officer sees a report: what attackers learn, what recognition costs, what was not tried. It names "
        "nobody and shows no face unless you asked for some."
    )
    shares = store.shares.list()
    if not shares:
        st.info(
            "Nothing is shared yet. Open a run or an audit and share it from there: under “Spec and files” of a run, "
            "or at the end of an audit.",
            icon=":material/info:",
        )
        st.page_link("runs.py", label="Go to the runs", icon=":material/list_alt:")
    now = datetime.now(UTC)
    open_ones = [one for one in shares if one.is_open(now)]
    over = [one for one in shares if not one.is_open(now)]
    if open_ones:
        st.subheader("Open")
        share.listing(open_ones, named=True)
    said = store.remarks.list()
    if said:
        st.subheader("What officers said")
        share.remarks(store, said[::-1], named=True)
    if over:
        with st.expander("Expired and revoked", icon=":material/link_off:"):
            share.listing(over, named=True)


with_store(show)
