"""Access log: who viewed, exported, shared or deleted what, and when."""

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
        "Lines are only added, never changed or removed. Each has a hash over itself and the line before, so a change "
        "shows. The log names users and numbers, never a person in an image."
    )
    if st.button("Check that no line was changed", icon=":material/link:"):
        check(store)
    actors, actions = store.access.actors(), store.access.actions()
    left, right = st.columns(2)
    actor = left.selectbox("Who", [None, *actors], format_func=lambda actor: actor or "everybody")
    action = right.selectbox("Action", [None, *actions], format_func=lambda action: action or "any")
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
        "No line matches these filters.",
    )


def check(store: Store) -> None:
    """Check the chain of hashes and show the outcome."""
    with st.spinner("Checking every line …"):
        chain = store.access.verify()
    if chain.broken_at is not None:
        st.error(
            f"Line {chain.broken_at:,} does not match the line before: it was changed, or lines before it were "
            "removed.",
            icon=":material/error:",
        )
        return
    st.success(f"{chain.lines:,} lines, none changed.", icon=":material/check_circle:")
    st.caption(
        f"Hash of the last line: {chain.last}. Note it elsewhere: `facepriv access --expect HASH` later shows whether "
        "that line is still there, or the log was cut short."
    )


with_store(show)
