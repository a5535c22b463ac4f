"""Audit: what attackers learn about gender from a data set as it is; every stored audit, one of them in full."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from facepriv.presentation.audit_rows import audit_cells
from facepriv.presentation.verdict import not_attacked
from facepriv.services.audits.verdicts import verdict_of_audit
from facepriv.services.runs.list_figures import read_audits
from facepriv.store import AuditSummary, JobNotes, Store
from facepriv.wording import count
from parts import audit_form, carried, comparing, deletion, faces, grid, one_audit, progress, run_table, verdict
from parts.choice import Choice
from parts.shell import attempt, show_refusal, with_store

LIST_MOST = 500
"""Newest audits offered; older ones open by their address."""


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Audit")
    first = st.container()
    st.write(
        "What do attackers learn about gender from the original images of a data set, and from the templates that face "
        "matchers store? Each attacker learns from some of the people and is judged on the others."
    )
    choice = Choice("open_audits", "audit", store.audits.summary, several=True)
    deletion.offer_undo()
    choice.from_address()
    opened = choice.numbers()
    with first:
        newest(store, opened)
    records = store.datasets.list()
    if not records:
        st.info("There is no data set to audit yet. Import one first.", icon=":material/info:")
        st.page_link("datasets.py", label="Go to Datasets", icon=":material/photo_library:")
        return
    active = progress.active(store.audits)
    if active:
        progress.keep_worker()
    others = tuple(number for number in active if number not in opened)
    if others:
        st.header("Running")
        st.caption("You may close this page; the work continues.")
        progress.follow("audit", others)
    if not opened:
        st.header("New audit")
    with st.container() if not opened else st.expander("New audit", icon=":material/add:"):
        form(store, choice)
    stored = {audit.id: audit for audit in store.audits.list(limit=LIST_MOST)}
    if not stored:
        return
    stored |= {number: store.audits.summary(number) for number in opened if number not in stored}
    opened = st.multiselect(
        "Open one audit, or several to compare them",
        list(stored),
        format_func=lambda number: f"{number} · {_of(stored[number])} · {stored[number].state}",
        key=choice.key,
        on_change=choice.to_address,
        placeholder="Choose audits",
    )
    with st.expander("All audits", expanded=not opened, icon=":material/list:"):
        listing(store, choice)
    if len(opened) == 1:
        one_audit.show(store, store.audits.get(opened[0]), choice.take)
    elif opened:
        comparing.show_audits([store.audits.get(number) for number in opened])


def newest(store: Store, opened: Sequence[int]) -> None:
    """Show the verdicts of the audits that are open, or of the newest complete one; else that nobody has attacked."""
    numbers = opened or [
        audit.id for audit in store.audits.list(dataset_id=carried.number(), states=("complete",), limit=1)
    ]
    for number in numbers:
        audit = store.audits.get(number)
        if audit.result is not None:
            of = "images as they are" if audit.run_id is None else f"after run {audit.run_id}"
            found = verdict_of_audit(store, audit)
            verdict.show(found, f"Audit {audit.id} of {audit.dataset_name}, {of}", with_limits=number == numbers[-1])
    if not numbers and store.datasets.list():
        verdict.show(not_attacked())


def form(store: Store, choice: Choice) -> None:
    """Ask for a data set and start its audit."""
    records = {record.id: record for record in store.datasets.list()}
    dataset = carried.select({number: record.name for number, record in records.items()}, key="audit_dataset")
    enough = audit_form.is_possible(store, int(dataset))
    with st.expander("Options", icon=":material/tune:"):
        means = audit_form.means(store, "audit", records[dataset])
        rest = audit_form.numbers(f"audit-{dataset}", faces.dataset_counts(records[dataset]).images)
    if enough:
        audit_form.promise(store, dataset=int(dataset), **means, **rest)
    start = st.button(
        "Start the audit", type="primary", key="start_audit", icon=":material/play_arrow:", disabled=not enough
    )
    if start:
        started = audit_form.start(store, dataset=int(dataset), **means, **rest)
        if started is not None:
            choice.take(started)
            st.rerun()


def listing(store: Store, choice: Choice) -> None:
    """Show the audits as a table to work with, newest first, of the data set that is looked at or of all."""
    dataset = run_table.dataset_of_list(store, "audits_of")
    shown = store.audits.list(dataset_id=dataset, limit=LIST_MOST)
    if not shown:
        st.caption("No audit of this data set yet.")
        return
    figures = read_audits(store, shown)
    notes = store.notes.list()
    above = st.container(horizontal=True, vertical_alignment="center")
    rows = []
    for audit in shown:
        found = figures.get(audit.id)
        parts = (None, "", {}) if found is None else (found.level, found.attacker, found.numbers)
        rows.append(audit_cells(audit, notes.get(audit.job_id, JobNotes()), *parts))
    alt = "Audits with verdict, strongest attacker, cost, data set, version audited, state and duration"
    picked = grid.show(rows, [audit.id for audit in shown], "audits", alt)
    key = "picked-audits"
    show_refusal(key)

    def delete(store: Store) -> None:
        deletion.discard(store, "audit", picked)
        grid.forget()

    with above:
        if not picked:
            st.caption("Select rows to open, compare or delete audits. Click a column's title to sort by it.")
            return
        run_table.open_button(picked, "audit", choice.take)
        label = f"Delete {count(len(picked), 'audit')}"
        st.button(label, key="delete-picked", icon=":material/delete:", on_click=attempt, args=(key, delete))


def _of(audit: AuditSummary) -> str:
    return audit.dataset_name + ("" if audit.run_id is None else f", run {audit.run_id}")


with_store(show)
