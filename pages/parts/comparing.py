"""Links that compare two runs."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from facepriv.store import RunSummary, Store

OFFERED = 3


def rivals(store: Store, run: RunSummary, most: int = OFFERED) -> tuple[RunSummary, ...]:
    """Return the newest other complete runs on the same data set; none for a run that is not complete."""
    if run.state != "complete":
        return ()
    newest = store.runs.list(dataset_id=run.dataset_id, states=("complete",), limit=most + 1)
    return tuple(other for other in newest if other.id != run.id)[:most]


def query(*run_ids: int) -> list[tuple[str, str]]:
    """Return the query of the address that opens these runs."""
    return [("run", str(run_id)) for run_id in run_ids]


def link(label: str, run_ids: Sequence[int]) -> None:
    """Show a link that opens these runs side by side."""
    st.page_link("runs.py", label=label, icon=":material/compare_arrows:", query_params=query(*run_ids))


def offer(store: Store, run: RunSummary) -> None:
    """Show under a run a link for each of the newest others that it can be compared with."""
    others = rivals(store, run)
    if others:
        with st.container(horizontal=True):
            for other in others:
                link(f"Compare with run {other.id} · {other.method}", (run.id, other.id))
