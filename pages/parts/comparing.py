"""Several runs or audits side by side, what differs first, and links that compare them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from facepriv.charts.matching import det
from facepriv.charts.policy import leak_bars
from facepriv.charts.rates import gender_error_of_runs, survival_of_runs
from facepriv.presentation.audit_tables import audit_comparison_rows
from facepriv.presentation.formats import NOTHING
from facepriv.presentation.help_texts import HELP
from facepriv.presentation.run_list import RunLine
from facepriv.presentation.run_tables import FIGURE, comparison_rows, gender_errors, split_rows
from facepriv.services.audits.run_table import run_table
from facepriv.store import AuditRecord, RunRecord, RunSummary, Store
from facepriv.wording import count
from parts import progress
from parts.figures import show_figure, show_rows

OFFERED = 3
VERDICTS: dict[str, Callable[[RunLine], str]] = {
    "Verdict": lambda line: line.verdict,
    "Strongest attacker": lambda line: line.strongest,
    "Strongest attacker right": lambda line: line.right,
    "Genuine matches lost": lambda line: line.lost,
    "Sign-off": lambda line: line.signed,
    "Name": lambda line: line.notes.name or NOTHING,
    "Tags": lambda line: ", ".join(line.notes.tags) or NOTHING,
}
"""What a comparison says of each run before its settings and figures."""


def show(store: Store, runs: Sequence[RunRecord]) -> None:
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
    lines = {line.number: line for line in run_table(store, numbers=[run.id for run, _ in complete]).lines}
    judged = [
        {FIGURE: title, **{f"Run {run.id}": write(lines[run.id]) for run, _ in complete}}
        for title, write in VERDICTS.items()
    ]
    figures = comparison_rows([(f"Run {run.id}", run.spec, result) for run, result in complete])
    show_differences([*judged, *figures], "runs")
    key, of = "-".join(map(str, titles)), f"runs {', '.join(map(str, titles))}"
    left, right = st.columns(2, gap="large")
    errors = {titles[run.id]: known for run, result in complete if (known := gender_errors(result))}
    if errors:
        with left:
            st.subheader("Gender error", help=HELP["gender_error"])
            alt = "Gender error of every classifier before and in every run, as above"
            show_figure(gender_error_of_runs(errors), f"errors-{key}", alt, of)
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


def show_audits(audits: Sequence[AuditRecord]) -> None:
    """Compare the complete audits among these, and name the others."""
    st.header("Comparison", divider="gray")
    for audit in audits:
        if audit.result is None:
            st.info(f"Audit {audit.id} is {audit.state} and has no result to compare.", icon=":material/info:")
    complete = [(audit, audit.result) for audit in audits if audit.result is not None]
    if not complete:
        return
    if len({audit.spec.dataset.content_sha256 for audit, _ in complete}) > 1:
        st.warning(
            "These audits are of different data sets, so the data may cause differences between them.",
            icon=":material/warning:",
        )
    figures = audit_comparison_rows([(f"Audit {audit.id}", audit.spec, result) for audit, result in complete])
    show_differences(figures, "audits")
    for audit, result in complete:
        st.subheader(f"Audit {audit.id}, {progress.audited(audit)}", divider="gray")
        alt = f"Accuracy of every attacker of audit {audit.id} with its 95 % interval"
        show_figure(leak_bars(result.conditions), f"leak-{audit.id}", alt, f"audit {audit.id}")


def show_differences(rows: Sequence[dict[str, str]], what: str) -> None:
    """Show the rows of a comparison that differ, and the others folded."""
    differ, same = split_rows(rows)
    if differ:
        st.subheader("What differs")
        show_rows(differ)
    else:
        st.caption(f"Settings and results of these {what} are the same.")
    if same:
        with st.expander(f"The same in all {what}: {count(len(same), 'line')}", icon=":material/drag_handle:"):
            show_rows(same)


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
