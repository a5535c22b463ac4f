"""Audit: what attackers learn about gender from a data set as it is; every stored audit, one of them in full."""

from __future__ import annotations

import streamlit as st

from facepriv.presentation.verdict import not_attacked
from facepriv.services.audits.verdicts import verdict_of_audit
from facepriv.store import AuditSummary, Store
from parts import audit_form, carried, deletion, faces, one_audit, progress, verdict
from parts.choice import Choice
from parts.figures import page_of, show_rows
from parts.shell import with_store

LIST_MOST = 500
"""Newest audits offered; older ones open by their address."""
PER_PAGE = 50


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Audit")
    first = st.container()
    st.write(
        "What do attackers learn about gender from the original images of a data set, and from the templates that face "
        "matchers store? Each attacker learns from some of the people and is judged on the others."
    )
    choice = Choice("open_audit", "audit", store.audits.get)
    deletion.offer_undo()
    choice.from_address()
    opened = choice.now()
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
    others = tuple(number for number in active if number != opened)
    if others:
        st.header("Running")
        st.caption("You may close this page; the work continues.")
        progress.follow("audit", others)
    if opened is None:
        st.header("New audit")
    with st.container() if opened is None else st.expander("New audit", icon=":material/add:"):
        form(store, choice)
    stored = {audit.id: audit for audit in store.audits.list(limit=LIST_MOST)}
    if not stored:
        return
    if opened is not None and opened not in stored:
        stored[opened] = store.audits.get(opened)
    st.selectbox(
        "Open an audit",
        list(stored),
        index=None,
        format_func=lambda number: f"{number} · {_of(stored[number])} · {stored[number].state}",
        key=choice.key,
        on_change=choice.to_address,
        placeholder="Choose an audit",
    )
    opened = choice.now()
    with st.expander("All audits", expanded=opened is None, icon=":material/list:"):
        listing(store)
    if opened is not None:
        one_audit.show(store, store.audits.get(opened), choice.take)


def newest(store: Store, opened: int | None) -> None:
    """Show the verdict of the audit that is open, or of the newest complete one; else that nobody has attacked."""
    complete = store.audits.list(dataset_id=carried.number(), states=("complete",), limit=1)
    number = opened if opened is not None else next((audit.id for audit in complete), None)
    if number is not None:
        audit = store.audits.get(number)
        if audit.result is not None:
            of = "images as they are" if audit.run_id is None else f"after run {audit.run_id}"
            verdict.show(verdict_of_audit(store, audit), f"Audit {audit.id} of {audit.dataset_name}, {of}")
    elif store.datasets.list():
        verdict.show(not_attacked())


def form(store: Store, choice: Choice) -> None:
    """Ask for a data set and start its audit."""
    records = {record.id: record for record in store.datasets.list()}
    dataset = carried.select({number: record.name for number, record in records.items()}, key="audit_dataset")
    with st.expander("Options", icon=":material/tune:"):
        means = audit_form.means(store, "audit", records[dataset])
        rest = audit_form.numbers(f"audit-{dataset}", faces.dataset_counts(records[dataset]).images)
    audit_form.promise(store, dataset=int(dataset), **means, **rest)
    if st.button("Start the audit", type="primary", key="start_audit", icon=":material/play_arrow:"):
        started = audit_form.start(store, dataset=int(dataset), **means, **rest)
        if started is not None:
            choice.take(started)
            st.rerun()


def listing(store: Store) -> None:
    """List the audits, newest first, a page at a time, of the data set that is looked at or of all."""
    names = {record.id: record.name for record in store.datasets.list()}
    dataset = carried.select_or_all(names, key="audits_of")
    offset = page_of(store.audits.count(dataset_id=dataset), PER_PAGE, f"audits-{dataset}")
    shown = store.audits.list(dataset_id=dataset, limit=PER_PAGE, offset=offset)
    show_rows([_row(audit) for audit in shown], "No audit of this data set yet.", markdown=("Audit", "State"))


def _of(audit: AuditSummary) -> str:
    return audit.dataset_name + ("" if audit.run_id is None else f", run {audit.run_id}")


def _row(audit: AuditSummary) -> dict[str, str]:
    return {
        "Audit": f"[{audit.id}](?audit={audit.id})",
        "Data set": audit.dataset_name,
        "Version audited": "original" if audit.run_id is None else f"after run {audit.run_id}",
        **progress.cells(audit),
    }


with_store(show)
