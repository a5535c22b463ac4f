"""Learners of one score: a line, and a curve that resolves narrow clusters."""

from __future__ import annotations

from functools import cache

import numpy as np

from facepriv.audit.attackers.learning import (
    FittedPosterior,
    balanced_weights,
    calibrate,
    cross_entropy,
    fit_line,
    rows_by_subject,
)
from facepriv.types import FEMALE, MALE, Floats64, Integers

_WIDTHS = (0.01, 0.025, 0.06, 0.15, 0.4)
"""Widths of the neighbourhood, in ranks 0..1."""
_CELLS = 200
"""Cells that ranks are put into; one is half of the narrowest neighbourhood."""
_PRIOR_PEOPLE = 0.5
"""People of either label that are added to every neighbourhood."""


class RankTransform:
    """Rank of a score among training scores, 0..1: a cluster, however narrow, is as wide as it is populous."""

    def __init__(self, scores: Floats64) -> None:
        self._sorted = np.sort(scores)

    def __call__(self, scores: Floats64) -> Floats64:
        """Return the ranks ``(n,)`` of scores ``(n,)``; ties get their mean rank."""
        below = np.searchsorted(self._sorted, scores, side="left")
        upto = np.searchsorted(self._sorted, scores, side="right")
        return np.asarray((below + upto) / (2.0 * len(self._sorted)))


def learn_line(x: Floats64, labels: Integers, subjects: Integers, rng: np.random.Generator) -> FittedPosterior:
    """Fit log-odds that are linear in the score ``x (n, 1)``.

    Two numbers are learnt from everybody, so leaving one subject out would change next to nothing: the held-out values
    are those of the line itself.
    """
    line = fit_line(x[:, 0], labels, subjects)
    return FittedPosterior(line(x[:, 0]), lambda theirs: line(theirs[:, 0]))


def learn_curve(x: Floats64, labels: Integers, subjects: Integers, rng: np.random.Generator) -> FittedPosterior:
    """Fit log-odds of any shape from the men and the women near a score ``x (n, 1)``, by a Gaussian kernel.

    The kernel acts on ranks, so it resolves a cluster a tenth of a nat wide just past zero as well as a broad one far
    out (Nadaraya and Watson's regression, 1964, with a bandwidth that adapts as nearest neighbours do). The width is
    the one that predicts held-out people best.
    """
    rank = RankTransform(x[:, 0])
    cell = _cell(rank(x[:, 0]))
    weights = balanced_weights(labels, subjects)
    mass = np.stack([weights * (labels == label) for label in (MALE, FEMALE)], axis=1)
    spread = np.stack([np.bincount(cell, column, minlength=_CELLS) for column in mass.T], axis=1)
    groups = rows_by_subject(subjects)
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
    return calibrate(held_out, lambda theirs: table[_cell(rank(theirs[:, 0]))], labels, subjects)


def _cell(ranks: Floats64) -> Integers:
    return np.minimum((ranks * _CELLS).astype(np.int64), _CELLS - 1)


@cache
def _neighbourhoods() -> list[Floats64]:
    """Return the kernel ``(cells, cells)``, 0..1, of every two cells, for each width."""
    at = (np.arange(_CELLS) + 0.5) / _CELLS
    return [np.exp(-0.5 * ((at[:, None] - at) / width) ** 2) for width in _WIDTHS]


def _log_ratio(counted: Floats64) -> Floats64:
    """Return log-odds ``(n,)`` from weights of men and women ``(n, 2)``."""
    return np.asarray(np.log((counted[:, 0] + _PRIOR_PEOPLE) / (counted[:, 1] + _PRIOR_PEOPLE)))
