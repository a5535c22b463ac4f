"""Sharing: all shares, with whom and until when, and what officers said."""

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
        "A privacy officer sees a report: what attackers learn, what it costs recognition, and what was not tried. It "
        "names nobody and shows no face unless you add some."
    )
    shares = store.shares.list()
    if not shares:
        st.info(
            "Nothing is shared yet. Share a run from its “Spec and files”, or an audit from the end of its page.",
            icon=":material/info:",
        )
        st.page_link("runs.py", label="Go to the runs", icon=":material/list_alt:")
    now = datetime.now(UTC)
    active = [record for record in shares if record.is_open(now)]
    over = [record for record in shares if not record.is_open(now)]
    if active:
        st.header("Open")
        share.listing(active, named=True)
    remarks = store.remarks.list()
    if remarks:
        st.header("What officers said")
        share.remarks(store, remarks[::-1], named=True)
    if over:
        with st.expander("Expired and revoked", icon=":material/link_off:"):
            share.listing(over, named=True)


with_store(show)
