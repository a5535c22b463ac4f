"""Runs chosen to be laid side by side or released together."""

from __future__ import annotations

from collections.abc import Sequence

from facepriv.errors import BadInputError
from facepriv.store import Store
from facepriv.store.records import RunRecord


def runs_on_same_images(store: Store, run_ids: Sequence[int]) -> list[RunRecord]:
    """Return complete runs on the same images of one data set.

    Raises
    ------
    UnknownNameError
        If one does not exist.
    BadInputError
        With code ``runs-differ`` if one is not complete, or on other images.
    """
    runs = [store.runs.get(run_id) for run_id in run_ids]
    for run in runs:
        if run.result is None or run.spec.image_ids != runs[0].spec.image_ids or run.dataset_id != runs[0].dataset_id:
            raise BadInputError(
                f"Complete runs on the same images were expected, but run {run.id} is "
                f"{run.state if run.result is None else 'on other images'}; choose others.",
                code="runs-differ",
            )
    return runs
