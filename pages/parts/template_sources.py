"""Where template sets come from: made of images, uploaded; and the jobs that make them."""

from __future__ import annotations

import streamlit as st

from facepriv.config import get_settings
from facepriv.datasets.templates.reading import READERS
from facepriv.presentation.formats import plain
from facepriv.presentation.template_sets import template_quality_sentences
from facepriv.schemas.requests import DatasetSource, TemplatesRequest
from facepriv.services.jobs.local_worker import ensure_worker
from facepriv.services.jobs.submit import submit
from facepriv.services.models.catalogue import usable_matchers
from facepriv.services.templates.job import TemplatesJob, close_job, list_jobs, submit_template_upload
from facepriv.services.templates.quality import get_template_quality
from facepriv.store import Store, TemplateSetRecord
from facepriv.store.records import UNDER_WAY
from facepriv.wording import count
from parts import carried
from parts.jobs import seen
from parts.parameters import help_of
from parts.progress import EVERY, check_worker, head
from parts.shell import errors_shown, me, with_store

LINGER_SECONDS = 60.0
"""How long the worker that makes template sets waits for more."""


def offer(store: Store, *, expanded: bool) -> None:
    """Offer to make a template set of images, or to upload one."""
    with st.expander("Add a template set", expanded=expanded, icon=":material/add:"):
        st.caption("Templates are biometric data, as images are. They stay on this machine.")
        left, right = st.columns(2, gap="large")
        with left:
            upload()
        with right:
            make(store)


def upload() -> None:
    """Show the form for a file of templates."""
    turn = st.session_state.get("templates_round", 0)
    st.subheader("Upload")
    with st.form(f"upload_templates-{turn}", border=False):
        name = st.text_input("Name of the template set", key=f"templates_name-{turn}", placeholder="e.g. doors-2024")
        kinds = sorted(suffix.removeprefix(".") for suffix in READERS)
        file = st.file_uploader("File of templates", type=kinds, key=f"templates_file-{turn}")
        labels = st.file_uploader(
            "Label table (optional, CSV)",
            type=["csv"],
            key=f"templates_labels-{turn}",
            help=help_of(TemplatesRequest, "labels"),
        )
        matcher = st.text_input(
            "Matcher (optional)", key=f"templates_matcher-{turn}", help=help_of(TemplatesRequest, "matcher")
        )
        sent = st.form_submit_button("Import", type="primary", icon=":material/upload:")
    if not sent:
        return
    if not name.strip() or file is None:
        st.error("Enter a name, choose a file and press Import again.")
        return
    with errors_shown():
        fields = {"name": name.strip(), "quality": True} | ({"matcher": matcher.strip()} if matcher.strip() else {})
        table = None if labels is None else (labels.name, labels)
        with_store(
            lambda store: submit_template_upload(
                store, get_settings(), (file.name, file), me().actor, labels=table, **fields
            )
        )
        st.session_state["templates_round"] = turn + 1
        _begun()


def make(store: Store) -> None:
    """Offer to make the templates of a data set."""
    st.subheader("From images")
    records = {record.id: record.name for record in store.datasets.list()}
    matchers = usable_matchers()
    if not records or not matchers:
        st.caption("There is no data set of images yet." if not records else "No matcher can be used here; see Models.")
        return
    dataset = carried.select(records, key="templates_dataset")
    matcher = st.selectbox("Matcher", matchers, key="templates_of_matcher")
    name = st.text_input("Name", f"{records[dataset]}-{matcher}", key=f"templates_made_name-{dataset}-{matcher}")
    if st.button("Make templates", key="make_templates", icon=":material/fingerprint:"):
        with errors_shown():
            source = DatasetSource(dataset=int(dataset), matcher=matcher)
            submit(store, get_settings(), TemplatesRequest(name=name.strip(), source=source, quality=True), me().actor)
            _begun()


def _begun() -> None:
    ensure_worker(get_settings(), apart=True, linger=LINGER_SECONDS)
    st.rerun()


def follow_jobs(store: Store) -> None:
    """Show jobs that make template sets, and how those ended that were not closed."""
    jobs = list_jobs(store, get_settings())
    for job in jobs:
        if job.record.state not in UNDER_WAY:
            ended(store, job)
    running = tuple(job.record.id for job in jobs if job.record.state in UNDER_WAY)
    if running:
        follow(running)


@st.fragment(run_every=EVERY)
def follow(job_ids: tuple[int, ...]) -> None:
    """Show the progress of these jobs every second; the whole page runs again once one has ended."""

    def body(store: Store) -> None:
        check_worker(apart=True, linger=LINGER_SECONDS)
        running = {job.record.id: job for job in list_jobs(store, get_settings()) if job.record.state in UNDER_WAY}
        for job_id in job_ids:
            if job_id in running:
                job = running[job_id]
                with st.container(border=True):
                    head(store, "templates", job_id, f"**Adding “{plain(job.request.name)}”**", job.record)
                    share = min(1.0, job.record.done / job.record.total) if job.record.total else 0.0
                    st.progress(share, job.record.stage.capitalize() or "Waiting for a worker …")
        if any(job_id not in running for job_id in job_ids):
            st.rerun()

    with_store(body)


def ended(store: Store, job: TemplatesJob) -> None:
    """Say how a job ended, with what was left out, and let it be closed."""
    seen(store, job.record.id)
    record = next((each for each in store.template_sets.list() if each.id == job.set_id), None)
    with st.container(border=True):
        if record is not None:
            st.success(
                f"{count(record.templates, 'template')} of {record.subjects:,} people added as “{plain(record.name)}”.",
                icon=":material/check_circle:",
            )
            for problem in record.problems:
                st.caption(f":material/warning: {plain(str(problem['sentence']))}")
        else:
            why = plain(job.record.error or "It was cancelled or deleted since.")
            st.error(f"“{plain(job.request.name)}” was not added. {why}", icon=":material/error:")

        def close() -> None:
            with_store(lambda store: close_job(store, get_settings(), job.record.id))

        st.button("Close", key=f"close-templates-{job.record.id}", on_click=close)


def show_quality(record: TemplateSetRecord) -> None:
    """Show the quality report of a set, if there is one."""
    report = get_template_quality(record)
    if report is not None:
        st.subheader("Quality")
        for sentence in template_quality_sentences(report):
            st.markdown(f"- {plain(sentence)}")
