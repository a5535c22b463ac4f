"""Choose how much of a release comes from each of several runs, against an attacker who holds any one classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.policy.minimax import MinimaxPolicy, Observation, binned_observation, minimax_policy, sign_observation
from facepriv.schemas.runs import PHASES
from facepriv.services.releases.release import runs_on_same_images
from facepriv.services.runs.scores import compute_scores
from facepriv.store import RunRecord, Store

Sees = Literal["sign", "score"]
SEES: dict[Sees, str] = {"sign": "the sign of its score", "score": "its score"}


def run_title(run: RunRecord) -> str:
    """Name a run in a policy."""
    return f"run {run.id} ({run.method}, {' and '.join(ref.name for ref in run.spec.guides)})"


def guide_mix(store: Store, run_ids: Sequence[int], *, sees: Sees = "score") -> MinimaxPolicy:
    """Find the mix of untouched images and of the runs' images that the worst classifier tells least of.

    Every classifier that judged all runs is one that an attacker may hold. It is a linear programme over the shares
    (`facepriv.policy.minimax`); its figures are of the same images that it was chosen on, so an audit of the release
    is what counts.

    Parameters
    ----------
    run_ids
        Complete runs on the same images, differing in their guides or methods.
    sees
        Whether the attacker sees the sign of the score only, or its size, in bins.

    Raises
    ------
    BadInputError
        If a run is not complete, the runs are on different images, no classifier judged them all, or none has images
        of both labels.
    """
    runs = runs_on_same_images(store, list(dict.fromkeys(run_ids)))
    judges = [name for name in _errors(runs[0]) if all(name in _errors(run) for run in runs)]
    if not judges:
        raise BadInputError(
            "A classifier that judged all runs on men and women was expected, but there is none; judge them with the "
            "same ones.",
            code="no-common-classifier",
        )
    observations = [_by_sign(name, runs) for name in judges] if sees == "sign" else _by_score(store, judges, runs)
    return minimax_policy(observations, [run_title(run) for run in runs], sees=SEES[sees])


def _errors(run: RunRecord) -> dict[str, tuple[tuple[float, float], tuple[float, float]]]:
    """Return men's and women's error before and after, of every classifier that has all four."""
    assert run.result is not None
    each = {name: error.by_gender() for name, error in run.result.gender_error.items()}
    return {name: errors for name, errors in each.items() if errors is not None}


def _by_sign(name: str, runs: Sequence[RunRecord]) -> Observation:
    return sign_observation(name, [_errors(runs[0])[name][0], *(_errors(run)[name][1] for run in runs)])


def _by_score(store: Store, names: Sequence[str], runs: Sequence[RunRecord]) -> list[Observation]:
    images = store.datasets.images(runs[0].dataset_id, ids=runs[0].spec.image_ids)
    labels = np.array([image.label or 0 for image in images])
    tables: dict[str, list[NDArray[np.float64]]] = {name: [] for name in names}
    for number, run in enumerate(runs):
        scores = compute_scores(store, run)
        for name in names:
            before, after = (
                np.array([scores[image.id].get((name, phase), np.nan) for image in images]) for phase in PHASES
            )
            # What a run could not perturb is released as it was.
            tables[name] += ([before] if number == 0 else []) + [np.where(np.isnan(after), before, after)]
    return [binned_observation(name, tables[name], labels) for name in names]
