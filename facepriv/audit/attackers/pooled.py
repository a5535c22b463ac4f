"""The attacker who pools any evidence over the images of one person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.estimators import best_of, learn_logistic, learn_tree
from facepriv.audit.attackers.learning import FittedPosterior, Learner, learn_sum
from facepriv.audit.attackers.probes import kernel, linear, ridge
from facepriv.audit.attackers.sources import sources
from facepriv.audit.evidence import Features
from facepriv.types import MALE, Floats64

_MEAN, _EXTREMES, _VOTES = "mean", "extremes", "votes"
_WIDEST = 200
"""Features of a source beyond which extremes are not looked at: among so many, they are chance."""
_LEARNERS: dict[str, Learner] = {
    _MEAN: best_of(ridge(linear), ridge(kernel)),
    _EXTREMES: best_of(ridge(linear), ridge(kernel), learn_logistic, learn_tree),
    _VOTES: learn_sum,
}


class Pooled(Attacker):
    """Takes means, extremes and votes over a person's images, and learns what these mean on the training people.

    A mean is steadier than one image; an extreme shows the one image in which a policy left what it hid in the others;
    votes count what single images say.
    """

    name = "pooled"
    title = "Any evidence, pooled over a person"
    assumption = (
        "Knows which released images show one person, has their scores, filtered scores, residuals, templates, "
        "appearance and texture, and has learnt what means, extremes and votes over a person's images mean from "
        "labelled images of other people released by the same policy."
    )

    def variants(self, features: Features) -> list[str]:
        """Return every pair of a source and a way to pool it; none where everybody has one image."""
        if not len(features) or np.unique(features.subjects, return_counts=True)[1].max() < 2:
            return []
        return [
            f"{source}: {way}"
            for source, table in sources(features).items()
            for way in (_MEAN, *[_EXTREMES] * (table.shape[1] <= _WIDEST), _VOTES)
        ]

    def log_odds(self, variant: str, knowledge: Knowledge, features: Features, *, seed: int) -> Floats64:
        """Return guesses from all images of each person."""
        source, _, way = variant.rpartition(": ")
        mine, theirs = sources(knowledge.released)[source], sources(features)[source]
        learner = _LEARNERS[way]
        if way == _VOTES:
            single = knowledge.learn(_single(mine), mine, seed=seed)
            mine, theirs = _votes(single.held_out), _votes(single.posterior(theirs))
        fit = _learn_people(learner, _pooled(way, mine, knowledge.released.subjects), knowledge, seed)
        return fit.posterior(_pooled(way, theirs, features.subjects))

    def held_out(self, variant: str, knowledge: Knowledge, *, seed: int) -> Floats64 | None:
        """Return guesses of the training images from fits without their subject."""
        source, _, way = variant.rpartition(": ")
        x = sources(knowledge.released)[source]
        if way == _VOTES:
            x = _votes(knowledge.learn(_single(x), x, seed=seed).held_out)
        return _learn_people(_LEARNERS[way], _pooled(way, x, knowledge.released.subjects), knowledge, seed).held_out


def _single(x: Floats64) -> Learner:
    """Return the learner of single images, whose guesses are the votes."""
    return ridge(linear) if x.shape[1] > _WIDEST else ridge(linear, kernel)


def _learn_people(learner: Learner, x: Floats64, knowledge: Knowledge, seed: int) -> FittedPosterior:
    """Fit a learner to pooled features ``(n, d)``, of which all images of a person have the same.

    One row a person and label is learnt from; the others would say nothing new.
    """
    measured = np.flatnonzero(np.isfinite(x).all(axis=1))
    keys = np.char.add(knowledge.released.subjects, np.where(knowledge.labels == MALE, "+", "-"))
    _, first, member = np.unique(keys[measured], return_index=True, return_inverse=True)
    once = np.full(x.shape, np.nan)
    once[measured[first]] = x[measured[first]]
    fit = knowledge.learn(learner, once, seed=seed)
    held_out = np.full(len(x), np.nan)
    held_out[measured] = fit.held_out[measured[first]][member]
    return FittedPosterior(held_out, fit.posterior)


def _votes(log_odds: Floats64) -> Floats64:
    """Return votes ``(n, 1)`` between -1 and 1: surer images have more of a say, but none overrules many."""
    return np.asarray(2 * expit(log_odds) - 1)[:, None]


def _pooled(way: str, x: Floats64, subjects: NDArray[np.str_]) -> Floats64:
    """Return mean ``(n, d)``, or lowest and highest ``(n, 2 d)``, of each image's person; NaN where the image has one.

    An image with a NaN is not pooled.
    """
    pooled = np.full((len(x), x.shape[1] * (2 if way == _EXTREMES else 1)), np.nan)
    usable = np.flatnonzero(np.isfinite(x).all(axis=1))
    if not usable.size:
        return pooled
    order = usable[np.argsort(subjects[usable], kind="stable")]
    _, starts, member = np.unique(subjects[order], return_index=True, return_inverse=True)
    if way == _EXTREMES:
        ends = [end.reduceat(x[order], starts, axis=0) for end in (np.minimum, np.maximum)]
        pooled[order] = np.hstack(ends)[member]
    else:
        counts = np.bincount(member)[:, None]
        pooled[order] = (np.add.reduceat(x[order], starts, axis=0) / counts)[member]
    return pooled
