"""What a fit of strengths is to reach, as a loss of the readings: past zero for all, or a donor's readings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Margins = NDArray[np.float64]
Goal = Callable[[Margins], tuple[float, Margins]]
"""Takes margins ``(k,)`` to a loss, lower is better, and its gradient ``(k,)``."""

FAR = 3.0
"""Spreads past zero from which on a reading that has turned counts little more."""
SHARPNESS = 2.0
"""Of the bend there, by spread."""
NEAR = 1.5
"""Spreads within which distance from a donor's reading counts squared; beyond, linearly."""


def leave(side: int) -> Goal:
    """Return the goal of leaving a side, -1 or +1: every reading counts alike until it lies `FAR` past zero."""

    def loss(margins: Margins) -> tuple[float, Margins]:
        beyond = SHARPNESS * (side * margins + FAR)
        slope = side / (1 + np.exp(-beyond)) / len(margins)
        return float(np.logaddexp(0, beyond).mean()) / SHARPNESS, slope

    return loss


def reach(readings: Margins) -> Goal:
    """Return the goal of a donor's readings ``(k,)``, by Huber's loss."""

    def loss(margins: Margins) -> tuple[float, Margins]:
        away = margins - readings
        size = np.abs(away)
        losses = np.where(size < NEAR, away**2 / 2, NEAR * (size - NEAR / 2))
        return float(losses.mean()), np.clip(away, -NEAR, NEAR) / len(margins)

    return loss
