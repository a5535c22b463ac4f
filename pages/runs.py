"""Runs: the list, one run in full, or several side by side."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from facepriv.perturb.registry import perturbers
from facepriv.presentation.formats import NOTHING
from facepriv.services.audits.verdicts import verdict_in_list
from facepriv.services.jobs.deletion import list_deleted
from facepriv.store import RunSummary, Store
from facepriv.store.records import RUN_STATES
from parts import carried, comparing, deletion, one_run, progress, verdict
from parts.choice import Choice
from parts.figures import page_of, show_rows
from parts.shell import with_store

LIST_MOST = 500  # newest runs offered; older ones open by their address
PER_PAGE = 50


def show(store: Store) -> None:
    """Show the whole page."""
    choice = Choice("open_runs", "run", store.runs.summary, several=True)
    st.title("Runs")
    first = st.container()
    deletion.offer_undo()
    if store.runs.count() == 0 and not list_deleted(store):
        st.info("There is no run yet. Start one on the Perturb page.", icon=":material/info:")
        st.page_link("perturb.py", label="Go to Perturb", icon=":material/blur_on:")
        return
    if progress.active(store.runs):
        progress.keep_worker()
    choice.from_address()
    with first:
        verdicts(store, choice.numbers())
    everything = {run.id: run for run in store.runs.list(limit=LIST_MOST)}
    older = [store.runs.get(run_id) for run_id in choice.numbers() if run_id not in everything]
    everything.update({run.id: run for run in older})
    names = {run.id: f"{run.id} · {run.dataset_name} · {run.method} · {run.state}" for run in everything.values()}
    chosen = st.multiselect(
        "Open one run, or several to compare them",
        list(names),
        format_func=names.__getitem__,
        key=choice.key,
        on_change=choice.to_address,
        placeholder="Choose runs",
    )
    with st.expander("All runs", expanded=not chosen, icon=":material/list:"):
        listing(store)
    if len(chosen) == 1:
        one_run.show(store, store.runs.get(chosen[0]), choice.take)
    elif chosen:
        comparing.show([store.runs.get(run_id) for run_id in chosen])
    else:
        with st.expander("Deleted, can be restored", icon=":material/delete:"):
            deletion.restorable(store)


def verdicts(store: Store, opened: Sequence[int]) -> None:
    """Show the verdicts on the runs that are open, or on the newest complete one."""
    newest = store.runs.list(dataset_id=carried.number(), states=("complete",), limit=1)
    numbers = opened or [run.id for run in newest]
    record = carried.now(store)
    if not numbers and record is not None:
        verdict.of_dataset(store, record, offer=False)
    for run in map(store.runs.get, numbers):
        if run.result is not None:
            verdict.of_run(store, run, offer=len(numbers) == 1, with_limits=run.id == numbers[-1])


def listing(store: Store) -> None:
    """List runs by data set, state and method."""
    names = {record.id: record.name for record in store.datasets.list()}
    boxes = st.columns(3)
    dataset = carried.select_or_all(names, key="filter_dataset", box=boxes[0])
    states = boxes[1].multiselect("State", RUN_STATES, key="filter_states", placeholder="all")
    method = boxes[2].selectbox(
        "Method", [None, *perturbers.names()], format_func=lambda m: m or "all", key="filter_method"
    )
    total = store.runs.count(dataset_id=dataset, states=states, method=method)
    offset = page_of(total, PER_PAGE, "runs")
    runs = store.runs.list(dataset_id=dataset, states=states, method=method, limit=PER_PAGE, offset=offset)
    newest = {run.id: other for run in runs for other in comparing.rivals(store, run, most=1)}
    rows = [_row(store, run, newest.get(run.id)) for run in runs]
    show_rows(rows, "No run matches these filters.", markdown=("Run", "State", "Compare"))


def _row(store: Store, run: RunSummary, rival: RunSummary | None) -> dict[str, str]:
    found = verdict_in_list(store, run)
    return {
        "Run": f"[{run.id}](?run={run.id})",
        "Verdict": NOTHING if found is None else found.short,
        "Data set": run.dataset_name,
        "Compare": NOTHING if rival is None else f"[with run {rival.id}](?run={run.id}&run={rival.id})",
        "Method": run.method,
        "Main guide": run.guide,
        **progress.cells(run),
    }


with_store(show)
