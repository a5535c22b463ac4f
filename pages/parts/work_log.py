"""The log of a run or an audit, and resuming one that ended before it was complete."""

from __future__ import annotations

import streamlit as st

from facepriv.config import get_settings
from facepriv.presentation.run_tables import log_rows
from facepriv.services.jobs import control
from facepriv.services.jobs.local_worker import ensure_worker
from facepriv.store import Store
from parts.figures import show_rows
from parts.shell import attempt, me, show_refusal


def show(store: Store, job_id: int, *, expanded: bool = False) -> None:
    """Show the newest lines of the log."""
    lines = store.jobs.log(job_id)
    if not lines:
        return
    with st.expander("What happened", expanded=expanded, icon=":material/history:"):
        show_rows(log_rows(lines))
        st.caption("Workers are named by machine, process and a random part; images only by number.")


def offer_resume(noun: str, number: int) -> None:
    """Show the button that puts it back into the queue, and why the last attempt was refused."""

    def resume(store: Store) -> None:
        control.resume(store, noun, number, me().actor)
        ensure_worker(get_settings())

    key = f"resume-{noun}-{number}"
    show_refusal(key)
    st.button(
        "Resume",
        key=key,
        icon=":material/play_arrow:",
        type="primary",
        on_click=attempt,
        args=(key, resume),
        help="Finished work is kept; the result is the same as without the interruption.",
    )
