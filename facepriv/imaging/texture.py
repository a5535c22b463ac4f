"""A map of the energy of fine texture in a face: where an image is busy, and where it is smooth.

Stubble, make-up, brows and skin differ in texture, and so does what a perturbation leaves behind: a smooth field leaves
texture as it was, a face that is warped or averaged loses it, and triangles add edges. `facepriv.imaging.residuals`
sums such energy up over the whole face; here it is kept apart by place.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.appearance import upright
from facepriv.imaging.residuals import CHANNELS
from facepriv.types import Face

SIZE = 64
"""Side of the upright crop, pixels."""
SIGMAS = (1.0, 2.0)
"""Standard deviations, pixels of the crop, of the Gaussians between which the bands lie."""
GRID = 16
"""Cells along a side of a map; with 8, the attacker was right less often by 3 points."""
FLOOR = 0.05
"""Energy, square grey levels, below which it counts as nothing: less than rounding alone leaves in a pixel."""
COUNT = 2 * len(SIGMAS) * GRID**2
"""Number of features."""


def texture_features(face: Face) -> NDArray[np.float32]:
    """Measure how much fine texture each part of a face has.

    Return ``(COUNT,)`` finite numbers, the same for the same pixels and landmarks: log10 of the mean square, square
    grey levels, of what lies between each Gaussian and the next finer one. The maps of brightness, finest band first,
    then those of both colour differences together, each row by row.
    """
    channels = upright(face, size=SIZE) @ CHANNELS.T
    smooth = [channels, *(cv2.GaussianBlur(channels, (0, 0), sigma) for sigma in SIGMAS)]
    energies = [_pooled((fine - coarse) ** 2) for fine, coarse in pairwise(smooth)]
    bright, coloured = ([energy[..., chosen].sum(axis=-1) for energy in energies] for chosen in ([0], [1, 2]))
    return np.log10(np.stack([*bright, *coloured]).ravel() + np.float32(FLOOR))


def _pooled(energy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means of cells, ``(GRID, GRID, channels)``."""
    side = SIZE // GRID
    return np.asarray(energy.reshape(GRID, side, GRID, side, -1).mean(axis=(1, 3), dtype=np.float32))
