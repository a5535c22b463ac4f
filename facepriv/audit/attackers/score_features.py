"""Features of several scores of one image: ranks, sizes, differences, products."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from facepriv.audit.attackers.learning import FittedPosterior, Learner
from facepriv.audit.attackers.one_score import RankTransform
from facepriv.types import Floats64, Integers

Map = Callable[[Floats64], Floats64]


def with_features(features: Callable[[Floats64], Map], learner: Learner) -> Learner:
    """Return a learner of features that are themselves fitted to the training images, without their labels."""

    def learn(x: Floats64, labels: Integers, subjects: Integers, rng: np.random.Generator) -> FittedPosterior:
        make = features(x)
        fit = learner(make(x), labels, subjects, rng)
        return FittedPosterior(fit.held_out, lambda theirs: fit.posterior(make(theirs)))

    return learn


def joint_features(x: Floats64) -> Map:
    """Return the map of scores ``(n, k)`` to scores, ranks, ranks of their size, and products of two ranks."""
    ranks, sizes = rank_features(x), rank_features(np.abs(x))

    def make(theirs: Floats64) -> Floats64:
        centred = ranks(theirs)
        pairs = [centred[:, a] * centred[:, b] for a, b in combinations(range(theirs.shape[1]), 2)]
        return np.column_stack([theirs, centred, sizes(np.abs(theirs)), *pairs])

    return make


def ranked_features(x: Floats64) -> Map:
    """Return the map of scores ``(n, k)`` to scores and ranks."""
    ranks = rank_features(x)
    return lambda theirs: np.column_stack([theirs, ranks(theirs)])


def rank_features(x: Floats64) -> Map:
    """Return the map of scores ``(n, k)`` to the rank of each in its column, -1..1."""
    ranks = [RankTransform(column) for column in x.T]
    return lambda theirs: np.column_stack([2 * rank(column) - 1 for rank, column in zip(ranks, theirs.T, strict=True)])
