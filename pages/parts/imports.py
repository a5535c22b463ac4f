"""Active imports and the outcome of ended ones, read from the queue."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from facepriv.config import get_settings
from facepriv.presentation.formats import plain
from facepriv.presentation.jobs import left_in_words
from facepriv.presentation.preview import preview_rows, preview_sentences
from facepriv.services.datasets.estimate import plan_import
from facepriv.services.datasets.import_jobs import (
    READING,
    ImportJob,
    close_import,
    discard_import_job,
    list_imports,
    read_again,
)
from facepriv.services.jobs import control
from facepriv.services.jobs.local_worker import ensure_worker
from facepriv.services.jobs.planning import seconds_left
from facepriv.store import Store
from facepriv.wording import count, some_time
from parts import carried, faces, jobs, reading
from parts.figures import page_of, show_pages, show_rows
from parts.progress import EVERY, check_worker, head, plan_of
from parts.shell import errors_shown, me, with_store

LINGER_SECONDS = 60.0
"""How long the worker that does imports waits for more."""
LISTED = 50
STARTED = "_started_import"
"""Import that this session began and whose end it has not seen."""


def began(job_id: int) -> None:
    """Remember what this session began, and run the page again, which shows its progress."""
    ensure_worker(get_settings(), apart=True, linger=LINGER_SECONDS)
    st.session_state[STARTED] = job_id
    st.rerun()


def show(store: Store) -> None:
    """Show every import under way with its progress, and those that ended with what came of them."""
    jobs = list_imports(store, get_settings())
    for job in jobs:
        if not job.under_way:
            _settle(job)
            ended(store, job)
    running = tuple(job.id for job in jobs if job.under_way)
    if running:
        follow(running)


def _settle(job: ImportJob) -> None:
    """Once, for the session that began it: turn to the new data set and let go of the uploaded bytes."""
    if st.session_state.get(STARTED) == job.id:
        del st.session_state[STARTED]
        state = job.record.state
        if state == "complete" and job.record.dataset_id is not None:
            carried.take(job.record.dataset_id, job.name)
        if state == "previewed" or (state == "complete" and job.preview is None):
            st.session_state["upload_round"] = st.session_state.get("upload_round", 0) + 1


@st.fragment(run_every=EVERY)
def follow(job_ids: tuple[int, ...]) -> None:
    """Show the progress of these imports every second; the whole page runs again once one has ended."""

    def body(store: Store) -> None:
        check_worker(apart=True, linger=LINGER_SECONDS)
        running = {job.id: job for job in list_imports(store, get_settings()) if job.under_way}
        for job_id in job_ids:
            if job_id in running:
                progress(store, running[job_id])
        if any(job_id not in running for job_id in job_ids):
            st.rerun()

    with_store(body)


def progress(store: Store, job: ImportJob) -> None:
    """Show one import: bar, time left, and a button to cancel."""
    now = job.record
    with st.container(border=True):
        head(store, "import", job.id, f"**Importing “{plain(job.name)}”**", now)
        if not now.total:
            st.progress(0.0, "Waiting for a worker …" if now.state == "waiting" else f"{READING.capitalize()} …")
        else:
            plan = plan_of(store, job.id)
            seconds = None if plan is None else seconds_left(plan, now, datetime.now(UTC))
            left = "" if seconds is None else f" · {left_in_words(seconds)}"
            stage = now.stage.capitalize() or "Locating faces"
            st.progress(now.done / now.total, f"{stage}: {now.done:,} of {count(now.total, 'image')}{left}")
        st.caption("You may close this page; the import continues.")


def ended(store: Store, job: ImportJob) -> None:
    """Show how an import ended, with everything that was left out, and what can be done with one that did not."""
    jobs.seen(store, job.id)
    why = plain(job.record.error or "It was cancelled.")
    with st.container(border=True):
        if job.record.state == "previewed":
            previewed(store, job)
        elif job.resumable:
            st.warning(f"“{plain(job.name)}” is not complete. {why}", icon=":material/pause_circle:")
            st.caption("Finished parts are kept, hidden, for 7 days so that you can resume.")
            choose(store, job, "Resume", lambda number: control.resume(store, "import", number, me().actor))
        else:
            if job.record.state == "complete":
                complete(store, job)
            else:
                st.error(f"“{plain(job.name)}” was not imported. {why}", icon=":material/error:")

            def close() -> None:
                with_store(lambda store: close_import(store, get_settings(), job.id))

            st.button("Close", key=f"close-import-{job.id}", on_click=close)


def previewed(store: Store, job: ImportJob) -> None:
    """Show what was recognised in the files, before any image is decoded."""
    document = job.preview or {}
    st.markdown(f"**Preview of “{plain(job.name)}”**")
    for sentence in preview_sentences(document):
        st.write(plain(sentence))
    with st.expander(f"{count(len(document['rows']), 'sample image')}", icon=":material/table_rows:"):
        show_rows(preview_rows(document))
    if document["problems"]:
        noted = count(len(document["problems"]), "note")
        with st.expander(f"{noted} on left-out or unclear files", expanded=True, icon=":material/info:"):
            rows = [{"What": problem["sentence"], "Code": problem["code"]} for problem in document["problems"]]
            show_pages(rows, LISTED, f"preview-{job.id}")
    open_questions = [question for question in document.get("questions", []) if question["required"]]
    if changes := reading.ask(job, document):
        with errors_shown():
            read_again(store, get_settings(), job.id, **changes)
            began(job.id)
    plan = plan_import(store, document["images"], quality=job.request.quality)
    st.write(f"Importing them takes **{some_time(plan.low, plan.high)}** ({plan.basis}).")
    st.caption("Nothing is imported yet. If you do not import them, the uploaded files are deleted after 24 hours.")
    choose(store, job, "Import", store.jobs.confirm, icon=":material/check:", disabled=bool(open_questions))


def choose(
    store: Store,
    job: ImportJob,
    label: str,
    go_on: Callable[[int], object],
    icon: str = ":material/play_arrow:",
    *,
    disabled: bool = False,
) -> None:
    """Offer to go on with an import, or to remove it with all that is there of it."""
    with st.container(horizontal=True):
        if st.button(label, key=f"go-on-{job.id}", type="primary", icon=icon, disabled=disabled):
            go_on(job.id)
            began(job.id)
        if st.button("Discard", key=f"discard-{job.id}", icon=":material/delete:"):
            with errors_shown():
                discard_import_job(store, get_settings(), job.id)
                st.rerun()


def complete(store: Store, job: ImportJob) -> None:
    """Show the new data set in figures, and what was left out of it."""
    record = next((record for record in store.datasets.list() if record.id == job.record.dataset_id), None)
    if record is None:
        st.info(f"“{plain(job.name)}” was imported and later deleted.", icon=":material/info:")
        return
    counts = faces.dataset_counts(record)
    failed = sum(counts.failures.values())
    st.success(
        f"{count(counts.images, 'image')} of {count(counts.subjects, 'subject')} imported as “{plain(record.name)}”"
        + (f", {failed:,} of them without a usable face." if failed else "."),
        icon=":material/check_circle:",
    )
    st.write(plain(f"{record.reader_reason} Licence: {record.licence.rstrip('.')}."))
    if job.note is not None:
        st.info(plain(job.note), icon=":material/info:")
    listed = sum(counts.problems.values())
    if listed + failed:
        st.write(f"**{count(listed + failed, 'note')}:**")
        problem_rows(store, record.id, listed, f"import-problems-{job.id}")
        failure_rows(store, record.id, failed, f"failed-{job.id}")
    st.page_link("audit.py", label="Audit it", icon=":material/search_insights:")
    carrying = {carried.PARAMETER: job.name}
    st.page_link("data_set.py", label="What is next for it", icon=":material/route:", query_params=carrying)
    st.page_link("perturb.py", label="Perturb it", icon=":material/arrow_forward:", query_params=carrying)


def problem_rows(store: Store, dataset_id: int, total: int, key: str, empty: str = "") -> None:
    """List what was left out or noted, a page at a time."""
    offset = page_of(total, LISTED, key)
    listed = store.datasets.problems(dataset_id, limit=LISTED, offset=offset)
    show_rows([{"File or row": p.name, "What": p.sentence, "Code": p.code} for p in listed], empty)


def failure_rows(store: Store, dataset_id: int, total: int, key: str, empty: str = "") -> None:
    """List the images without a usable face, a page at a time."""
    offset = page_of(total, LISTED, key)
    failed = store.datasets.images(dataset_id, failed=True, limit=LISTED, offset=offset)
    show_rows([{"Image": i.name, "Why": i.failure_sentence, "Code": i.failure} for i in failed], empty)
