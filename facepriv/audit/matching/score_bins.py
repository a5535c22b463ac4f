"""Counts of similarity scores in 256 bins, as fast as a matrix product computes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.types import Floats64, Integers

BINS = 256
# How far bins go below the scores they were made from and above the top, as shares of the range in between.
_BELOW, _ABOVE = 0.25, 0.02
_MOST = 100  # powers of two that scores are scaled by stay within float32


@dataclass(frozen=True)
class ScoreBins:
    """256 bins of one width, the first and the last without an end.

    A score ``s`` falls into bin ``round(s 2^power - offset)``, cut off at 0 and 255. The product is exact, so that
    all ways to compute it on any processor agree, and the bin never falls where the score rises: counts at `edges` are
    exact.
    """

    power: int
    offset: int

    @classmethod
    def around(cls, samples: Iterable[NDArray[np.float32]], tops: Iterable[float]) -> ScoreBins:
        """Make bins that hold ``(n,)`` scores of each sample, some room below them, and end a little above the
        greatest top.

        Of scores above the top nothing is to be learnt from their bin. Empty samples and infinite tops are passed over.
        """
        filled = [sample for sample in samples if sample.size]
        low = min((float(sample.min()) for sample in filled), default=0.0)
        high = max([low, *(float(top) for top in tops if np.isfinite(top))])
        if not high > low:
            high = max((float(sample.max()) for sample in filled), default=1.0)
        # Bins are wider than the steps of float32 there, or the offset would not be exact in it.
        span = max(high - low, max(abs(low), abs(high)) * 2.0**-13, 2.0**-_MOST)
        low, high = low - _BELOW * span, high + _ABOVE * span
        power = int(np.clip(np.floor(np.log2((BINS - 2) / (high - low))), -_MOST, _MOST))
        return cls(power=power, offset=int(np.floor(low * 2.0**power)) - 1)

    def count(self, scores: NDArray[np.float32]) -> tuple[Integers, float]:
        """Count contiguous scores of any shape.

        Returns
        -------
        counts, lowest
            ``(256,)`` scores in each bin; the lowest score, looked for only where the first bin holds some, else inf.

        Raises
        ------
        BadInputError
            If a score is NaN or infinite.
        """
        if not scores.size:
            return np.zeros(BINS, dtype=np.int64), np.inf
        table = scores if scores.ndim == 2 else scores.reshape(1, -1)
        counts = self._counts(table)
        if not counts[0]:
            return counts, np.inf
        # What is no number, and what is so great that its bin has no number, ends here too.
        if not np.isfinite(table).all():
            raise BadInputError(
                "Expected finite similarity scores, got NaN or infinite ones from templates without NaN; "
                "look for the error in the matcher's compare.",
                code="not-finite",
            )
        ends = np.float32((self.offset - 1) / 2.0**self.power), np.float32((self.offset + BINS) / 2.0**self.power)
        return self._counts(np.clip(table, *ends)), float(table.min())

    @cached_property
    def edges(self) -> NDArray[np.float32]:
        """``(255,)`` least score of every bin but the first, as float32."""
        wanted = np.arange(1, BINS)
        below = _order((self.offset + wanted - 1) / 2.0**self.power)
        above = _order((self.offset + wanted) / 2.0**self.power)
        while (open_ := above - below > 1).any():
            middle = (below + above) // 2
            reached = self._codes(_from_order(middle)[None])[0] >= wanted
            above = np.where(open_ & reached, middle, above)
            below = np.where(open_ & ~reached, middle, below)
        return _from_order(above)

    def _codes(self, table: NDArray[np.float32]) -> NDArray[np.uint8]:
        # The second table is the first one times 0; OpenCV has no other call that scales, shifts and cuts off at once.
        return np.asarray(cv2.addWeighted(table, 2.0**self.power, table, 0, -self.offset, dtype=cv2.CV_8U))

    def _counts(self, table: NDArray[np.float32]) -> Integers:
        found = cv2.calcHist([self._codes(table)], [0], None, [BINS], [0, BINS])
        return np.asarray(found).ravel().astype(np.int64)


def _order(values: Floats64) -> Integers:
    """Number float32 values so that neighbours have neighbouring numbers."""
    bits = values.astype(np.float32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _from_order(numbers: Integers) -> NDArray[np.float32]:
    bits = np.where(numbers < 0, (-numbers) | 0x80000000, numbers)
    return bits.astype(np.uint32).view(np.float32)
