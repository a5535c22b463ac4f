"""Several runs side by side, and links that compare them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from facepriv.charts.matching import det
from facepriv.charts.rates import gender_error_of_runs, survival_of_runs
from facepriv.presentation.help_texts import HELP
from facepriv.presentation.run_tables import comparison_rows
from facepriv.store import RunRecord, RunSummary, Store
from parts.figures import show_figure, show_rows

OFFERED = 3


def show(runs: Sequence[RunRecord]) -> None:
    """Compare the complete runs among these, and name the others."""
    st.header("Comparison", divider="gray")
    complete = [(run, run.result) for run in runs if run.result is not None]
    for run in runs:
        if run.result is None:
            st.info(f"Run {run.id} is {run.state} and has no result to compare.", icon=":material/info:")
    if not complete:
        return
    specs = [run.spec for run, _ in complete]
    if len({spec.dataset.content_sha256 for spec in specs}) > 1:
        st.warning(
            "These runs use different data sets, so the data may cause differences between them.",
            icon=":material/warning:",
        )
    elif len({spec.image_sha256 for spec in specs}) > 1:
        st.warning(
            "These runs use different images of the data set, which may explain differences between them.",
            icon=":material/warning:",
        )
    titles = {run.id: f"run {run.id} · {run.method}" for run, _ in complete}
    show_rows(comparison_rows([(f"Run {run.id}", run.spec, result) for run, result in complete]))
    key, of = "-".join(map(str, titles)), f"runs {', '.join(map(str, titles))}"
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Gender error", help=HELP["gender_error"])
        figure = gender_error_of_runs({titles[run.id]: result.gender_error for run, result in complete})
        show_figure(figure, f"errors-{key}", "Gender error of every classifier before and in every run, as above", of)
    with right:
        st.subheader("Flips in the stored file", help=HELP["survival"])
        figure = survival_of_runs({titles[run.id]: result.flips() for run, result in complete})
        show_figure(figure, f"flips-{key}", "Proportion of images flipped in the file and its versions, as above", of)
    for matcher in sorted({name for _, result in complete for name in result.matching}):
        st.subheader(f"DET of {matcher}", help=HELP["det"])
        measured = [(run, result.matching[matcher]) for run, result in complete if matcher in result.matching]
        for start in range(0, len(measured), 2):
            for column, (run, phases) in zip(st.columns(2), measured[start : start + 2], strict=False):
                with column:
                    st.markdown(f"**Run {run.id} · {run.method}**")
                    alt = f"DET curves of {matcher} in run {run.id}"
                    show_figure(det(phases, matcher), f"det-{key}-{run.id}-{matcher}", alt, of)


def rivals(store: Store, run: RunSummary, most: int = OFFERED) -> tuple[RunSummary, ...]:
    """Return the newest other complete runs on the same data set; none for a run that is not complete."""
    if run.state != "complete":
        return ()
    newest = store.runs.list(dataset_id=run.dataset_id, states=("complete",), limit=most + 1)
    return tuple(other for other in newest if other.id != run.id)[:most]


def link(label: str, *run_ids: int, icon: str = ":material/compare_arrows:") -> None:
    """Show a link that opens a run, or several side by side."""
    st.page_link("runs.py", label=label, icon=icon, query_params=[("run", str(run_id)) for run_id in run_ids])


def offer(store: Store, run: RunSummary) -> None:
    """Show under a run a link for each of the newest others that it can be compared with."""
    others = rivals(store, run)
    if others:
        with st.container(horizontal=True):
            for other in others:
                link(f"Compare with run {other.id} · {other.method}", run.id, other.id)
