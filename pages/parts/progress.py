"""Live progress of jobs, read from the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import streamlit as st

from facepriv.config import get_settings
from facepriv.presentation.formats import NOTHING, guides, moment, plain
from facepriv.presentation.help_texts import STATES
from facepriv.presentation.jobs import left_in_words
from facepriv.schemas.plans import JobPlan
from facepriv.services.audits.job import ATTACKING, PREPARING, SUMMING_UP
from facepriv.services.jobs import control
from facepriv.services.jobs.local_worker import ensure_worker, worker_faults
from facepriv.services.jobs.planning import seconds_left
from facepriv.services.protections.job import JUDGING
from facepriv.services.runs.job import LEARNING
from facepriv.services.studies.job import SEARCHING
from facepriv.store import (
    AuditStore,
    AuditSummary,
    JobState,
    ProtectionStore,
    ProtectionSummary,
    RunStore,
    RunSummary,
    Store,
    StudyStore,
    StudySummary,
)
from facepriv.store.records import JobProgress
from facepriv.wording import duration, rate_of, rough, some_time
from parts.shell import me, with_store

Work = RunSummary | AuditSummary | ProtectionSummary | StudySummary
Kind = Literal["run", "audit", "protection", "study"]
ACTIVE: tuple[JobState, ...] = ("waiting", "running")
EVERY = "1s"
STEPS = {
    LEARNING: ("steps", "a step"),
    ATTACKING: ("attacks", "an attack"),
    JUDGING: ("trials", "a trial"),
    SEARCHING: ("settings", "a setting"),
}
"""What is counted in a stage that goes through something else than images: several, and one."""


def active(records: RunStore | AuditStore | ProtectionStore | StudyStore) -> tuple[int, ...]:
    """Return the numbers of the waiting and running runs, audits, protections or studies, oldest first."""
    work: Sequence[Work] = records.list(states=ACTIVE)
    return tuple(summary.id for summary in reversed(work))


@st.fragment(run_every=EVERY)
def keep_worker() -> None:
    """See every second that a worker serves what waits; a worker may have died since the server started."""
    with_store(lambda _: check_worker())


def check_worker(*, apart: bool = False, linger: float | None = None) -> None:
    """Start a worker where none is alive, which takes up the work where it was; warn where workers failed at once."""
    settings = get_settings()
    ensure_worker(settings, apart=apart, linger=linger)
    faults = worker_faults(settings, apart=apart)
    if faults is not None:
        st.warning(plain(faults.sentence), icon=":material/warning:")


@st.fragment(run_every=EVERY)
def follow(kind: Kind, numbers: tuple[int, ...]) -> None:
    """Show the progress of these jobs every second; the whole page runs again once one has ended."""

    def body(store: Store) -> None:
        jobs = [table_of(store, kind).summary(number) for number in numbers]
        for job in jobs:
            show(store, job)
        if any(job.state not in ACTIVE for job in jobs):
            st.rerun()

    with_store(body)


def audited(audit: AuditSummary) -> str:
    """Name what an audit is of, as Markdown."""
    return plain(audit.dataset_name) + (", original images" if audit.run_id is None else f", after run {audit.run_id}")


def table_of(store: Store, kind: Kind) -> RunStore | AuditStore | ProtectionStore | StudyStore:
    """Return the table of a kind of job."""
    tables: dict[str, RunStore | AuditStore | ProtectionStore | StudyStore] = {
        "run": store.runs,
        "audit": store.audits,
        "protection": store.protections,
        "study": store.studies,
    }
    return tables[kind]


def show(store: Store, work: Work) -> None:
    """Show one run, audit or protection: stage, bar, rate, time left, and a button to cancel."""
    if isinstance(work, RunSummary):
        kind, what = "run", f"{plain(work.dataset_name)} · {work.method} guided by {_guides(store, work)}"
    elif isinstance(work, ProtectionSummary):
        kind, what = "protection", f"{plain(work.template_set_name)} · {work.method}"
    elif isinstance(work, StudySummary):
        kind, what = "study", plain(work.dataset_name)
    else:
        kind, what = "audit", audited(work)
    with st.container(border=True):
        head(store, kind, work.id, f"**{kind.capitalize()} {work.id}** · {what}", work)
        if work.state == "waiting":
            plan = plan_of(store, work.job_id)
            takes = "" if plan is None else f" It will take {some_time(plan.low, plan.high)}."
            st.progress(0.0, f"Waiting for a worker.{takes}")
            return
        share = min(1.0, work.done / work.total) if work.total else 0.0
        # There is nothing to count while an audit sums up, and an empty bar would say that it stands still.
        uncounted = work.stage in (PREPARING, SUMMING_UP)
        if work.stage == SUMMING_UP:
            share = 1.0
        far = f": {work.done:,} of {work.total:,}" if work.total and not uncounted else ""
        st.progress(share, " · ".join([f"{work.stage or 'starting'}{far}", *speed(store, work)]))


def head(store: Store, kind: str, number: int, title: str, job: JobProgress) -> None:
    """Show what a job is, and a button to cancel it."""
    left, right = st.columns([5, 1], vertical_alignment="center")
    left.markdown(title)
    if job.cancel_requested:
        right.caption("Stopping …")
    elif right.button("Cancel", key=f"cancel-{kind}-{number}", icon=":material/stop_circle:", width="stretch"):
        control.cancel(store, kind, number, me().actor)
        st.rerun()


def _guides(store: Store, run: RunSummary) -> str:
    """Name all guides of a run; its spec, which never changes and may be long, is read once a session."""
    known = st.session_state.setdefault("_guides", {})
    if run.id not in known:
        known[run.id] = guides(store.runs.get(run.id))
    return str(known[run.id])


def plan_of(store: Store, job_id: int) -> JobPlan | None:
    """Return what was promised of a job, which is read once a session."""
    known = st.session_state.setdefault("_plans", {})
    # That of an import is known once its files were read.
    if known.get(job_id) is None:
        known[job_id] = store.job_plans.get(job_id)
    plan: JobPlan | None = known[job_id]
    return plan


def speed(store: Store, work: Work) -> list[str]:
    """Say how fast the present stage goes and how long all of them will still take, the same to everybody who looks."""
    parts = []
    now = datetime.now(UTC)
    pace = work.pace(now)
    if pace is not None:
        parts = [rate_of(pace[0], *STEPS.get(work.stage, ("images", "an image")))]
    plan = plan_of(store, work.job_id)
    left = None if plan is None else seconds_left(plan, work, now)
    if left is not None:
        parts.append(left_in_words(left))
    elif pace is not None:
        parts.append(f"{rough(pace[1])} left in this stage")
    if work.started_at is not None:
        parts.append(f"running for {duration((now - work.started_at).total_seconds())}")
    return parts


def cells(work: RunSummary | AuditSummary) -> dict[str, str]:
    """Return the cells of a list that runs and audits have in common: images, state, start and duration."""
    took = NOTHING
    if work.started_at is not None and work.finished_at is not None:
        took = duration((work.finished_at - work.started_at).total_seconds())
    return {
        "Images": f"{work.images:,}",
        "State": STATES[work.state] + (f" {work.done:,}/{work.total:,}" if work.state in ACTIVE else ""),
        "Started": moment(work.started_at),
        "Time": took,
    }
