"""What every page needs around its own content: the store, errors as sentences, and the access log."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from facepriv.config import get_settings
from facepriv.errors import FaceprivError
from facepriv.store import Store, open_store
from facepriv.web.identity import LOCAL, Identity
from parts.formats import plain

ACTOR = "local"
"""Who acts while the dashboard has no login."""


def me() -> Identity:
    """Give who looks at this page."""
    return LOCAL


def with_store(body: Callable[[Store], None]) -> None:
    """Call ``body`` with an open store; an expected error is shown as its one sentence.

    Fragments and dialogs call this themselves: they run again without the page around them.
    """
    try:
        with open_store(get_settings()) as store:
            body(store)
    except FaceprivError as error:
        st.error(plain(str(error)), icon=":material/error:")


def saw(store: Store, action: str, subject: str, detail: str = "") -> None:
    """Log that this session saw or took something, once for each thing and not at every rerun."""
    key = (action, subject, detail)
    seen = st.session_state.setdefault("_seen", set())
    if key not in seen:
        store.access.record(ACTOR, action, subject, detail)
        seen.add(key)
