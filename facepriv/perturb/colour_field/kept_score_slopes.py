"""Kept scores as linear functions of a colour field: what a field does to them, and what that costs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from facepriv.perturb.base import KeptClassifiers, score_face
from facepriv.types import Face

SQUARE_LEVELS = 25.0
"""Square grey levels that a square nat of a kept score's change costs, at a weight of 1."""
NEAR_ENOUGH = 0.5
"""Nats by which a kept score may have changed in the file without another round."""

Solve = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""`facepriv.perturb.common.least_change.least_change` or `exact_change`."""


class KeptScores:
    """The scores of kept classifiers around an anchor; without kept classifiers every cost is 0.

    A field ``a`` costs ``a' M a + w sum (k(a) - k0)^2``: its size, and the change of each kept score ``k`` from that of
    the untouched image. Near the anchor ``k`` is taken for linear. A field has ``units`` coefficients.
    """

    def __init__(self, kept: KeptClassifiers | None, face: Face, units: int) -> None:
        self.classifiers = () if kept is None else tuple(kept.classifiers)
        self._weight = 0.0 if kept is None else SQUARE_LEVELS * kept.weight
        self._original = np.array([score_face(classifier, face) for classifier in self.classifiers])
        self._slopes = np.zeros((len(self.classifiers), units))
        self._anchor_changes = np.zeros(len(self.classifiers))

    def anchor(self, scores: NDArray[np.float64], slopes: NDArray[np.float64], chosen: NDArray[np.int64]) -> None:
        """Set the scores ``(kept,)`` at an anchor, and their slopes ``(kept, chosen)`` along some units."""
        self._anchor_changes = scores - self._original
        self._slopes[:, chosen] = slopes

    def changes(self, face: Face | None) -> NDArray[np.float64]:
        """Return by how many nats ``(kept,)`` the scores of a face differ; infinite where none was found."""
        if face is None:
            return np.full(len(self.classifiers), np.inf)
        return np.array([score_face(classifier, face) for classifier in self.classifiers]) - self._original

    def cost_of_scores(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what scores ``(kept, m)`` cost, in square grey levels ``(m,)``."""
        return self.cost(scores - self._original[:, None])

    def cost(self, changes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what changes ``(kept, ...)`` in nats cost, in square grey levels ``(...)``."""
        return self._weight * (changes**2).sum(axis=0)

    def solve_step(
        self,
        solve: Solve,
        metric: NDArray[np.float64],
        slopes: NDArray[np.float64],
        demands: NDArray[np.float64],
        known: NDArray[np.bool_],
        moved: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Solve for the step ``(known,)`` of least cost from a field ``moved`` ``(units,)`` away from the anchor's.

        Metric, slopes and demands are those that ``solve`` takes, of the known units.
        """
        if not self.classifiers:
            return solve(metric, slopes, demands)
        kept_slopes = self._slopes[:, known]
        cost_metric = metric + self._weight * kept_slopes.T @ kept_slopes
        # Completing the square: demands aside, the step costs least where it undoes the changes of kept scores.
        undoing = np.linalg.solve(
            cost_metric, self._weight * kept_slopes.T @ (self._anchor_changes + self._slopes @ moved)
        )
        return solve(cost_metric, slopes, demands + slopes @ undoing) - undoing
