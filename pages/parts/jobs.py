"""Links to jobs' own pages, and what has ended while somebody looked elsewhere."""

from __future__ import annotations

import streamlit as st

from facepriv.presentation.jobs import end_in_words, title_of
from facepriv.services.jobs.ends import Ended, list_ends, see_all
from facepriv.store import Store
from parts.shell import AUDITORS, me, with_store

EVERY = "5s"
PAGES = {
    "run": "runs.py",
    "audit": "audit.py",
    "protection": "templates.py",
    "study": "protect.py",
    "import": "datasets.py",
    "templates": "templates.py",
}
ICONS = {"failed": ":material/error:", "previewed": ":material/visibility:"}
DONE_ICON = ":material/check_circle:"
NUMBERED = ("run", "audit", "protection", "study")
"""Kinds whose page has an address for each."""


def link(kind: str, number: int, label: str = "", icon: str = ":material/arrow_forward:") -> None:
    """Show a link to the page of a job."""
    params = {kind: str(number)} if kind in NUMBERED else None
    st.page_link(PAGES[kind], label=label or f"Open {title_of(kind, number)}", icon=icon, query_params=params)


def address(kind: str, number: int) -> str:
    """Return the address of a job's page on this server."""
    path = "/" + PAGES[kind].removesuffix(".py")
    return f"{path}?{kind}={number}" if kind in NUMBERED else path


def open_page(kind: str, number: int) -> None:
    """Turn to the page of a job."""
    st.switch_page(PAGES[kind], query_params={kind: str(number)} if kind in NUMBERED else None)


def seen(store: Store, job_id: int) -> None:
    """Note that a job that has ended is looked at, so that its end is announced no more."""
    store.job_plans.see(job_id)


@st.fragment(run_every=EVERY)
def announce() -> None:
    """Tell, on whatever page, of the user's jobs that have ended unseen: each once in a toast, then in a list."""

    def body(store: Store) -> None:
        ends = list_ends(store, me().actor)
        for end in ends:
            if not end.announced and store.job_plans.announce(end.job_id):
                words = f"[{end_in_words(end)}]({address(end.kind, end.number)})"
                st.toast(words, icon=ICONS.get(end.state, DONE_ICON), duration="long")
        if ends:
            listing(store, ends)

    with_store(body, roles=AUDITORS)


def listing(store: Store, ends: list[Ended]) -> None:
    """List what has ended, with links, until it was looked at."""
    with st.expander(f"{len(ends)} finished, not looked at", icon=":material/notifications_active:"):
        for end in ends:
            link(end.kind, end.number, end_in_words(end), ICONS.get(end.state, DONE_ICON))
        if st.button("Mark all as seen", key="see_all_ends", icon=":material/done_all:"):
            see_all(store, me().actor)
            st.rerun(scope="fragment")
