"""Names of downloaded files."""

from __future__ import annotations

import re
import secrets

import streamlit as st

_OTHER = re.compile(r"[^A-Za-z0-9._-]+")


def file_name(stem: str, ending: str) -> str:
    """Name a download, e.g. ``facepriv-run-3-4f0c….json``.

    Streamlit addresses large downloads by parts of their bytes and by name: the session's nonce keeps two users' apart.
    """
    nonce = st.session_state.setdefault("_nonce", secrets.token_hex(8))
    return f"facepriv-{_OTHER.sub('-', stem)}-{nonce}.{ending}"
