"""Posterior models of one score: a line, and a curve that sees narrow clusters."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.learning import (
    Learnt,
    by_size,
    calibrated,
    cross_entropy,
    fair_weights,
    fit_line,
)
from facepriv.types import FEMALE, MALE

_WIDTHS = (0.01, 0.025, 0.06, 0.15, 0.4)
"""Of the neighbourhood, as a share of all scores."""
_CELLS = 200
"""Ranks are told apart to one part in so many, half of the narrowest neighbourhood."""
_DOUBT = 0.5
"""People of either label that are thought to be near before any is seen."""


class Ranks:
    """Where a score stands among known ones, 0..1: any cluster, however narrow, is as wide as it is populous."""

    def __init__(self, known: NDArray[np.float64]) -> None:
        self._sorted = np.sort(known)

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean rank ``(n,)`` of scores ``(n,)``; equal scores stand alike."""
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
    cell = _cell(rank(x[:, 0]))
    weights = fair_weights(labels, subjects)
    mass = np.stack([weights * (labels == label) for label in (MALE, FEMALE)], axis=1)
    spread = np.stack([np.bincount(cell, column, minlength=_CELLS) for column in mass.T], axis=1)
    groups = by_size(subjects)
    best = np.inf, np.zeros(len(x)), np.zeros(_CELLS)
    for near in _neighbourhoods():
        counted = near @ spread
        others = counted[cell]
        for members in groups:
            own = near[cell[members][:, :, None], cell[members][:, None, :]]
            others[members] -= own @ mass[members]
        held_out = _log_ratio(np.maximum(others, 0.0))
        surprise = float(cross_entropy(held_out, labels, weights))
        if surprise < best[0]:
            best = surprise, held_out, _log_ratio(counted)
    _, held_out, table = best
    return calibrated(held_out, lambda theirs: table[_cell(rank(theirs[:, 0]))], labels, subjects)


def _cell(ranks: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum((ranks * _CELLS).astype(np.int64), _CELLS - 1)


@cache
def _neighbourhoods() -> list[NDArray[np.float64]]:
    """Return how near every two cells are ``(cells, cells)``, 0..1, for each width."""
    at = (np.arange(_CELLS) + 0.5) / _CELLS
    return [np.exp(-0.5 * ((at[:, None] - at) / width) ** 2) for width in _WIDTHS]


def _log_ratio(counted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log-odds ``(n,)`` of men and women counted ``(n, 2)``."""
    return np.asarray(np.log((counted[:, 0] + _DOUBT) / (counted[:, 1] + _DOUBT)))
