"""Learners that compare a template with templates of known people."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.learning import Learner, Learnt, calibrated, some_subjects
from facepriv.types import FEMALE, MALE

_MOST_KNOWN, _AT_ONCE = 4000, 1000
"""Templates compared with, and templates compared in one go: a bound on memory."""

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From similarities ``(m, k)`` to known templates of one label, NaN where the subject is the same, to ``(m,)``."""


def mean_similarity(
    x: NDArray[np.float64], labels: NDArray[np.int64], subjects: NDArray[np.int64], rng: np.random.Generator
) -> Learnt:
    """Compare unit rows ``x (n, d)`` with all templates of known men and of known women; the nearer on average wins.

    The attack of Osorio-Roig et al. (An attack on facial soft-biometric privacy enhancement, IEEE TBIOM 2022), with
    the difference of the means calibrated.
    """
    return _compared(_mean, x, labels, subjects, rng)


def nearest(count: int) -> Learner:
    """Return a learner that compares unit rows with the ``count`` most similar known men and as many women."""
    return partial(_compared, partial(_mean_of_most, count))


def _compared(
    statistic: Statistic,
    x: NDArray[np.float64],
    labels: NDArray[np.int64],
    subjects: NDArray[np.int64],
    rng: np.random.Generator,
) -> Learnt:
    kept = some_subjects(subjects, _MOST_KNOWN, rng)
    known, owners, gender = x[kept], subjects[kept], labels[kept]

    def decide(theirs: NDArray[np.float64], own: NDArray[np.int64]) -> NDArray[np.float64]:
        parts = []
        for start in range(0, len(theirs), _AT_ONCE):
            similar = theirs[start : start + _AT_ONCE] @ known.T
            similar[own[start : start + _AT_ONCE, None] == owners] = np.nan
            men, women = (statistic(similar[:, gender == label]) for label in (MALE, FEMALE))
            parts.append(men - women)
        # Nobody else of one label is known: no difference can be told.
        return np.nan_to_num(np.concatenate(parts))

    nobody = -1
    return calibrated(
        decide(x, subjects), lambda theirs: decide(theirs, np.full(len(theirs), nobody)), labels, subjects
    )


def _mean(similar: NDArray[np.float64]) -> NDArray[np.float64]:
    counted = np.isfinite(similar)
    number = counted.sum(axis=1)
    return np.asarray(np.where(number > 0, np.where(counted, similar, 0.0).sum(axis=1) / np.maximum(number, 1), np.nan))


def _mean_of_most(count: int, similar: NDArray[np.float64]) -> NDArray[np.float64]:
    count = min(count, similar.shape[1])
    if count == 0:
        return np.full(len(similar), np.nan)
    most = np.partition(np.nan_to_num(similar, nan=-np.inf), -count, axis=1)[:, -count:]
    return _mean(np.where(np.isfinite(most), most, np.nan))
