"""What can be made of several scores of one image, learnt from known ones: ranks, sizes, differences, products."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.learning import Learner, Learnt
from facepriv.audit.attackers.one_score import Ranks

Map = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def with_features(features: Callable[[NDArray[np.float64]], Map], learner: Learner) -> Learner:
    """Return a learner of features that are themselves learnt from the known images, without their labels."""

    def learn(
        x: NDArray[np.float64], labels: NDArray[np.int64], subjects: NDArray[np.int64], rng: np.random.Generator
    ) -> Learnt:
        make = features(x)
        inner = learner(make(x), labels, subjects, rng)
        return Learnt(inner.held_out, lambda theirs: inner.posterior(make(theirs)))

    return learn


def jointly(x: NDArray[np.float64]) -> Map:
    """Learn to take scores ``(n, k)`` as they are, as ranks, as ranks of their size, and two by two as products."""
    ranks, sizes = ranked(x), ranked(np.abs(x))

    def make(theirs: NDArray[np.float64]) -> NDArray[np.float64]:
        centred = ranks(theirs)
        pairs = [centred[:, a] * centred[:, b] for a, b in combinations(range(theirs.shape[1]), 2)]
        return np.column_stack([theirs, centred, sizes(np.abs(theirs)), *pairs])

    return make


def against_first(x: NDArray[np.float64]) -> Map:
    """Learn to take scores ``(n, k)`` as ranks, with the ranks of what each differs from the first."""
    ranks, differences = ranked(x), ranked(x[:, 1:] - x[:, :1])
    return lambda theirs: np.column_stack([ranks(theirs), differences(theirs[:, 1:] - theirs[:, :1])])


def ranked(x: NDArray[np.float64]) -> Map:
    """Learn to rank every column of ``(n, k)``, -1..1."""
    ranks = [Ranks(column) for column in x.T]
    return lambda theirs: np.column_stack([2 * rank(column) - 1 for rank, column in zip(ranks, theirs.T, strict=True)])
