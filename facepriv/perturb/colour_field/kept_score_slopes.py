"""Scores that a search of a field is to keep: what fields do to them, and what that counts for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from facepriv.perturb.base import KeptClassifiers, score_face
from facepriv.types import Face

STRAYED = 25.0
"""Square grey levels that a square nat of a kept score's change counts for, at a weight of 1."""
NEAR_ENOUGH = 0.5
"""Nats by which a kept score may have changed in the file without another round."""

Solve = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""`facepriv.perturb.common.least_change.least_change` or `exact_change`."""


class KeptScores:
    """The scores of kept classifiers around an anchor; where none is kept, all of it is nothing.

    A field counts for ``a' M a + w sum (k(a) - k0)^2``: its size as without, and the change of each kept score ``k``
    from that of the untouched image. Near the anchor ``k`` is taken for linear.

    Parameters
    ----------
    units
        Number of coefficients of a field.
    """

    def __init__(self, keep: KeptClassifiers | None, face: Face, units: int) -> None:
        self.classifiers = () if keep is None else tuple(keep.classifiers)
        self._weight = 0.0 if keep is None else STRAYED * keep.weight
        self._first = np.array([score_face(one, face) for one in self.classifiers])
        self._slopes = np.zeros((len(self.classifiers), units))
        self._strayed = np.zeros(len(self.classifiers))

    def note(self, scores: NDArray[np.float64], slopes: NDArray[np.float64], chosen: NDArray[np.int64]) -> None:
        """Note the scores ``(kept,)`` at an anchor, and their slopes ``(kept, chosen)`` along some units."""
        self._strayed = scores - self._first
        self._slopes[:, chosen] = slopes

    def strayed(self, found: Face | None) -> NDArray[np.float64]:
        """Return by how many nats ``(kept,)`` the scores of a face found anew differ; infinite where none was found."""
        if found is None:
            return np.full(len(self.classifiers), np.inf)
        scores = np.array([score_face(one, found) for one in self.classifiers])
        return np.asarray(scores - self._first, dtype=np.float64)

    def count(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what scores ``(kept, m)`` count for, in square grey levels ``(m,)``."""
        return self.worth(scores - self._first[:, None])

    def worth(self, strayed: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what changes ``(kept, ...)`` in nats count for, in square grey levels ``(...)``."""
        counted: NDArray[np.float64] = self._weight * (strayed**2).sum(axis=0)
        return counted

    def way(
        self,
        solve: Solve,
        metric: NDArray[np.float64],
        slopes: NDArray[np.float64],
        demands: NDArray[np.float64],
        known: NDArray[np.bool_],
        moved: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Solve for the way ``(known,)`` from a field that is ``moved`` ``(units,)`` away from the anchor's.

        Parameters
        ----------
        metric, slopes, demands
            As ``solve`` takes them, of the known units.
        """
        if not self.classifiers:
            return solve(metric, slopes, demands)
        mine = self._slopes[:, known]
        whole = metric + self._weight * mine.T @ mine
        # Completing the square: the way counts least of all, demands aside, where it takes back what has strayed.
        back = np.linalg.solve(whole, self._weight * mine.T @ (self._strayed + self._slopes @ moved))
        found: NDArray[np.float64] = solve(whole, slopes, demands + slopes @ back) - back
        return found
