"""Error rates of a matcher on a database of which a random proportion ``p`` of the images was perturbed.

Of two images of such a database none, one or both are perturbed. Each of these *parts* has scores of its own, and a
comparison drawn from the database comes from a part with a known probability: ``(1-p)^2``, ``2p(1-p)``, ``p^2`` where
each image is perturbed by itself with probability ``p``. The mixed database's FMR and FNMR are the parts' rates
weighted so, at one common threshold; nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from facepriv.errors import BadInputError
from facepriv.metrics.checks import as_finite, as_probabilities
from facepriv.metrics.matching import supports
from facepriv.schemas.figures import OperatingPoint
from facepriv.types import Floats64

_ROUNDING = 1 + 1e-12
"""Weights such as 0.49, 0.42, 0.09 of three FMRs of 1 % add up to slightly more than 1 %, which counts as 1 %."""


class ScoreMixture:
    """Sorted scores of the parts of a mixed database, for operating points at many weights.

    Parameters
    ----------
    parts : ``(mated, non_mated)`` similarity scores of each part, higher = more similar. A part may be empty as long as
        it weighs nothing.

    Raises
    ------
    BadInputError
        ``not-finite``, ``bad-shape`` for scores that are no finite one-dimensional numbers; ``no-parts`` if there are
        no parts.
    """

    def __init__(self, parts: Sequence[tuple[ArrayLike, ArrayLike]]) -> None:
        if not parts:
            raise BadInputError("Expected at least one part of a mixed database, got none.", code="no-parts")
        self._mated = [np.sort(as_finite(mated, "mated scores").astype(np.float64)) for mated, _ in parts]
        self._non_mated = [np.sort(as_finite(other, "non-mated scores").astype(np.float64)) for _, other in parts]

    def fmr(self, threshold: ArrayLike, weights: ArrayLike) -> Floats64:
        """Return the mixture's FMR at each threshold, shaped as ``threshold``.

        Raises
        ------
        BadInputError
            As `operating_point`, and ``empty-part`` if a part that weighs something has no scores.
        """
        return self._mixed(self._non_mated, threshold, self._weights(weights), accepted=True)

    def fnmr(self, threshold: ArrayLike, weights: ArrayLike) -> Floats64:
        """Return the mixture's FNMR at each threshold; shape and errors as in `fmr`."""
        return self._mixed(self._mated, threshold, self._weights(weights), accepted=False)

    def operating_point(
        self, weights: ArrayLike, target: float, *, mated_weights: ArrayLike | None = None
    ) -> OperatingPoint:
        """Find the lowest FNMR of the mixture at which its FMR is at most ``target``.

        Parameters
        ----------
        weights : (k,) proportion of the comparisons from each part, adding up to 1.
        target : FMR as a fraction, 0 < target <= 1.
        mated_weights : the weights of mated comparisons where they differ: whole subjects perturbed or not.

        Returns
        -------
        The point, at the smallest score that will do, or just above all scores. ``supported`` is false when the
        effective number of non-mated comparisons is below ``3 / target``: ``1 / sum(w^2 / n)`` over the parts
        (Kish's), and no more than the largest part has, since parts compare the same images. All None and unsupported
        if a part that weighs something has no mated or no non-mated scores.

        Raises
        ------
        BadInputError
            ``out-of-range`` if a weight or the target is out of range or the weights do not add up to 1; ``bad-shape``
            if there is not one weight for each part.
        """
        if not 0 < target <= 1:
            raise BadInputError(
                f"Expected a target FMR above 0 and at most 1, got {target:g}; write 0.001 for 0.1 %.",
                code="out-of-range",
            )
        non_mated = self._weights(weights)
        mated = non_mated if mated_weights is None else self._weights(mated_weights)
        if self._lacks(self._mated, mated) or self._lacks(self._non_mated, non_mated):
            return OperatingPoint(target_fmr=target, threshold=None, fmr=None, fnmr=None, supported=False)
        threshold = self._threshold(mated, non_mated, target)
        parts = [(w, s.size) for w, s in zip(non_mated, self._non_mated, strict=True) if w > 0]
        effective = min(1 / sum(w**2 / n for w, n in parts), max(n for _, n in parts))
        return OperatingPoint(
            target_fmr=target,
            threshold=threshold,
            fmr=min(float(self._mixed(self._non_mated, threshold, non_mated, accepted=True)), target),
            fnmr=float(self._mixed(self._mated, threshold, mated, accepted=False)),
            supported=supports(effective, target),
        )

    def _weights(self, weights: ArrayLike) -> Floats64:
        w = as_probabilities(weights, "weights of parts")
        if w.shape != (len(self._mated),):
            raise BadInputError(
                f"Expected one weight for each of {len(self._mated)} parts, got shape {w.shape}.", code="bad-shape"
            )
        if not np.isclose(w.sum(), 1, rtol=0, atol=1e-9):
            raise BadInputError(
                f"Expected weights of parts that add up to 1, got a sum of {w.sum():g}.", code="out-of-range"
            )
        return w

    @staticmethod
    def _weighing(scores: list[Floats64], weights: Floats64) -> list[Floats64]:
        return [part for part, weight in zip(scores, weights, strict=True) if weight > 0]

    def _lacks(self, scores: list[Floats64], weights: Floats64) -> bool:
        return any(not part.size for part in self._weighing(scores, weights))

    def _mixed(self, scores: list[Floats64], threshold: ArrayLike, weights: Floats64, *, accepted: bool) -> Floats64:
        if self._lacks(scores, weights):
            raise BadInputError(
                "Expected scores in every part that weighs something, got a part without any.", code="empty-part"
            )
        at = np.asarray(threshold, dtype=np.float64)
        total = np.zeros(at.shape)
        for part, weight in zip(scores, weights, strict=True):
            if weight > 0:
                below = np.searchsorted(part, at, side="left")
                # Counts divided once, so that one part with weight 1 gives the very floats of `matching.det`.
                total += weight * ((part.size - below if accepted else below) / part.size)
        return total

    def _threshold(self, mated: Floats64, non_mated: Floats64, target: float) -> float:
        """Find the smallest score, or the next float above all, at which the mixture's FMR is at most the target."""
        others = self._weighing(self._non_mated, non_mated)
        everything = [*others, *self._weighing(self._mated, mated)]
        top = np.nextafter(max(part[-1] for part in everything), np.inf)
        best = float(top)
        # FMR falls along each sorted part, so each is halved in turn: no merged array, for it is the costly thing.
        for part in everything:
            low, high = 0, int(np.searchsorted(part, best, side="left"))
            while low < high:
                middle = (low + high) // 2
                if float(self._mixed(self._non_mated, part[middle], non_mated, accepted=True)) <= target * _ROUNDING:
                    high = middle
                else:
                    low = middle + 1
            if low < part.size and part[low] < best:
                best = float(part[low])
        return best
