"""Learners that compare a template with a gallery of labelled templates."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from facepriv.audit.attackers.learning import FittedPosterior, Learner, calibrate, sample_subjects
from facepriv.types import FEMALE, MALE, Floats64, Integers

_MOST_GALLERY, _BLOCK = 4000, 1000
"""Most templates in the gallery, and templates compared at a time: a bound on memory."""

Compare = Callable[[Floats64, Floats64], Floats64]
"""From templates ``(m, d)`` and gallery templates ``(g, d)`` to similarities ``(m, g)``."""
Statistic = Callable[[Floats64], Floats64]
"""From similarities ``(m, k)`` to gallery templates of one label, NaN where the subject is the same, to ``(m,)``."""


def inner_products(theirs: Floats64, gallery: Floats64) -> Floats64:
    """Return cosines of unit rows."""
    return np.asarray(theirs @ gallery.T)


def learn_mean_similarity(
    x: Floats64, labels: Integers, subjects: Integers, rng: np.random.Generator
) -> FittedPosterior:
    """Fit log-odds to the mean similarity of unit rows ``x (n, d)`` to all men, less that to all women.

    The attack of Osorio-Roig et al. (An attack on facial soft-biometric privacy enhancement, IEEE TBIOM 2022), with
    the difference of the means calibrated.
    """
    return _compared(inner_products, _mean, x, labels, subjects, rng)


def learn_nearest(count: int | None, compare: Compare = inner_products) -> Learner:
    """Return a learner that compares rows with the ``count`` most similar men and as many women, or with all."""
    return partial(_compared, compare, _mean if count is None else partial(_mean_of_most, count))


def _compared(
    compare: Compare, statistic: Statistic, x: Floats64, labels: Integers, subjects: Integers, rng: np.random.Generator
) -> FittedPosterior:
    rows = sample_subjects(subjects, _MOST_GALLERY, rng)
    gallery, owners, gender = x[rows], subjects[rows], labels[rows]

    def decide(theirs: Floats64, their_subjects: Integers) -> Floats64:
        parts = []
        for start in range(0, len(theirs), _BLOCK):
            similar = compare(theirs[start : start + _BLOCK], gallery)
            similar[their_subjects[start : start + _BLOCK, None] == owners] = np.nan
            men, women = (statistic(similar[:, gender == label]) for label in (MALE, FEMALE))
            parts.append(men - women)
        # Without anybody else of one label there is no difference to measure.
        return np.nan_to_num(np.concatenate(parts))

    nobody = -1
    return calibrate(decide(x, subjects), lambda theirs: decide(theirs, np.full(len(theirs), nobody)), labels, subjects)


def _mean(similar: Floats64) -> Floats64:
    counted = np.isfinite(similar)
    number = counted.sum(axis=1)
    return np.asarray(np.where(number > 0, np.where(counted, similar, 0.0).sum(axis=1) / np.maximum(number, 1), np.nan))


def _mean_of_most(count: int, similar: Floats64) -> Floats64:
    count = min(count, similar.shape[1])
    if count == 0:
        return np.full(len(similar), np.nan)
    most = np.partition(np.nan_to_num(similar, nan=-np.inf), -count, axis=1)[:, -count:]
    return _mean(np.where(np.isfinite(most), most, np.nan))
