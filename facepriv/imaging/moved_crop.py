"""A crop moved by a similarity of the image: shifted, turned and scaled with the face that it shows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.pyramid_crop import pyramid_depth, pyramid_shift
from facepriv.types import CropSpec, PyramidCrop


def move_crop(spec: CropSpec, similarity: NDArray[np.float64]) -> CropSpec:
    """Return the crop that shows, after a similarity of the image, what a crop showed before.

    Parameters
    ----------
    similarity
        ``(2, 3)``: takes ``(x, y, 1)`` to where the point is afterwards; turn, scale and shift only.
    """
    turn, shift = similarity[:, :2], similarity[:, 2]
    scale = math.hypot(turn[0, 0], turn[1, 0])
    matrix = turn @ spec.matrix
    matrix[:, 2] += shift
    samples = spec.samples if spec.samples == 1 else max(1, math.ceil(spec.samples * scale - 1e-6))
    moved = replace(spec, matrix=matrix, samples=samples)
    if not isinstance(moved, PyramidCrop):
        return moved
    left, top, right, bottom = moved.rectangle
    half = scale * (right - left) / 2, scale * (bottom - top) / 2
    pixels = moved.height * moved.width
    # What a chip shows lies a little beside its rectangle, by a shift that is the same however the rectangle is turned.
    shown = np.array([(left + right) / 2, (top + bottom) / 2]) + pyramid_shift(pyramid_depth(moved.rectangle, pixels))
    depth = pyramid_depth((-half[0], -half[1], half[0], half[1]), pixels)
    x, y = turn @ shown + shift - pyramid_shift(depth)
    return replace(
        moved,
        rectangle=(x - half[0], y - half[1], x + half[0], y + half[1]),
        angle=moved.angle + math.atan2(turn[1, 0], turn[0, 0]),
    )
