"""Delete something after asking once more; a refusal is shown with its reason."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from facepriv.config import get_settings
from facepriv.errors import FaceprivError
from facepriv.store import Store, open_store
from parts import faces
from parts.formats import plain
from parts.shell import ACTOR

Delete = Callable[[Store], None]


def offer(what: str, warning: str, subject: str, delete: Delete) -> None:
    """Show the button, and why the last attempt was refused; ``warning`` is Markdown.

    ``what`` is for the button, e.g. ``data set``; ``subject`` is what the access log calls it, e.g. ``dataset 3``.
    """
    key = f"delete-{subject.replace(' ', '-')}"
    refused = st.session_state.pop(f"{key}-refused", None)
    if refused is not None:
        st.error(plain(refused), icon=":material/error:")
    if st.button(f"Delete this {what} …", key=key, icon=":material/delete:"):
        confirm(warning, subject, key, delete)


@st.dialog("Delete this for good?")
def confirm(warning: str, subject: str, key: str, delete: Delete) -> None:
    """Ask once more."""
    st.write(warning)
    arguments = (subject, key, delete)
    if st.button("Delete", key=f"{key}-confirmed", type="primary", on_click=attempt, args=arguments):
        st.rerun()


def attempt(subject: str, key: str, delete: Delete) -> None:
    """Delete, or keep the reason of the refusal for the page; as a callback, so that it comes before the page."""
    try:
        with open_store(get_settings()) as store:
            delete(store)
            store.access.record(ACTOR, f"{subject.split()[0]}-deleted", subject)
        faces.forget()
    except FaceprivError as error:
        st.session_state[f"{key}-refused"] = str(error)
