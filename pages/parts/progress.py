"""Live progress of runs, read from the store: it goes on whether or not anybody looks."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import streamlit as st

from facepriv.config import get_settings
from facepriv.services.local_worker import ensure_worker
from facepriv.services.worker import LEARNING
from facepriv.store import RunRecord, RunSummary, Store
from facepriv.wording import count
from parts.formats import duration, guides, plain
from parts.shell import ACTOR, with_store

ACTIVE = ("waiting", "running")
EVERY = "1s"


def active_runs(store: Store) -> tuple[RunSummary, ...]:
    """Give the runs that wait or are worked on, oldest first."""
    return tuple(reversed(store.runs.list(states=ACTIVE)))


@st.fragment(run_every=EVERY)
def follow(run_ids: tuple[int, ...]) -> None:
    """Show the progress of these runs every second; the whole page is shown anew once one has ended."""

    def body(store: Store) -> None:
        # The worker may have died since the server started; the next one takes the run up where it was.
        ensure_worker(get_settings())
        runs = [store.runs.get(run_id) for run_id in run_ids]
        for run in runs:
            show(store, run)
        if any(run.state not in ACTIVE for run in runs):
            st.rerun()

    with_store(body)


def show(store: Store, run: RunRecord) -> None:
    """Show one run: stage, bar, rate, time left, and a button to cancel."""
    with st.container(border=True):
        head, side = st.columns([5, 1], vertical_alignment="center")
        head.markdown(f"**Run {run.id}** · {plain(run.dataset_name)} · {run.method} guided by {guides(run)}")
        if run.cancel_requested:
            side.caption("Stopping …")
        elif side.button("Cancel", key=f"cancel-{run.id}", icon=":material/stop_circle:", width="stretch"):
            store.runs.cancel(run.id)
            store.access.record(ACTOR, "run-cancelled", f"run {run.id}")
            st.rerun()
        if run.state == "waiting":
            st.progress(0.0, f"Waiting for a worker; {count(run.images, 'image')} to do.")
            return
        share = min(1.0, run.done / run.total) if run.total else 0.0
        far = f": {run.done:,} of {run.total:,}" if run.total else ""
        st.progress(share, " · ".join([f"{run.stage or 'starting'}{far}", *speed(run)]))


def speed(run: RunSummary) -> list[str]:
    """Say how fast the present stage goes and how long it will still take, from what this session saw of it."""
    now = time.monotonic()
    marks = st.session_state.setdefault("_progress_marks", {})
    stage, done, since = marks.get(run.id, ("", 0, now))
    if stage != run.stage or run.done < done:
        marks[run.id] = (run.stage, run.done, now)
        stage, done, since = marks[run.id]
    parts = []
    if run.done > done and now > since:
        rate = (run.done - done) / (now - since)
        what, one = ("steps", "a step") if run.stage == LEARNING else ("images", "an image")
        parts = [f"{rate:.1f} {what}/s" if rate >= 1 else f"{1 / rate:.1f} s {one}"]
        parts.append(f"{duration((run.total - run.done) / rate)} left in this stage")
    if run.started_at is not None:
        parts.append(f"running for {duration((datetime.now(UTC) - run.started_at).total_seconds())}")
    return parts
