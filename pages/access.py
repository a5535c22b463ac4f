"""Access log: who saw, exported, shared or removed what, and when."""

from __future__ import annotations

import streamlit as st

from facepriv.store import Store
from parts.figures import page_of, show_rows
from parts.shell import with_store

PER_PAGE = 50


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Access log")
    st.write(
        "Lines are added and never changed or removed. Each carries a hash over itself and the line before it, so that "
        "a change shows. It names users and numbers, never a person in an image."
    )
    if st.button("Check that no line was changed", icon=":material/link:"):
        check(store)
    actors, actions = store.access.actors(), store.access.actions()
    left, right = st.columns(2)
    actor = left.selectbox("Who", [None, *actors], format_func=lambda one: one or "everybody")
    action = right.selectbox("Did what", [None, *actions], format_func=lambda one: one or "anything")
    offset = page_of(store.access.count(actor=actor, action=action), PER_PAGE, "access")
    lines = store.access.list(actor=actor, action=action, limit=PER_PAGE, offset=offset)
    show_rows(
        [
            {
                "Line": f"{line.id:,}",
                "When": f"{line.at:%Y-%m-%d %H:%M:%S} UTC",
                "Who": line.actor,
                "Did": line.action,
                "To": " ".join(filter(None, (line.subject, line.detail))),
            }
            for line in lines
        ],
        "No line fits these filters.",
    )


def check(store: Store) -> None:
    """Walk along the chain and say what was found."""
    with st.spinner("Checking every line …"):
        found = store.access.verify()
    if found.broken_at is not None:
        st.error(
            f"Line {found.broken_at:,} does not follow from the one before: it was changed, or lines before it were "
            "removed.",
            icon=":material/error:",
        )
        return
    st.success(f"{found.lines:,} lines; none was changed.", icon=":material/check_circle:")
    st.caption(
        f"The last has the hash {found.last}. Note it elsewhere: `facepriv access --expect HASH` says later whether "
        "its line is still there, which also shows whether the end was cut off."
    )


with_store(show)
