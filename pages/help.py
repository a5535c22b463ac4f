"""Help: a tour, what the words mean, what is not protected, and who sees what."""

from __future__ import annotations

import streamlit as st

from facepriv.presentation.glossary import FIELD_TERMS, VERDICT_TERMS, Term
from facepriv.presentation.help_texts import NOT_PROTECTED, OFFICERS_TOUR, SEEN_BY, TOUR
from facepriv.store import Store
from parts.figures import show_rows
from parts.shell import EVERYBODY, OFFICERS, me, with_store

PARTS = {
    "tour": "Five minutes",
    "verdict": "What the verdict says",
    "limits": "What is not protected",
    "readers": "Who sees what",
    "words": "Other words",
}
"""Titles by anchor."""


def show(_: Store) -> None:
    """Show the whole page."""
    st.title("Help")
    st.markdown(" · ".join(f"[{title}](#{anchor})" for anchor, title in PARTS.items()))
    st.header(PARTS["tour"], anchor="tour")
    st.markdown(OFFICERS_TOUR if me().role in OFFICERS else TOUR)
    st.header(PARTS["verdict"], anchor="verdict")
    terms(VERDICT_TERMS)
    st.header(PARTS["limits"], anchor="limits")
    st.markdown(NOT_PROTECTED)
    st.header(PARTS["readers"], anchor="readers")
    show_rows([dict(row) for row in SEEN_BY])
    st.header(PARTS["words"], anchor="words")
    terms(FIELD_TERMS)


def terms(explained: tuple[Term, ...]) -> None:
    """Show words with their meanings, each at an address of its own."""
    for term in explained:
        st.subheader(term.word, anchor=term.anchor)
        st.write(term.meaning)


with_store(show, roles=EVERYBODY)
