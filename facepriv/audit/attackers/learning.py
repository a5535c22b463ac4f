"""Learning of attackers: fits that skip missing measurements, balanced weights, calibrated log-odds.

A learner turns features of labelled people into posterior log-odds of the label. Every fit also holds the log-odds of
each training image without its subject: these values calibrate the fit, and later stages learn from them. So
near-identical images of one person never confirm each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from facepriv.types import FEMALE, MALE, Floats64, Integers

BOUND = 6.0
"""Greatest log-odds of an attacker, nats: with some dozens of people nobody can be surer than 400 to 1."""
_STRENGTH = 4.0
"""Prior variance of a line's slope, for decision values of unit size."""

_MOST_STEPS, _LONGEST_STEP = 50, 1.0
_LEAST_SHRINKAGE, _LEAST_SLOPE = 0.02, 0.001
"""Factor that remains of a line which chance explains, and the slope of a line that would fall."""


@dataclass(frozen=True, eq=False)
class FittedPosterior:
    """A fit: posterior log-odds at equal priors, nats, male positive."""

    held_out: Floats64
    """``(n,)`` of the training images, each held out with its subject."""
    posterior: Callable[[Floats64], Floats64]
    """From features ``(m, d)`` of other images to log-odds ``(m,)``."""


Learner = Callable[[Floats64, Integers, Integers, np.random.Generator], FittedPosterior]
"""Learns from ``x (n, d)`` finite, ``labels (n,)`` of both kinds and ``subjects (n,)`` numbered from 0."""


def learn(learner: Learner, x: Floats64, labels: Integers, subjects: NDArray[np.str_], *, seed: int) -> FittedPosterior:
    """Fit a learner to the rows without NaN.

    Rows ``(n, d)`` with a NaN are left out and get NaN. Where only one label is left, or nothing varies, the log-odds
    are 0.
    """
    x = _columns(x)
    usable = np.isfinite(x).all(axis=1)
    held_out = np.where(usable, 0.0, np.nan)
    if len(np.unique(labels[usable])) < 2 or (x[usable] == x[usable][:1]).all():
        return FittedPosterior(
            held_out, lambda theirs: np.where(np.isfinite(_columns(theirs)).all(axis=1), 0.0, np.nan)
        )
    numbers = np.unique(subjects[usable], return_inverse=True)[1].astype(np.int64)
    fit = learner(x[usable], labels[usable], numbers, np.random.default_rng(seed))
    held_out[usable] = _bounded(fit.held_out)

    def posterior(theirs: Floats64) -> Floats64:
        theirs = _columns(theirs)
        measured = np.isfinite(theirs).all(axis=1)
        log_odds = np.full(len(theirs), np.nan)
        if measured.any():
            log_odds[measured] = _bounded(fit.posterior(theirs[measured]))
        return log_odds

    return FittedPosterior(held_out, posterior)


def calibrate(
    held_out: Floats64, decide: Callable[[Floats64], Floats64], labels: Integers, subjects: Integers
) -> FittedPosterior:
    """Turn decision values, male positive, into log-odds.

    A logistic line is fitted to the held-out values (Platt, Probabilities for support vector machines, 1999). It may
    not fall: a learner that does worse than chance on held-out people has learnt nothing.
    """
    line = fit_line(held_out, labels, subjects, rising=True)
    return FittedPosterior(line(held_out), lambda theirs: line(decide(theirs)))


def learn_sum(x: Floats64, labels: Integers, subjects: Integers, rng: np.random.Generator) -> FittedPosterior:
    """Fit a line to the sums of held-out log-odds ``x (n, k)`` of several learners.

    The sum of learners that use the same evidence is too sure; the line corrects that. No learner gets a weight of its
    own: the held-out values of a learner that found nothing lean a little against the label, since that very label was
    held out, and a negative weight would turn that into a leak.
    """
    return calibrate(x.sum(axis=1), lambda theirs: np.asarray(theirs.sum(axis=1)), labels, subjects)


def fit_line(
    x: Floats64, labels: Integers, subjects: Integers, *, rising: bool = False
) -> Callable[[Floats64], Floats64]:
    """Fit log-odds that are linear in one number ``x (n,)``, both labels weighing the same, and shrink them.

    A line through chance alone gains about one nat over guessing, all people together, so a line that gains ``G`` is
    multiplied by ``1 - 1 / G`` (after James and Stein's estimator, 1961). Some slope always remains: an attacker who
    has found next to nothing still guesses, so that the accuracy has an interval.

    Parameters
    ----------
    rising : whether the line may not fall; one that would is made nearly flat.
    """
    weights = balanced_weights(labels, subjects)
    centre = np.average(x, weights=weights)
    spread = np.sqrt(np.average((x - centre) ** 2, weights=weights))
    if not spread > 1e-12:
        return np.zeros_like
    unit = (x - centre) / spread
    slope, intercept = _logistic(unit, labels, weights)
    gain = weights.sum() * (np.log(2) - float(cross_entropy(slope * unit + intercept, labels, weights)))
    shrinkage = max(1 - 1 / max(gain, 1.0), _LEAST_SHRINKAGE)
    slope, intercept = shrinkage * slope, shrinkage * intercept
    if rising and slope <= _LEAST_SLOPE:
        slope, intercept = _LEAST_SLOPE, 0.0
    slope, intercept = slope / spread, intercept - slope / spread * centre
    return lambda theirs: slope * theirs + intercept


def _logistic(unit: Floats64, labels: Integers, weights: Floats64) -> tuple[float, float]:
    """Return slope and intercept of the penalised logistic regression on one standardised feature ``(n,)``.

    Newton's method by hand: an audit fits tens of thousands of these lines, and scikit-learn's checks of its input take
    ten times as long as the fit.
    """
    design = np.stack([unit, np.ones_like(unit)])
    penalty = np.array([1 / _STRENGTH, 1e-9])
    line = np.zeros(2)
    for _ in range(_MOST_STEPS):
        male = expit(line @ design)
        gradient = design @ (weights * (male - (labels == MALE))) + penalty * line
        hessian = (design * (weights * male * (1 - male))) @ design.T + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        # Far out a full step may overshoot; one of this length cannot.
        step *= min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-300))
        line = line - step
        if np.abs(step).max() < 1e-9:
            break
    return float(line[0]), float(line[1])


def balanced_weights(labels: Integers, subjects: Integers) -> Floats64:
    """Return weights of images ``(n,)``: both labels weigh the same, all together as much as there are subjects.

    Several images of one person hardly tell more than one, so people count as evidence, not images.
    """
    weights = np.empty(len(labels))
    for label in (MALE, FEMALE):
        members = labels == label
        weights[members] = 0.5 * len(np.unique(subjects)) / max(members.sum(), 1)
    return weights


def cross_entropy(log_odds: Floats64, labels: Integers, weights: Floats64) -> Floats64:
    """Return the mean surprise of the labels ``(n,)`` in nats, of each row of ``log_odds (..., n)``."""
    surprise = np.logaddexp(0.0, -log_odds * labels)
    return np.asarray(surprise @ weights / weights.sum())


def rows_by_subject(subjects: Integers) -> list[Integers]:
    """Return the rows of each subject, one array ``(subjects, images)`` for each number of images."""
    order = np.argsort(subjects, kind="stable")
    _, starts, sizes = np.unique(subjects[order], return_index=True, return_counts=True)
    return [order[starts[sizes == size][:, None] + np.arange(size)] for size in np.unique(sizes)]


def sample_subjects(subjects: Integers, most: int, rng: np.random.Generator) -> Integers:
    """Draw whole subjects at random with at most ``most`` images in all; return their rows in rising order.

    The first subject drawn is taken whatever its number of images.
    """
    if len(subjects) <= most:
        return np.arange(len(subjects))
    sizes = np.bincount(subjects)
    order = rng.permutation(len(sizes))
    drawn = order[: max(1, int(np.searchsorted(np.cumsum(sizes[order]), most, side="right")))]
    return np.flatnonzero(np.isin(subjects, drawn))


def _bounded(log_odds: Floats64) -> Floats64:
    return np.clip(log_odds, -BOUND, BOUND)


def _columns(x: Floats64) -> Floats64:
    return x[:, None] if x.ndim == 1 else x
