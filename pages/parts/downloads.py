"""Files that a page offers for download."""

from __future__ import annotations

import re
import secrets

import streamlit as st

from parts.shell import me, with_store

_OTHER = re.compile(r"[^A-Za-z0-9._-]+")


def file_name(stem: str, ending: str) -> str:
    """Name a download, e.g. ``facepriv-run-3-4f0c….json``.

    Streamlit addresses large downloads by parts of their bytes and by name: the session's nonce keeps two users' apart.
    """
    nonce = st.session_state.setdefault("_nonce", secrets.token_hex(8))
    return f"facepriv-{_OTHER.sub('-', stem)}-{nonce}.{ending}"


def offer_result(noun: str, number: int, document: str) -> None:
    """Offer the result of a run or an audit as JSON; who takes it is recorded."""

    def record() -> None:
        with_store(lambda store: store.access.record(me().actor, "result-downloaded", f"{noun} {number}"))

    st.download_button(
        "Download the result as JSON",
        document,
        file_name=file_name(f"{noun}-{number}", "json"),
        mime="application/json",
        icon=":material/download:",
        key=f"download-{noun}-{number}",
        on_click=record,
    )
