"""Several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from facepriv.charts.matching import det
from facepriv.charts.rates import gender_error_of_runs, survival_of_runs
from facepriv.presentation.help_texts import HELP
from facepriv.presentation.run_tables import comparison_rows
from facepriv.schemas.runs import RunResult
from facepriv.store import RunRecord
from parts.figures import show_figure, show_rows


def show(runs: Sequence[RunRecord]) -> None:
    """Compare the complete runs among these, and name the others."""
    st.header("Comparison", divider="gray")
    complete = [run for run in runs if run.result is not None]
    for run in runs:
        if run.result is None:
            st.info(f"Run {run.id} is {run.state} and has no result to compare.", icon=":material/info:")
    if not complete:
        return
    if len({run.spec.dataset.content_sha256 for run in complete}) > 1:
        st.warning(
            "These runs use different data sets, so the data may cause differences between them.",
            icon=":material/warning:",
        )
    elif len({run.spec.image_sha256 for run in complete}) > 1:
        st.warning(
            "These runs use different images of the data set, which may explain differences between them.",
            icon=":material/warning:",
        )
    titles = {run.id: f"run {run.id} · {run.method}" for run in complete}
    show_rows(comparison_rows([(f"Run {run.id}", run.spec, _result(run)) for run in complete]))
    key = "-".join(str(run.id) for run in complete)
    of = f"runs {', '.join(str(run.id) for run in complete)}"
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Gender error", help=HELP["gender_error"])
        figure = gender_error_of_runs({titles[run.id]: _result(run).gender_error for run in complete})
        show_figure(
            figure, f"errors-{key}", "Gender error of every classifier before and in every run, as above", of=of
        )
    with right:
        st.subheader("Flips in the stored file", help=HELP["survival"])
        figure = survival_of_runs({titles[run.id]: _result(run).flips() for run in complete})
        show_figure(
            figure, f"flips-{key}", "Proportion of images flipped in the file and its versions, as above", of=of
        )
    for matcher in sorted({name for run in complete for name in _result(run).matching}):
        st.subheader(
            f"DET of {matcher}", help="Both error rates on logarithmic scales; lower and further left is better."
        )
        having = [run for run in complete if matcher in _result(run).matching]
        for start in range(0, len(having), 2):
            for column, run in zip(st.columns(2), having[start : start + 2], strict=False):
                with column:
                    st.markdown(f"**Run {run.id} · {run.method}**")
                    figure = det(_result(run).matching[matcher], matcher)
                    show_figure(
                        figure, f"det-{key}-{run.id}-{matcher}", f"DET curves of {matcher} in run {run.id}", of=of
                    )


def _result(run: RunRecord) -> RunResult:
    if run.result is None:
        raise ValueError(f"run {run.id} has no result")
    return run.result
