"""The table of runs: searched and filtered by what stands in the address, sorted, several at once to work with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from facepriv.presentation.run_list import RunFilter, RunLine, table_cells
from facepriv.presentation.verdict import WORDS
from facepriv.services.audits.run_table import RunTable, run_table
from facepriv.services.releases.results_archive import results_archive
from facepriv.store import Store
from facepriv.store.records import RUN_STATES
from facepriv.types import Actor
from facepriv.wording import count
from parts import carried, deletion, grid
from parts.downloads import file_name
from parts.shell import attempt, show_refusal, when_asked, with_store

READ_SECONDS = 0.3
"""How long a view of the page reads results that no list has shown yet."""
FILTER_WIDTH = 140
ALL = "all"
"""In the address: ``yes`` where all data sets are listed although one of them is looked at."""
BOUND: dict[str, Any] = {"bind": "query-params"}


def read(store: Store) -> RunTable:
    """Return the table; where results of before are not read yet, say so and go on reading them."""
    study = _study()
    if study is not None:
        st.caption(f":material/filter_alt: Runs of study {study}.")
        st.page_link("runs.py", label="All other runs", icon=":material/filter_alt_off:")
    table = run_table(store, study_id=study, seconds=READ_SECONDS)
    if table.unread:
        _go_on()
    return table


@st.fragment(run_every="1s")
def _go_on() -> None:
    """Read more results every second; the page runs again once all are read."""

    def more(store: Store) -> None:
        left = run_table(store, study_id=_study(), seconds=READ_SECONDS).unread
        if not left:
            st.rerun()
        st.caption(f":material/hourglass_top: Reading {count(left, 'result')} of before, once; their figures follow.")

    with_store(more)


def _study() -> int | None:
    """Return the study whose runs the address asks for."""
    asked = st.query_params.get("study", "")
    return int(asked) if asked.isdecimal() and len(asked) < 10 else None


def filtered(store: Store, lines: Sequence[RunLine]) -> list[RunLine]:
    """Ask what to look for, and return the lines that are left."""
    text = st.text_input(
        "Search",
        key="q",
        label_visibility="collapsed",
        placeholder="Search name, notes, tags, method, settings, data set, person or number",
        icon=":material/search:",
        **BOUND,
    )
    boxes = st.container(horizontal=True)
    with boxes.container(width=FILTER_WIDTH):
        dataset = dataset_of_list(store, "filter_dataset")
    asked: dict[str, list[str]] = {}
    options: dict[str, tuple[str, list[str]]] = {
        "state": ("State", list(RUN_STATES)),
        "method": ("Method", sorted({line.run.method for line in lines})),
        "verdict": ("Verdict", list(WORDS.values())),
        "tag": ("Tags", sorted({tag for line in lines for tag in line.notes.tags})),
    }
    for key, (label, values) in options.items():
        asked[key] = boxes.multiselect(label, values, key=key, placeholder="all", width=FILTER_WIDTH, **BOUND)
    return RunFilter(
        text=text or "",
        states=asked["state"],
        datasets=[] if dataset is None else [store.datasets.get(dataset).name],
        methods=asked["method"],
        verdicts=asked["verdict"],
        tags=asked["tag"],
    ).apply(lines)


def dataset_of_list(store: Store, key: str) -> int | None:
    """Ask for the data set whose things are listed, the one that is looked at or all; the address says which."""
    turned = f"{key}-all"
    st.session_state.setdefault(turned, st.query_params.get(ALL) == "yes")
    names = {record.id: record.name for record in store.datasets.list()}
    dataset = carried.select_or_all(names, key=key)
    if dataset is None and carried.number() in names:
        st.query_params[ALL] = "yes"
    else:
        st.query_params.pop(ALL, None)
    return dataset


def show(store: Store, open_runs: Callable[..., None]) -> None:
    """Show the table with its filters and what can be done with the selected rows; ``open_runs`` opens runs."""
    table = read(store)
    lines = filtered(store, table.lines)
    if not lines:
        st.caption("No run matches these filters.")
        return
    if len(lines) < len(table.lines):
        st.caption(f"{len(lines):,} of {count(len(table.lines), 'run')}")
    above = st.container(horizontal=True, vertical_alignment="center")
    alt = "Runs with verdict, strongest attacker, cost, sign-off, method, settings, data set, state and duration"
    picked = grid.show([table_cells(line) for line in lines], [line.number for line in lines], "runs", alt)
    with above:
        _actions(picked, open_runs)


def _actions(picked: Sequence[int], open_runs: Callable[..., None]) -> None:
    """Show what can be done with the selected runs."""
    key = "picked-runs"
    show_refusal(key)
    if not picked:
        st.caption("Select rows to open, compare, export or delete runs. Click a column's title to sort by it.")
        return
    study = _study()

    def archive(store: Store, actor: Actor) -> bytes:
        return results_archive(store, set(picked), actor=actor, study_id=study)

    def delete(store: Store) -> None:
        deletion.discard(store, "run", picked)
        grid.forget()

    many = count(len(picked), "run")
    open_button(picked, "run", open_runs)
    st.download_button(
        f"Export {many}",
        when_asked(archive),
        file_name=file_name("runs", "zip"),
        mime="application/zip",
        icon=":material/download:",
        key="export-picked",
        on_click="ignore",
        help="A table of these runs (CSV), and each run and its newest audit as JSON. No faces.",
    )
    st.button(f"Delete {many}", key="delete-picked", icon=":material/delete:", on_click=attempt, args=(key, delete))


def open_button(picked: Sequence[int], noun: str, open_them: Callable[..., None]) -> None:
    """Show the button that opens what is selected, or compares it where that is several."""
    several = len(picked) > 1
    st.button(
        f"Compare {count(len(picked), noun)}" if several else f"Open {noun} {picked[0]}",
        key="open-picked",
        icon=":material/compare_arrows:" if several else ":material/open_in_full:",
        type="primary",
        on_click=open_them,
        args=tuple(picked),
    )
