"""The verdict on top of a page, and the button that starts an audit where nobody has attacked yet."""

from __future__ import annotations

import streamlit as st

from facepriv.config import get_settings
from facepriv.presentation.formats import plain
from facepriv.presentation.journey import DatasetFacts
from facepriv.presentation.verdict import Verdict, to_html
from facepriv.schemas.requests import AuditRequest
from facepriv.services.audits.preparing import why_no_audit
from facepriv.services.audits.verdicts import verdict_of_run, verdicts_of_dataset
from facepriv.services.jobs.local_worker import ensure_worker
from facepriv.services.jobs.submit import submit
from facepriv.store import DatasetRecord, RunRecord, Store
from parts import carried
from parts.progress import ACTIVE
from parts.shell import errors_shown, me


def show(verdict: Verdict, lead: str = "", *, with_limits: bool = True) -> None:
    """Show a verdict as `to_html` writes it."""
    st.html(to_html(verdict, lead, with_limits=with_limits))


def of_dataset(store: Store, record: DatasetRecord, *, offer: bool = True) -> None:
    """Show the verdict on a data set as it is, the best that a run made of it, and offer an audit if there is none."""
    found = verdicts_of_dataset(store, record.id)
    # Both are of the same attackers mostly; the last says who was not tried.
    show(found.untouched, f"{record.name}, images as they are", with_limits=found.best is None)
    if found.best is not None:
        show(found.best, f"{record.name}, best audited release so far: run {found.best_run}")
    if offer and found.audit is None:
        offer_audit(store, AuditRequest(dataset=record.name), f"dataset-{record.id}", dataset_id=record.id)


def of_facts(facts: DatasetFacts) -> None:
    """Show the verdict on a data set as it is and on the best release made of it, without an offer."""
    name = facts.record.name
    show(facts.untouched, f"{name}, images as they are", with_limits=facts.best is None)
    if facts.best is not None:
        show(facts.best, f"{name}, best audited release so far: run {facts.best_run}")


def in_list(facts: DatasetFacts) -> None:
    """Show one verdict on a data set among others: on the best release made of it, else on its images as they are."""
    name = facts.record.name
    if facts.best is None:
        show(facts.untouched, f"{name}, images as they are", with_limits=False)
    else:
        show(facts.best, f"{name}, best audited release so far: run {facts.best_run}", with_limits=False)


def of_run(store: Store, run: RunRecord, *, offer: bool = True, with_limits: bool = True) -> None:
    """Show the verdict on a complete run, and offer an audit if there is none."""
    verdict, audit = verdict_of_run(store, run)
    by = "" if audit is None else f", by audit {audit}"
    show(verdict, f"Run {run.id} on {run.dataset_name}{by}", with_limits=with_limits)
    if offer and audit is None:
        offer_audit(store, AuditRequest(run=run.id), f"run-{run.id}", run_id=run.id)


def offer_audit(
    store: Store, request: AuditRequest, key: str, *, dataset_id: int | None = None, run_id: int | None = None
) -> None:
    """Show a button that starts an audit with every attacker, a link to one that is under way, or why none can be."""
    active = store.audits.list(dataset_id=dataset_id, run_id=run_id, states=ACTIVE, limit=1)
    if active:
        number = str(active[0].id)
        st.page_link(
            "audit.py",
            label=f"Audit {number} is attacking now",
            icon=":material/play_circle:",
            query_params={"audit": number, **carried.address()},
        )
        return
    of = dataset_id if run_id is None else store.runs.get(run_id).dataset_id
    if why_not := why_no_audit(store, of or 0, run_id):
        st.markdown(f":material/group_off: {plain(why_not)}")
        return
    pressed = st.button(
        "Start an audit: let every attacker try",
        key=f"attack-{key}",
        type="primary",
        icon=":material/search_insights:",
    )
    if pressed:
        start_audit(store, request)


def start_audit(store: Store, request: AuditRequest) -> None:
    """Start an audit, unless the same is under way, and open its page; show a refusal as one sentence."""
    with errors_shown():
        audit = submit(store, get_settings(), request, me().actor, once=True)
        ensure_worker(get_settings())
        st.switch_page("audit.py", query_params={"audit": str(audit.id), **carried.address()})


def details(text: str) -> None:
    """Show the figures under a verdict as one paragraph."""
    with st.expander("The figures behind it", icon=":material/functions:"):
        st.write(plain(text))
