"""A matcher's accuracy under a data set's own comparison protocol, as a table and in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from facepriv.audit.matching.comparison_protocol import ProtocolFold, ProtocolResult
from facepriv.presentation.run_tables import Row
from facepriv.wording import count, match_rate

Phase = Literal["before", "after", "across"]
"""Both images untouched; both as a run left them; the first untouched and the second as a run left it."""
TITLES: dict[Phase, str] = {"before": "before", "after": "after", "across": "before with after"}


def protocol_rows(results: Mapping[Phase, ProtocolResult]) -> list[Row]:
    """Return a row for each fold and one for all, phase after phase."""
    rows: list[Row] = []
    for phase, result in results.items():
        error = "" if result.accuracy_error is None else f" ± {100 * result.accuracy_error:.2f}"
        for fold in result.folds:
            failed = fold.failed_mated + fold.failed_non_mated
            place = {"Fold": str(fold.fold), "Threshold": f"{fold.threshold:.4f}"}
            rows.append(_row(phase, place, fold.mated + fold.non_mated, failed, fold))
        whole = _row(phase, {"Fold": "all", "Threshold": ""}, result.pairs - result.failed, result.failed, result)
        rows.append({**whole, "Accuracy": whole["Accuracy"] + error})
    return rows


def _row(phase: Phase, place: Row, pairs: int, failed: int, rates: ProtocolFold | ProtocolResult) -> Row:
    return {
        "Compared": TITLES[phase],
        **place,
        "Pairs": f"{pairs:,}",
        "Failures to acquire": f"{failed:,}",
        "Accuracy": match_rate(rates.accuracy),
        "FMR": match_rate(rates.fmr),
        "FNMR": match_rate(rates.fnmr),
    }


def protocol_sentences(results: Mapping[Phase, ProtocolResult], run_id: int | None, not_in_run: int) -> list[str]:
    """Return how to read the figures, and what they leave out."""
    sentences = [
        "Each fold's threshold is the one with the most correct decisions on the other folds. The accuracy is the mean "
        "over the folds ± its standard error."
    ]
    if not_in_run:
        sentences.append(
            f"{count(not_in_run, 'pair')} of the protocol left out: run {run_id} does not include both images."
        )
    for phase, result in results.items():
        if result.failed:
            sentences.append(
                f"{TITLES[phase].capitalize()}: {count(result.failed, 'pair')} could not be compared because no face "
                f"was found, and the rates leave them out. Counting each as a wrong decision, the accuracy is "
                f"{match_rate(result.accuracy_with_failures)} ± {100 * result.accuracy_with_failures_error:.2f}."
            )
    return sentences
