"""What attackers learn with: rules for missing measurements, fair weights, and log-odds that can be believed.

A learner turns features of labelled people into posterior log-odds of the label. Every learner also says what it would
have said of each training image had it not known that image's subject: those values calibrate it, and later stages
learn from them. So near-identical images of one person never count as confirmation of each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from facepriv.types import FEMALE, MALE

BOUND = 6.0
"""Most log-odds that an attacker states, nats: with some dozens of people nobody can be surer than 400 to 1."""
_STRENGTH = 4.0
"""Variance of a line's slope before anything is learnt, for a decision of unit size."""

_MOST_STEPS, _LONGEST_STEP = 50, 1.0
_LEAST_KEPT, _LEAST_SLOPE = 0.02, 0.001
"""What is left of a line that chance explains, and the slope of one that would fall."""


@dataclass(frozen=True, eq=False)
class Learnt:
    """Posterior log-odds at equal priors, nats, male positive."""

    held_out: NDArray[np.float64]
    """``(n,)`` of the training images, each without its subject."""
    posterior: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    """Takes features ``(m, d)`` of other images, gives ``(m,)``."""


class Learner(Protocol):
    """Learns from ``x (n, d)`` finite, ``labels (n,)`` of both kinds and ``subjects (n,)`` numbered from 0."""

    def __call__(
        self,
        x: NDArray[np.float64],
        labels: NDArray[np.int64],
        subjects: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> Learnt:
        """Learn."""


def learn(
    learner: Learner, x: NDArray[np.float64], labels: NDArray[np.int64], subjects: NDArray[np.str_], *, seed: int
) -> Learnt:
    """Learn from the rows that are measured.

    Rows ``(n, d)`` with a NaN are left out, and answered with NaN. Where only one label is left, or nothing varies,
    nothing can be learnt, and the log-odds are 0.
    """
    x = _columns(x)
    usable = np.isfinite(x).all(axis=1)
    held_out = np.where(usable, 0.0, np.nan)
    if len(np.unique(labels[usable])) < 2 or (x[usable] == x[usable][:1]).all():
        return Learnt(held_out, lambda theirs: np.where(np.isfinite(_columns(theirs)).all(axis=1), 0.0, np.nan))
    numbers = np.unique(subjects[usable], return_inverse=True)[1].astype(np.int64)
    inner = learner(x[usable], labels[usable], numbers, np.random.default_rng(seed))
    held_out[usable] = _bounded(inner.held_out)

    def posterior(theirs: NDArray[np.float64]) -> NDArray[np.float64]:
        theirs = _columns(theirs)
        seen = np.isfinite(theirs).all(axis=1)
        answer = np.full(len(theirs), np.nan)
        if seen.any():
            answer[seen] = _bounded(inner.posterior(theirs[seen]))
        return answer

    return Learnt(held_out, posterior)


def calibrated(
    held_out: NDArray[np.float64],
    decide: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    labels: NDArray[np.int64],
    subjects: NDArray[np.int64],
) -> Learnt:
    """Turn decision values, of which more means male, into log-odds.

    A logistic line through the held-out values (Platt, Probabilities for support vector machines, 1999) that may not
    fall: a learner that does worse than chance on people left out has learnt nothing.
    """
    line = fit_line(held_out, labels, subjects, rising=True)
    return Learnt(line(held_out), lambda theirs: line(decide(theirs)))


def added(
    x: NDArray[np.float64], labels: NDArray[np.int64], subjects: NDArray[np.int64], rng: np.random.Generator
) -> Learnt:
    """Add up held-out log-odds ``x (n, k)`` of several learners, and learn what the sums are worth.

    Learners that went by the same evidence make a sum that claims too much; the line through it takes that back. No
    learner gets a weight of its own: what is held out of a learner that found nothing leans a little against the label,
    for want of that very label, and a weight below zero would make a find of it.
    """
    return calibrated(x.sum(axis=1), lambda theirs: np.asarray(theirs.sum(axis=1)), labels, subjects)


@dataclass(frozen=True)
class Line:
    """Log-odds that rise or fall evenly with one number."""

    slope: float
    intercept: float

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log-odds ``(n,)`` of ``x (n,)``."""
        return self.slope * x + self.intercept


def fit_line(
    x: NDArray[np.float64], labels: NDArray[np.int64], subjects: NDArray[np.int64], *, rising: bool = False
) -> Line:
    """Fit a logistic line to ``x (n,)``, both labels weighing the same, and believe it as far as people bear it out.

    A line through chance alone gains about one nat over guessing, all people together, so of a line that gains ``G``
    the share ``1 - 1 / G`` is kept (after James and Stein's estimator, 1961). Some slope is always kept: an attacker
    who has found next to nothing says so, but still guesses, so that his accuracy has an interval to speak of.

    Parameters
    ----------
    rising
        Whether the line may not fall; one that would is laid nearly flat.
    """
    weights = fair_weights(labels, subjects)
    centre = np.average(x, weights=weights)
    size = np.sqrt(np.average((x - centre) ** 2, weights=weights))
    if not size > 1e-12:
        return Line(0.0, 0.0)
    unit = (x - centre) / size
    slope, intercept = _logistic(unit, labels, weights)
    gain = weights.sum() * (np.log(2) - float(cross_entropy(slope * unit + intercept, labels, weights)))
    kept = max(1 - 1 / max(gain, 1.0), _LEAST_KEPT)
    slope, intercept = kept * slope, kept * intercept
    if rising and slope <= _LEAST_SLOPE:
        slope, intercept = _LEAST_SLOPE, 0.0
    return Line(slope / size, intercept - slope / size * centre)


def _logistic(
    unit: NDArray[np.float64], labels: NDArray[np.int64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Return slope and intercept of the penalised logistic regression on one standardised feature ``(n,)``.

    Newton's steps, written out: an audit fits tens of thousands of these lines, and scikit-learn's checks of its input
    take ten times as long as the fit.
    """
    design = np.stack([unit, np.ones_like(unit)])
    penalty = np.array([1 / _STRENGTH, 1e-9])
    line = np.zeros(2)
    for _ in range(_MOST_STEPS):
        male = expit(line @ design)
        slope = design @ (weights * (male - (labels == MALE))) + penalty * line
        bend = (design * (weights * male * (1 - male))) @ design.T + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        # Far out a full step may overshoot; one of this length cannot.
        step *= min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-300))
        line = line - step
        if np.abs(step).max() < 1e-9:
            break
    return float(line[0]), float(line[1])


def fair_weights(labels: NDArray[np.int64], subjects: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weigh images ``(n,)`` so that both labels weigh the same and all together weigh as much as there are subjects.

    Several images of one person hardly say more than one, so it is people that count as evidence.
    """
    weights = np.empty(len(labels))
    for label in (MALE, FEMALE):
        mine = labels == label
        weights[mine] = 0.5 * len(np.unique(subjects)) / max(mine.sum(), 1)
    return weights


def cross_entropy(
    log_odds: NDArray[np.float64], labels: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean surprise of the labels ``(n,)`` in nats, of each row of ``log_odds (..., n)``."""
    surprise = np.logaddexp(0.0, -log_odds * labels)
    return np.asarray(surprise @ weights / weights.sum())


def by_size(subjects: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the images of each subject, subjects of equally many images together: arrays ``(subjects, images)``."""
    order = np.argsort(subjects, kind="stable")
    _, starts, sizes = np.unique(subjects[order], return_index=True, return_counts=True)
    return [order[starts[sizes == size][:, None] + np.arange(size)] for size in np.unique(sizes)]


def some_subjects(subjects: NDArray[np.int64], most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose images of whole subjects at random until there are ``most``; all of them if there are no more.

    The first subject drawn is taken whatever its number of images. Returns indices in rising order.
    """
    if len(subjects) <= most:
        return np.arange(len(subjects))
    sizes = np.bincount(subjects)
    order = rng.permutation(len(sizes))
    taken = order[: max(1, int(np.searchsorted(np.cumsum(sizes[order]), most, side="right")))]
    return np.flatnonzero(np.isin(subjects, taken))


def _bounded(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(log_odds, -BOUND, BOUND)


def _columns(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x[:, None] if x.ndim == 1 else x
