"""Delete something for good after a confirmation, or for a day without one; show why a deletion was refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import streamlit as st

from facepriv.presentation.formats import moment, plain
from facepriv.services.jobs import deletion
from facepriv.store import Store
from facepriv.store.trash import RESTORABLE_FOR
from facepriv.wording import listed
from parts import faces
from parts.shell import attempt, me, show_refusal

Delete = Callable[[Store], None]
"""Removes something and keeps a line of it in the access log."""
HOURS = round(RESTORABLE_FOR.total_seconds() / 3600)
_GONE = "_deleted"
"""In the session: kind and number of what was deleted last."""


def offer(what: str, warning: str, subject: str, delete: Delete) -> None:
    """Show the button, and why the last attempt was refused; ``warning`` is Markdown.

    ``what`` names it on the button, e.g. ``data set``; ``subject`` identifies it, e.g. ``dataset 3``.
    """
    key = f"delete-{subject.replace(' ', '-')}"
    show_refusal(key)
    if st.button(f"Delete this {what} …", key=key, icon=":material/delete:"):
        confirm(warning, key, delete)


def offer_discard(noun: Literal["run", "audit"], number: int, what_goes: str, forget: Callable[[], None]) -> None:
    """Show the button that deletes a run or an audit for a day; ``forget`` is called once it has been deleted."""
    key = f"delete-{noun}-{number}"
    show_refusal(key)
    st.caption(f"{what_goes} You can restore it for {HOURS} hours; then it is gone for good.")

    def delete(store: Store) -> None:
        discard(store, noun, [number])
        forget()

    arguments = (key, delete)
    st.button(f"Delete this {noun}", key=key, icon=":material/delete:", on_click=attempt, args=arguments)


def discard(store: Store, noun: Literal["run", "audit"], numbers: Sequence[int]) -> None:
    """Delete runs or audits so that the line of `offer_undo` can bring them back; as a callback."""
    gone: list[tuple[str, int]] = []
    try:
        for number in numbers:
            deletion.discard(store, noun, number, me().actor)
            gone.append((noun, number))
    finally:
        faces.forget()
        if gone:
            st.session_state[_GONE] = gone


def offer_undo() -> None:
    """Show what was deleted last in this session, with a button that restores it; to be called once a page."""
    show_refusal(_GONE)
    gone: list[tuple[str, int]] = st.session_state.get(_GONE, [])
    if not gone:
        return

    def undo(store: Store) -> None:
        for noun, number in st.session_state.pop(_GONE, []):
            deletion.restore(store, noun, number, me().actor)

    named = listed([f"{noun} {number}" for noun, number in gone])
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="undo"):
        them = "it" if len(gone) == 1 else "them"
        st.markdown(f":material/delete: Deleted {named}. You can restore {them} for {HOURS} hours.", width="stretch")
        st.button("Undo", key="undo-deletion", icon=":material/undo:", on_click=attempt, args=(_GONE, undo))
        st.button("Close", key="close-deletion", type="tertiary", on_click=st.session_state.pop, args=(_GONE, None))


def restorable(store: Store) -> None:
    """List what was deleted and may be restored, each with buttons that restore it or delete it for good."""
    deletion.empty_trash(store)
    gone = deletion.list_deleted(store)
    if not gone:
        st.caption(f"Nothing. Runs and audits that you delete are kept here for {HOURS} hours.")
    for one in gone:
        key = f"{one.noun}-{one.number}"
        show_refusal(f"restore-{key}")
        show_refusal(f"erase-{key}")
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"**{one.noun.capitalize()} {one.number}** · {plain(one.dataset_name)} · deleted by "
                f"{plain(one.deleted_by)}, {moment(one.deleted_at)} · until {moment(one.until)}",
                width="stretch",
            )
            arguments = (f"restore-{key}", partial(_restore, noun=one.noun, number=one.number))
            st.button("Restore", key=f"restore-{key}", icon=":material/undo:", on_click=attempt, args=arguments)
            if st.button("Delete for good …", key=f"erase-{key}", icon=":material/delete_forever:"):
                what = f"This deletes {one.noun} {one.number} with its files from this machine. It cannot be undone."
                confirm(what, f"erase-{key}", partial(_erase, noun=one.noun, number=one.number))


def _restore(store: Store, *, noun: str, number: int) -> None:
    deletion.restore(store, noun, number, me().actor)
    gone = [one for one in st.session_state.get(_GONE, []) if one != (noun, number)]
    st.session_state[_GONE] = gone


def _erase(store: Store, *, noun: str, number: int) -> None:
    deletion.delete_now(store, noun, number, me().actor)
    st.session_state.pop(_GONE, None)


def offer_protection(number: int, warning: str, forget: Callable[[], None]) -> None:
    """Offer to delete the trial of a protection for good; ``forget`` is called once it has been deleted."""

    def delete(store: Store) -> None:
        store.protections.delete(number)
        store.access.record(me().actor, "protection-deleted", f"protection {number}")
        forget()

    offer("protection", warning, f"protection {number}", delete)


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
