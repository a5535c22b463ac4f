"""Posterior models of one score: a line, and a curve that sees narrow clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.learning import (
    Learnt,
    calibrated,
    cross_entropy,
    fair_weights,
    fit_line,
    some_subjects,
)
from facepriv.types import FEMALE, MALE

_WIDTHS = (0.01, 0.025, 0.06, 0.15, 0.4)
"""Of the neighbourhood, as a share of all scores."""
_DOUBT = 0.5
"""People of either label that are thought to be near before any is seen."""
_MOST = 2000
"""Images that a curve is drawn through; more would cost time and hardly change it."""


class Ranks:
    """Where a score stands among known ones, 0..1: any cluster, however narrow, is as wide as it is populous."""

    def __init__(self, known: NDArray[np.float64]) -> None:
        self._sorted = np.sort(known)

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the mean rank ``(n,)`` of scores ``(n,)``; equal scores stand alike."""
        below = np.searchsorted(self._sorted, scores, side="left")
        upto = np.searchsorted(self._sorted, scores, side="right")
        return np.asarray((below + upto) / (2.0 * len(self._sorted)))


def line(
    x: NDArray[np.float64], labels: NDArray[np.int64], subjects: NDArray[np.int64], rng: np.random.Generator
) -> Learnt:
    """Learn log-odds that rise or fall evenly with the score ``x (n, 1)``.

    Two numbers are learnt from everybody, so leaving one subject out would change next to nothing: the held-out values
    are those of the line itself.
    """
    fitted = fit_line(x[:, 0], labels, subjects)
    return Learnt(fitted(x[:, 0]), lambda theirs: fitted(theirs[:, 0]))


def curve(
    x: NDArray[np.float64], labels: NDArray[np.int64], subjects: NDArray[np.int64], rng: np.random.Generator
) -> Learnt:
    """Learn log-odds of any shape: the men and the women near a score ``x (n, 1)``, counted with a soft edge.

    Near is meant in ranks, so a cluster a tenth of a nat wide just past zero is seen as well as a broad one far out
    (Nadaraya and Watson's regression, 1964, with a bandwidth that adapts as nearest neighbours do). The width is the
    one that predicts people best who were left out.
    """
    rank = Ranks(x[:, 0])
    kept = some_subjects(subjects, _MOST, rng)
    at = rank(x[kept, 0])
    weights = fair_weights(labels[kept], subjects[kept])
    mass = np.stack([weights * (labels[kept] == label) for label in (MALE, FEMALE)], axis=1)

    def counted(
        ranks: NDArray[np.float64], width: float, others: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        near = np.exp(-0.5 * ((ranks[:, None] - at) / width) ** 2)
        men, women = ((near if others is None else near * others) @ mass).T
        return np.asarray(np.log((men + _DOUBT) / (women + _DOUBT)))

    others = subjects[kept][:, None] != subjects[kept]
    left_out = np.stack([counted(at, width, others) for width in _WIDTHS])
    width = _WIDTHS[int(np.argmin(cross_entropy(left_out, labels[kept], weights)))]
    held_out = counted(rank(x[:, 0]), width, subjects[:, None] != subjects[kept])
    return calibrated(held_out, lambda theirs: counted(rank(theirs[:, 0]), width), labels, subjects)
