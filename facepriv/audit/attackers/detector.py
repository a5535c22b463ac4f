"""The attacker who tells perturbed images from untouched ones, and reads the score of each accordingly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.ensemble import all_scores
from facepriv.audit.attackers.learning import BOUND, Learnt, added, learn
from facepriv.audit.attackers.one_score import curve
from facepriv.audit.attackers.probes import kernel, linear, ridge
from facepriv.audit.attackers.score_features import ranked, with_features
from facepriv.audit.evidence import Features

_TOGETHER = "all classifiers"


class Detector(Attacker):
    """Weighs what the score means in either case by how likely the image is perturbed.

    ``P(male | s, r) = P(perturbed | s, r) P(male | s, perturbed) + P(untouched | s, r) P(male | s, untouched)`` with
    the score ``s`` and the residuals ``r``, taken to say no more of gender than the score once it is known whether the
    image was perturbed. Where the score of perturbed images is inverted, so is his reading of it.
    """

    name = "detector"
    title = "Detector of perturbed images"
    assumption = (
        "Has labelled images of other people both untouched and processed with the same method, has learnt from "
        "residuals and scores to tell the one from the other, knows the proportion, and inverts the classifier where "
        "he thinks an image perturbed."
    )

    def variants(self, seen: Features) -> list[str]:
        """Name the classifier that is inverted."""
        return [*seen.scores, *([_TOGETHER] if len(seen.scores) > 1 else [])]

    def log_odds(self, variant: str, known: Knowledge, seen: Features, *, seed: int) -> NDArray[np.float64]:
        """Guess labels from one or all classifiers' scores, read as the detector bids."""
        names = list(seen.scores) if variant == _TOGETHER else [variant]
        if known.perturbed.all() or not known.perturbed.any() or not 0 < known.p < 1:
            # All images are alike, so there is nothing to detect, and what the score means can be learnt directly.
            read = [_read_alike(name, known, seen, seed) for name in names]
        else:
            both = _both(known)
            perturbed = _detect(known, both, seen, seed)
            read = [_read(name, known, both, seen, perturbed, seed) for name in names]
        x, y = (np.column_stack(values) for values in zip(*read, strict=True))
        return learn(added, x, known.labels, known.released.subjects, seed=seed).posterior(y)


Read = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Of his own images, each without its subject, and of those to attack."""


@dataclass(frozen=True, eq=False)
class _Both:
    """His own images in both states."""

    processed: Features
    """``(k,)`` those that he has perturbed versions of."""
    rows: NDArray[np.int64]
    """``(k,)`` which of his images these are."""
    now: NDArray[np.bool_]
    """``(k,)`` whether the policy released that version."""


def _both(known: Knowledge) -> _Both:
    processed = known.released if known.processed is None else known.processed
    # An image that could not be perturbed looks untouched, because it is.
    changed = (_marks(processed) != _marks(known.untouched)).any(axis=1)
    rows = np.flatnonzero(changed & np.isfinite(_marks(processed)).all(axis=1))
    return _Both(processed.rows(rows), rows, known.perturbed[rows])


def _detect(known: Knowledge, both: _Both, seen: Features, seed: int) -> Read:
    """Return the probability of being perturbed."""
    images = len(known.labels)
    x = np.concatenate([_marks(known.untouched), _marks(both.processed)])
    state = np.repeat([-1, 1], [images, len(both.rows)])
    subjects = np.concatenate([known.untouched.subjects, both.processed.subjects])
    learnt = learn(with_features(ranked, ridge(linear, kernel)), x, state, subjects, seed=seed)
    mine = _as_released(learnt.held_out[:images], learnt.held_out[images:], both)
    prior = float(logit(known.p))
    return expit(mine + prior), expit(learnt.posterior(_marks(seen)) + prior)


def _read(name: str, known: Knowledge, both: _Both, seen: Features, perturbed: Read, seed: int) -> Read:
    """Return log-odds of gender from one classifier's score and the probability of being perturbed."""
    before = learn(curve, known.untouched.scores[name], known.labels, known.untouched.subjects, seed=seed)
    processed = both.processed
    after = learn(curve, processed.scores[name], known.labels[both.rows], processed.subjects, seed=seed)
    # Each of his own images is in one of the two states, and the reading of that one has not seen its subject.
    scores = known.released.scores[name]
    released = np.zeros(len(scores), dtype=np.bool_)
    released[both.rows] = both.now
    if_untouched = np.where(released, before.posterior(scores), before.held_out)
    if_perturbed = _as_released(after.posterior(scores), after.held_out, both)
    other = seen.scores[name]
    return (
        _mixed(if_untouched, if_perturbed, perturbed[0]),
        _mixed(before.posterior(other), after.posterior(other), perturbed[1]),
    )


def _as_released(untouched: NDArray[np.float64], perturbed: NDArray[np.float64], both: _Both) -> NDArray[np.float64]:
    """Take the values ``(k,)`` of the perturbed versions that were released, and ``(n,)`` elsewhere."""
    values = untouched.copy()
    values[both.rows[both.now]] = perturbed[both.now]
    return values


def _mixed(
    if_untouched: NDArray[np.float64], if_perturbed: NDArray[np.float64], perturbed: NDArray[np.float64]
) -> NDArray[np.float64]:
    share = (1 - perturbed) * expit(if_untouched) + perturbed * expit(if_perturbed)
    return np.asarray(np.clip(logit(share), -BOUND, BOUND))


def _read_alike(name: str, known: Knowledge, seen: Features, seed: int) -> Read:
    learnt: Learnt = learn(curve, known.released.scores[name], known.labels, known.released.subjects, seed=seed)
    return learnt.held_out, learnt.posterior(seen.scores[name])


def _marks(seen: Features) -> NDArray[np.float64]:
    """Return what may betray a perturbation: residuals, scores and their sizes."""
    scores = all_scores(seen)
    return np.column_stack([seen.residuals, scores, np.abs(scores)])
