"""Live progress of runs and audits, read from the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from facepriv.config import get_settings
from facepriv.presentation.formats import guides, plain
from facepriv.services.audits.execution import ATTACKING, SUMMING_UP
from facepriv.services.jobs import control
from facepriv.services.jobs.local_worker import ensure_worker, worker_faults
from facepriv.services.runs.execution import LEARNING
from facepriv.store import AuditSummary, RunSummary, Store
from facepriv.wording import count, duration, rate_of
from parts.shell import me, with_store

ACTIVE = ("waiting", "running")
EVERY = "1s"
STEPS = {LEARNING: ("steps", "a step"), ATTACKING: ("attacks", "an attack")}
"""What is counted in a stage that goes through something else than images: several, and one."""


def active_runs(store: Store) -> tuple[RunSummary, ...]:
    """Return the waiting and running runs, oldest first."""
    return tuple(reversed(store.runs.list(states=ACTIVE)))


def active_audits(store: Store) -> tuple[AuditSummary, ...]:
    """Return the waiting and running audits, oldest first."""
    return tuple(reversed(store.audits.list(states=ACTIVE)))


@st.fragment(run_every=EVERY)
def keep_worker() -> None:
    """See every second that a worker serves what waits; warn where those that were started failed at once.

    A worker may have died since the server started; the next one takes its work up where it was.
    """
    with_store(_keep_worker)


def _keep_worker(_: Store) -> None:
    settings = get_settings()
    ensure_worker(settings)
    faults = worker_faults(settings)
    if faults is not None:
        st.warning(plain(faults.sentence), icon=":material/warning:")


@st.fragment(run_every=EVERY)
def follow(run_ids: tuple[int, ...]) -> None:
    """Show the progress of these runs every second; the whole page is shown anew once one has ended."""
    with_store(lambda store: _look(store, [store.runs.summary(run_id) for run_id in run_ids]))


@st.fragment(run_every=EVERY)
def follow_audits(audit_ids: tuple[int, ...]) -> None:
    """Show the progress of these audits every second; the whole page is shown anew once one has ended."""
    with_store(lambda store: _look(store, [store.audits.summary(audit_id) for audit_id in audit_ids]))


def _look(store: Store, work: Sequence[RunSummary | AuditSummary]) -> None:
    for one in work:
        show(store, one)
    if any(one.state not in ACTIVE for one in work):
        st.rerun()


def audited(audit: AuditSummary) -> str:
    """Name what an audit is of, as Markdown."""
    return plain(audit.dataset_name) + (", original images" if audit.run_id is None else f", after run {audit.run_id}")


def show(store: Store, work: RunSummary | AuditSummary) -> None:
    """Show one run or audit: stage, bar, rate, time left, and a button to cancel."""
    if isinstance(work, RunSummary):
        kind, what = "run", f"{plain(work.dataset_name)} · {work.method} guided by {_guides(store, work)}"
        cancel = f"cancel-{work.id}"
    else:
        kind, what, cancel = "audit", audited(work), f"cancel-audit-{work.id}"
    with st.container(border=True):
        head, side = st.columns([5, 1], vertical_alignment="center")
        head.markdown(f"**{kind.capitalize()} {work.id}** · {what}")
        if work.cancel_requested:
            side.caption("Stopping …")
        elif side.button("Cancel", key=cancel, icon=":material/stop_circle:", width="stretch"):
            control.cancel(store, kind, work.id, me().actor)
            st.rerun()
        if work.state == "waiting":
            st.progress(0.0, f"Waiting for a worker ({count(work.images, 'image')}).")
            return
        share = min(1.0, work.done / work.total) if work.total else 0.0
        # There is nothing to count while an audit sums up, and an empty bar would say that it stands still.
        if work.stage == SUMMING_UP:
            share = 1.0
        far = f": {work.done:,} of {work.total:,}" if work.total and work.stage != SUMMING_UP else ""
        st.progress(share, " · ".join([f"{work.stage or 'starting'}{far}", *speed(work)]))


def _guides(store: Store, run: RunSummary) -> str:
    """Name all guides of a run; its spec, which never changes and may be long, is read once a session."""
    known = st.session_state.setdefault("_guides", {})
    if run.id not in known:
        known[run.id] = guides(store.runs.get(run.id))
    return str(known[run.id])


def speed(work: RunSummary | AuditSummary) -> list[str]:
    """Say how fast the present stage goes and how long it will still take, the same to everybody who looks."""
    parts = []
    now = datetime.now(UTC)
    pace = work.pace(now)
    if pace is not None:
        rate, left = pace
        parts = [rate_of(rate, *STEPS.get(work.stage, ("images", "an image"))), f"{duration(left)} left in this stage"]
    if work.started_at is not None:
        parts.append(f"running for {duration((now - work.started_at).total_seconds())}")
    return parts
