"""Scores drawn for one image, at which it is to end; `common.stopping` draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Targets:
    """A score for every guide, and how near to it the guide's score of the stored file must be."""

    scores: NDArray[np.float64]
    """``(guides,)`` log-odds in nats, male positive."""
    tolerance: float
    """Nats, the same for every guide."""

    def reached(self, scores: Sequence[float] | NDArray[np.float64]) -> bool:
        """Return whether scores ``(guides,)`` are all near enough; a NaN is a face not found, so it is not."""
        return bool((np.abs(np.asarray(scores) - self.scores) <= self.tolerance).all())
