"""Runs: the table to work with, one run in full, or several side by side."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from facepriv.services.jobs.deletion import list_deleted
from facepriv.store import Store
from parts import carried, comparing, deletion, one_run, progress, run_figure, run_table, verdict
from parts.choice import Choice
from parts.shell import with_store

LIST_MOST = 500  # newest runs offered; older ones open from the table or by their address
TABLE, FIGURE, DELETED = "Table", "Figure", "Deleted"


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
    offered = {run.id: run for run in store.runs.list(limit=LIST_MOST)}
    offered |= {number: store.runs.summary(number) for number in choice.numbers() if number not in offered}
    notes = store.notes.list()
    named = {job: f" · {note.name}" for job, note in notes.items() if note.name}
    names = {
        run.id: f"{run.id}{named.get(run.job_id, '')} · {run.dataset_name} · {run.method} · {run.state}"
        for run in offered.values()
    }
    chosen = st.multiselect(
        "Open one run, or several to compare them",
        list(names),
        format_func=names.__getitem__,
        key=choice.key,
        on_change=choice.to_address,
        placeholder="Choose runs",
    )
    everything = st.expander(
        "All runs", expanded=not chosen, icon=":material/list:", key=f"all_runs-{not chosen}", on_change="rerun"
    )
    if everything.open:  # its table takes as long as the runs that are looked at
        with everything:
            all_runs(store, choice)
    if len(chosen) == 1:
        one_run.show(store, store.runs.get(chosen[0]), choice.take)
    elif chosen:
        comparing.show(store, [store.runs.get(run_id) for run_id in chosen])


def all_runs(store: Store, choice: Choice) -> None:
    """Show all runs: as a table, in a figure, or those that were deleted and may be restored."""
    view = st.segmented_control(
        "Show",
        [TABLE, FIGURE, DELETED],
        default=TABLE,
        required=True,
        key="view",
        label_visibility="collapsed",
        bind="query-params",
    )
    if view == DELETED:
        deletion.restorable(store)
    elif view == FIGURE:
        run_figure.show(run_table.filtered(store, run_table.read(store).lines), choice.take)
    else:
        run_table.show(store, choice.take)


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


with_store(show)
