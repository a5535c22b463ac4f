"""Delete something after a confirmation, and show why a deletion was refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from facepriv.store import Store
from parts import faces
from parts.progress import table_of
from parts.shell import attempt, me, show_refusal

Delete = Callable[[Store], None]
"""Removes something and keeps a line of it in the access log."""


def offer(what: str, warning: str, subject: str, delete: Delete) -> None:
    """Show the button, and why the last attempt was refused; ``warning`` is Markdown.

    ``what`` names it on the button, e.g. ``data set``; ``subject`` identifies it, e.g. ``dataset 3``.
    """
    key = f"delete-{subject.replace(' ', '-')}"
    show_refusal(key)
    if st.button(f"Delete this {what} …", key=key, icon=":material/delete:"):
        confirm(warning, key, delete)


def offer_work(
    noun: Literal["run", "audit", "protection"], number: int, warning: str, forget: Callable[[], None]
) -> None:
    """Offer to delete a run, an audit or a protection; ``forget`` is called once it has been deleted."""

    def delete(store: Store) -> None:
        table_of(store, noun).delete(number)
        store.access.record(me().actor, f"{noun}-deleted", f"{noun} {number}")
        forget()

    offer(noun, warning, f"{noun} {number}", delete)


@st.dialog("Delete permanently?")
def confirm(warning: str, key: str, delete: Delete) -> None:
    """Ask once more."""

    def delete_and_forget(store: Store) -> None:
        delete(store)
        faces.forget()

    st.write(warning)
    arguments = (key, delete_and_forget)
    if st.button("Delete", key=f"{key}-confirmed", type="primary", on_click=attempt, args=arguments):
        st.rerun()
