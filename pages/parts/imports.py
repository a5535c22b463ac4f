"""Imports under way and how the last ones ended, read from the data folder: they go on whether anybody looks or not."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from facepriv.config import Settings, get_settings
from facepriv.errors import FaceprivError
from facepriv.presentation.formats import plain
from facepriv.presentation.preview import preview_rows, preview_sentences
from facepriv.services.datasets.import_jobs import (
    RESUMABLE,
    ImportJob,
    cancel_job,
    confirm_job,
    discard_job,
    forget_job,
    list_jobs,
    resume_job,
)
from facepriv.store import Store
from facepriv.wording import count, duration
from parts import faces
from parts.figures import page_of, show_rows
from parts.shell import with_store

EVERY = "1s"
LISTED = 50
STARTED = "_started_import"
"""Import that this session began and whose end it has not seen."""


def began(job_id: str) -> None:
    """Remember what this session began, and show the page anew with its progress."""
    st.session_state[STARTED] = job_id
    st.rerun()


def show(store: Store) -> None:
    """Show every import under way with its progress, and those that ended with what came of them."""
    jobs = list_jobs(get_settings())
    for job in jobs:
        if job.state != "running":
            _settle(store, job)
            ended(store, job)
    running = tuple(job.id for job in jobs if job.state == "running")
    if running:
        follow(running)


def _settle(store: Store, job: ImportJob) -> None:
    """Once, for the session that began it: turn to the new data set and let go of the uploaded bytes."""
    if st.session_state.get(STARTED) == job.id:
        del st.session_state[STARTED]
        if job.state == "complete":
            st.session_state["dataset"] = job.dataset_id
        if job.state == "previewed" or (job.state == "complete" and job.preview is None):
            st.session_state["upload_round"] = st.session_state.get("upload_round", 0) + 1


@st.fragment(run_every=EVERY)
def follow(job_ids: tuple[str, ...]) -> None:
    """Show the progress of these imports every second; the whole page is shown anew once one has ended."""

    def body(_: Store) -> None:
        running = {job.id: job for job in list_jobs(get_settings()) if job.state == "running"}
        for job_id in job_ids:
            if job_id in running:
                progress(running[job_id])
        if any(job_id not in running for job_id in job_ids):
            st.rerun()

    with_store(body)


def progress(job: ImportJob) -> None:
    """Show one import: bar, time left, and a button to cancel."""
    with st.container(border=True):
        head, side = st.columns([5, 1], vertical_alignment="center")
        head.markdown(f"**Importing “{plain(job.name)}”**")
        if job.cancel_requested:
            side.caption("Stopping …")
        elif side.button("Cancel", key=f"cancel-import-{job.id}", icon=":material/stop_circle:", width="stretch"):
            cancel_job(get_settings(), job.id)
            st.rerun()
        if not job.total:
            st.progress(0.0, "Reading the files …")
        else:
            left = "" if job.seconds_left is None else f" · {duration(job.seconds_left)} left"
            stage = job.stage.capitalize() or "Looking for faces"
            st.progress(job.done / job.total, f"{stage}: {job.done:,} of {count(job.total, 'image')}{left}")
        st.caption("You may close this page; the import goes on and is shown here again.")


def ended(store: Store, job: ImportJob) -> None:
    """Show how an import ended, with everything that was left out, and what can be done with one that did not."""
    with st.container(border=True):
        if job.state == "previewed":
            previewed(store, job)
        elif job.state in RESUMABLE:
            st.warning(f"“{plain(job.name)}”: {plain(job.error or '')}", icon=":material/pause_circle:")
            st.caption("What is done of it is kept for 7 days, where nobody sees it.")
            choose(store, job, "Resume", resume_job)
        else:
            if job.state == "complete":
                complete(store, job)
            else:
                st.error(f"“{plain(job.name)}” was not imported. {plain(job.error or '')}", icon=":material/error:")
            st.button("Close", key=f"close-import-{job.id}", on_click=_close, args=(job.id,))


def _close(job_id: str) -> None:
    with_store(lambda _: forget_job(get_settings(), job_id))


def previewed(store: Store, job: ImportJob) -> None:
    """Show what was recognised in the files, before any image is decoded."""
    document = job.preview or {}
    st.markdown(f"**This would become “{plain(job.name)}”**")
    for sentence in preview_sentences(document):
        st.write(plain(sentence))
    with st.expander(f"{count(len(document['rows']), 'sample image')}", icon=":material/table_rows:"):
        show_rows(preview_rows(document))
    if document["problems"]:
        noted = count(len(document["problems"]), "note")
        with st.expander(f"{noted} on what is left out or unclear", expanded=True, icon=":material/info:"):
            rows = [{"What": one["sentence"], "Code": one["code"]} for one in document["problems"]]
            offset = page_of(len(rows), LISTED, f"preview-{job.id}")
            show_rows(rows[offset : offset + LISTED])
    st.caption("Nothing is imported yet. Without an answer the files that were uploaded go after a day.")
    choose(store, job, "Import", confirm_job, icon=":material/check:")


def choose(
    store: Store,
    job: ImportJob,
    label: str,
    go_on: Callable[[Settings, str], None],
    icon: str = ":material/play_arrow:",
) -> None:
    """Offer to go on with an import, or to remove it with all that is there of it."""
    with st.container(horizontal=True):
        if st.button(label, key=f"go-on-{job.id}", type="primary", icon=icon):
            go_on(get_settings(), job.id)
            began(job.id)
        if st.button("Discard", key=f"discard-{job.id}", icon=":material/delete:"):
            try:
                discard_job(store, get_settings(), job.id)
            except FaceprivError as error:
                st.error(plain(str(error)), icon=":material/error:")
            else:
                st.rerun()


def complete(store: Store, job: ImportJob) -> None:
    """Show what an import brought."""
    record = next((record for record in store.datasets.list() if record.id == job.dataset_id), None)
    if record is None:
        st.info(f"“{plain(job.name)}” was imported and has been deleted since.", icon=":material/info:")
        return
    counts = faces.dataset_counts(record)
    failed = sum(counts.failures.values())
    st.success(
        f"{count(counts.images, 'image')} of {count(counts.subjects, 'subject')} imported as “{plain(record.name)}”"
        + (f", {failed:,} of them without a usable face." if failed else "."),
        icon=":material/check_circle:",
    )
    st.write(plain(f"{record.reader_reason} Licence: {record.licence.rstrip('.')}."))
    if job.error is not None:
        st.info(plain(job.error), icon=":material/info:")
    listed = sum(counts.problems.values())
    if listed + failed:
        st.write(f"**{count(listed + failed, 'thing')} to know:**")
        problem_rows(store, record.id, listed, f"told-{job.id}")
        failure_rows(store, record.id, failed, f"failed-{job.id}")
    st.page_link("audit.py", label="Audit what it tells", icon=":material/search_insights:")
    st.page_link("perturb.py", label="Go on to perturb", icon=":material/arrow_forward:")


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
