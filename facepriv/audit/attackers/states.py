"""The reading of evidence by four classes: men and women, perturbed or not.

Where perturbing inverts what a feature tells, no single line through all released images reads it. People who have
processed images of their own know of each whether it is perturbed, so they learn the four classes, and sum up what
these say of gender at the policy's proportion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import log_softmax, logsumexp

from facepriv.audit.attackers.base import Knowledge
from facepriv.audit.attackers.learning import (
    BOUND,
    FittedPosterior,
    balanced_weights,
    calibrate,
    cross_entropy,
    sample_subjects,
)
from facepriv.audit.attackers.memory import Content, Memory
from facepriv.audit.attackers.probes import MapMaker, fit_ridge
from facepriv.audit.evidence import Features
from facepriv.types import MALE, Flags, Floats64, Integers

_MOST_ROWS = 1500
"""Images, of both states together, that the classes are learnt from at most; whole people are drawn of more."""
_LEAST_MEMBERS = 3
"""Images of each class without which the states are not told apart."""
_SHARPNESS = (0.1, 1.0, 2.0, 4.0, 6.0, 9.0, 13.0)
"""Factors of decisions, of which the one is taken that predicts held-out people best."""

Table = Callable[[Features], Floats64]
"""Makes the table ``(n, d)`` of the evidence to read."""


@dataclass(frozen=True, eq=False)
class _Classes:
    """Log-likelihood ratios of the four classes, or of two of them."""

    held_out: Floats64
    """``(n, c)`` of the images learnt from, each held out with its subject."""
    read: Callable[[Floats64], Floats64]


_MEMORY: Memory[_Classes] = Memory(160_000_000)


def learn_states(
    table: Table, maps: tuple[MapMaker, ...], blocks: tuple[int, ...], knowledge: Knowledge, *, seed: int
) -> FittedPosterior:
    """Fit log-odds of gender to evidence that is read by state and gender.

    Rows with a NaN are left out and get NaN. Where only one label is left, or nothing varies, the log-odds are 0.

    Parameters
    ----------
    table : the evidence; the fit's posterior takes what this makes of the images to attack.
    maps, blocks : as of `facepriv.audit.attackers.probes.ridge`; the map that predicts held-out people best is taken.
    """
    released = table(knowledge.released)
    usable = np.isfinite(released).all(axis=1)
    labels = knowledge.labels
    if len(np.unique(labels[usable])) < 2 or (released[usable] == released[usable][:1]).all():
        return FittedPosterior(
            np.where(usable, 0.0, np.nan), lambda theirs: np.where(np.isfinite(theirs).all(axis=1), 0.0, np.nan)
        )
    subjects = np.unique(knowledge.untouched.subjects, return_inverse=True)[1].astype(np.int64)
    stacked = _both_states(table, knowledge)
    if stacked is None:
        rows, x, states = np.flatnonzero(usable), released[usable], np.zeros(int(usable.sum()), dtype=np.int64)
        prior = np.zeros(2)
    else:
        rows, x, states = stacked
        prior = np.log(np.array([1 - knowledge.p, 1 - knowledge.p, knowledge.p, knowledge.p]))
    if stacked is None:
        of_state = np.ones(len(rows), dtype=np.bool_)
    else:
        of_state = states == changed_in_release(table, knowledge)[rows]
    numbers = np.unique(subjects[usable], return_inverse=True)[1].astype(np.int64)
    weights = balanced_weights(labels[usable], numbers)

    def log_odds(likelihood: Floats64) -> Floats64:
        joint = likelihood + prior
        return np.asarray(logsumexp(joint[:, 1::2], axis=1) - logsumexp(joint[:, ::2], axis=1))

    content = Content(x, states, labels[rows], subjects[rows])
    best = np.inf, FittedPosterior(np.zeros(0), np.zeros_like)
    for make_map in maps:
        classes = _MEMORY.find(
            (make_map, blocks, seed),
            content,
            partial(_learn_classes, make_map, blocks, x, 2 * states + (labels[rows] == MALE), subjects[rows], seed),
        )
        as_released = np.zeros((len(labels), classes.held_out.shape[1]))
        as_released[rows[of_state]] = classes.held_out[of_state]
        decide = partial(_decide, classes, log_odds)
        fit = calibrate(log_odds(as_released[usable]), decide, labels[usable], numbers)
        surprise = float(cross_entropy(fit.held_out, labels[usable], weights))
        if surprise < best[0]:
            best = surprise, fit
    fit = best[1]
    held_out = np.full(len(labels), np.nan)
    held_out[usable] = np.clip(fit.held_out, -BOUND, BOUND)

    def posterior(theirs: Floats64) -> Floats64:
        measured = np.isfinite(theirs).all(axis=1)
        guesses = np.full(len(theirs), np.nan)
        if measured.any():
            guesses[measured] = np.clip(fit.posterior(theirs[measured]), -BOUND, BOUND)
        return guesses

    return FittedPosterior(held_out, posterior)


def _decide(classes: _Classes, log_odds: Callable[[Floats64], Floats64], theirs: Floats64) -> Floats64:
    return log_odds(classes.read(theirs))


def changed_in_release(table: Table, knowledge: Knowledge) -> Flags:
    """Return which training images ``(n,)`` were released otherwise than they were, as far as the evidence shows."""
    changed: Flags = knowledge.perturbed & (table(knowledge.released) != table(knowledge.untouched)).any(axis=1)
    return changed


def _both_states(table: Table, knowledge: Knowledge) -> tuple[Integers, Floats64, Integers] | None:
    """Return rows, evidence and states 0 and 1 of the images untouched and perturbed; None where all are alike."""
    if knowledge.processed is None or not 0 < knowledge.p < 1:
        return None
    before, after = table(knowledge.untouched), table(knowledge.processed)
    # An image that could not be perturbed looks untouched, because it is.
    first = np.flatnonzero(np.isfinite(before).all(axis=1))
    second = np.flatnonzero(np.isfinite(after).all(axis=1) & (after != before).any(axis=1))
    counts = [np.bincount(knowledge.labels[rows] == MALE, minlength=2).min() for rows in (first, second)]
    if min(counts) < _LEAST_MEMBERS:
        return None
    return (
        np.concatenate([first, second]),
        np.concatenate([before[first], after[second]]),
        np.repeat([0, 1], [len(first), len(second)]),
    )


def _learn_classes(
    make_map: MapMaker,
    blocks: tuple[int, ...],
    x: Floats64,
    classes: Integers,
    subjects: Integers,
    seed: int,
) -> _Classes:
    rng = np.random.default_rng(seed)
    count = int(classes.max()) + 1
    numbers = np.unique(subjects, return_inverse=True)[1].astype(np.int64)
    sample = sample_subjects(numbers, _MOST_ROWS, rng)
    own = np.unique(numbers[sample], return_inverse=True)[1].astype(np.int64)
    targets = np.eye(count)[classes]
    members = np.bincount(classes[sample], minlength=count)
    # All classes weigh the same, and all images together as much as there are people.
    weights = (len(np.unique(own)) / (count * np.maximum(members, 1)))[classes[sample]]
    sampled, decide = fit_ridge((make_map,), blocks, x[sample], targets[sample], weights, own, rng)
    held_out = np.empty((len(x), count))
    others = np.setdiff1d(np.arange(len(x)), sample)
    held_out[sample] = sampled
    if len(others):
        held_out[others] = decide(x[others])
    # Held-out decisions of who has found nothing lean against the class, since that very image was held out. So they
    # get one sharpness that cannot be negative, and no weights of their own that would turn the lean into a leak.
    member, each = (np.arange(len(x)), classes), 1 / np.bincount(classes)[classes]
    costs = [float(-each @ log_softmax(sharpness * held_out, axis=1)[member]) for sharpness in _SHARPNESS]
    sharpness = _SHARPNESS[int(np.argmin(costs))]
    return _Classes(
        log_softmax(sharpness * held_out, axis=1), lambda theirs: log_softmax(sharpness * decide(theirs), axis=1)
    )
