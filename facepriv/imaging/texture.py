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
GRIDS = (16, 8, 8)
"""Cells along a side of the maps of brightness, of red less green and of yellow less blue."""
FLOOR = 0.05
"""Energy, square grey levels, below which it counts as nothing: less than rounding alone leaves in a pixel."""
COUNT = len(SIGMAS) * sum(grid**2 for grid in GRIDS)
"""Number of features."""


def texture_features(face: Face) -> NDArray[np.float32]:
    """Measure how much fine texture each part of a face has.

    Return ``(COUNT,)`` finite numbers, the same for the same pixels and landmarks: log10 of the mean square, square
    grey levels, of what lies between each Gaussian and the next finer one. For brightness, then for red less green,
    then for yellow less blue: the finest band first, its cells row by row.
    """
    channels = upright(face, size=SIZE) @ CHANNELS.T
    # One filter for each band of all three channels, as cv2 does it; the first band is what a slight blur removes.
    smooth = [channels, *(cv2.GaussianBlur(channels, (0, 0), sigma) for sigma in SIGMAS)]
    energies = [(fine - coarse) ** 2 for fine, coarse in pairwise(smooth)]
    maps = [_pool(energy[..., number], grid) for number, grid in enumerate(GRIDS) for energy in energies]
    return np.log10(np.concatenate(maps) + np.float32(FLOOR))


def _pool(energy: NDArray[np.float32], grid: int) -> NDArray[np.float32]:
    """Return the mean of each cell, row by row, ``(grid * grid,)``."""
    side = SIZE // grid
    return np.asarray(energy.reshape(grid, side, grid, side).mean(axis=(1, 3), dtype=np.float32).ravel())
