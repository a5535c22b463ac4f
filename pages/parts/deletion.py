"""Delete something after a confirmation, and show why a deletion was refused."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from facepriv.errors import FaceprivError
from facepriv.presentation.formats import plain
from facepriv.store import Store
from parts import faces
from parts.shell import opened

Delete = Callable[[Store], None]
"""Removes something and keeps a line of it in the access log."""


def offer(what: str, warning: str, subject: str, delete: Delete) -> None:
    """Show the button, and why the last attempt was refused; ``warning`` is Markdown.

    ``what`` names it on the button, e.g. ``data set``; ``subject`` identifies it, e.g. ``dataset 3``.
    """
    key = f"delete-{subject.replace(' ', '-')}"
    refused = st.session_state.pop(f"{key}-refused", None)
    if refused is not None:
        st.error(plain(refused), icon=":material/error:")
    if st.button(f"Delete this {what} …", key=key, icon=":material/delete:"):
        confirm(warning, key, delete)


@st.dialog("Delete permanently?")
def confirm(warning: str, key: str, delete: Delete) -> None:
    """Ask once more."""
    st.write(warning)
    arguments = (key, delete)
    if st.button("Delete", key=f"{key}-confirmed", type="primary", on_click=attempt, args=arguments):
        st.rerun()


def attempt(key: str, delete: Delete) -> None:
    """Delete, or keep the reason of the refusal for the page; as a callback, so that it comes before the page."""
    try:
        with opened() as store:
            delete(store)
        faces.forget()
    except FaceprivError as error:
        st.session_state[f"{key}-refused"] = str(error)
