"""Several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from facepriv.charts.gender import gender_error_bars
from facepriv.charts.matching import det
from facepriv.results import RunResult
from facepriv.services.tables import number, percent
from facepriv.store import RunRecord
from parts.figures import show_figure, show_rows
from parts.formats import NOTHING, duration
from parts.words import HELP


def show(runs: Sequence[RunRecord]) -> None:
    """Compare the complete runs among these; the others are named."""
    st.header("Comparison", divider="gray")
    complete = [run for run in runs if run.result is not None]
    for run in runs:
        if run.result is None:
            st.info(f"Run {run.id} is {run.state} and has no result to compare.", icon=":material/info:")
    if not complete:
        return
    if len({run.spec.dataset.content_sha256 for run in complete}) > 1:
        st.warning(
            "These runs are of different data sets, so a difference between them may be the data's.",
            icon=":material/warning:",
        )
    show_rows(rows(complete))
    st.subheader("Gender error", help=HELP["gender_error"])
    errors = {f"run {run.id} · {name}": error for run in complete for name, error in _result(run).gender_error.items()}
    key = "-".join(str(run.id) for run in complete)
    show_figure(gender_error_bars(errors), f"errors-{key}", "Gender error of every run and classifier, as above")
    for matcher in sorted({name for run in complete for name in _result(run).matching}):
        st.subheader(
            f"DET of {matcher}", help="Both error rates on logarithmic scales; lower and further left is better."
        )
        having = [run for run in complete if matcher in _result(run).matching]
        for start in range(0, len(having), 2):
            for column, run in zip(st.columns(2), having[start : start + 2], strict=False):
                with column:
                    st.markdown(f"**Run {run.id}**")
                    figure = det(_result(run).matching[matcher], matcher)
                    show_figure(figure, f"det-{key}-{run.id}-{matcher}", f"DET curves of {matcher} in run {run.id}")


def rows(runs: Sequence[RunRecord]) -> list[dict[str, str]]:
    """Give one row for each figure and one column for each run."""
    columns = [(f"Run {run.id}", figures(run)) for run in runs]
    names = list(dict.fromkeys(name for _, values in columns for name in values))
    return [{"": name, **{title: values.get(name, NOTHING) for title, values in columns}} for name in names]


def figures(run: RunRecord) -> dict[str, str]:
    """Give the figures of a complete run that are compared, by name."""
    result = _result(run)
    values = {
        "Data set": run.dataset_name,
        "Method": run.method,
        "Guide": run.guide,
        "Seed": str(run.spec.seed),
        **{f"Parameter {name}": str(value) for name, value in run.spec.parameters.items()},
        "Images judged": f"{result.judged:,} of {result.images:,}",
        "Failures": f"{result.failures.total:,}",
        "Flipped": percent(result.flipped.all),
    }
    for name, error in result.gender_error.items():
        values[f"Gender error of {name}"] = f"{percent(error.before.all)} → {percent(error.after.all)}"
    for name, phases in result.matching.items():
        values[f"AUC of {name}, before against after"] = number(phases.cross.auc, 4)
        values[f"EER of {name}, before against after"] = percent(phases.cross.eer, 2)
        values[f"FNMR of {name} at FMR 1 %, before against after"] = percent(phases.cross.fmr100, 2)
        values[f"FNMR of {name} at FMR 0.1 %, before against after"] = percent(phases.cross.fmr1000, 2)
    values["Updates, mean"] = number(result.updates.all.mean)
    values["Evaluations, mean"] = number(result.evaluations.all.mean)
    values["PSNR, mean"] = number(result.psnr_db.mean) + (" dB" if result.psnr_db.mean is not None else "")
    values["SSIM, mean"] = number(result.ssim.mean, 3)
    values["Computation"] = duration(result.seconds)
    return values


def _result(run: RunRecord) -> RunResult:
    if run.result is None:
        raise ValueError(f"run {run.id} has no result")
    return run.result
