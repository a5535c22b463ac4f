"""Crops as a user's description names them."""

from __future__ import annotations

import numpy as np

from facepriv.imaging.crop import aligned_chip, eye_square, samples_for
from facepriv.imaging.five_points import five_point_square
from facepriv.own_models.description import AlignedChip, Alignment, BoxSquare, EyeSquare
from facepriv.types import CropFunction, CropSpec, Face


def described_crop(face: Face, described: Alignment, size: int) -> CropSpec:
    """Return the square crop of ``size`` pixels that a description asks for."""
    if isinstance(described, AlignedChip):
        return aligned_chip(face, size=size, padding=described.padding)
    if isinstance(described, EyeSquare):
        return eye_square(face, size=size, side=described.side, below=described.below, level=described.level)
    if isinstance(described, BoxSquare):
        return box_square(face, size=size, margin=described.margin)
    return five_point_square(face, size=size)


def box_square(face: Face, *, size: int, margin: float) -> CropSpec:
    """Return the upright square of ``size`` pixels around the middle of the face's box.

    Its edge is the box's longer one and, on either side of it, a ``margin`` that is a fraction of it.
    """
    left, top, right, bottom = face.box
    edge = max(right - left, bottom - top) * (1 + 2 * margin)
    step = edge / size
    # The middle of the box lies between pixels: its right and bottom are exclusive.
    middle = np.array([(left + right - 1) / 2, (top + bottom - 1) / 2])
    linear = step * np.eye(2)
    matrix = np.column_stack([linear, middle - linear @ np.full(2, (size - 1) / 2)])
    return CropSpec(matrix=matrix, height=size, width=size, samples=samples_for(matrix, size), outside="edge")


def whole_image(face: Face) -> CropFunction:
    """Return the whole image as it is stored, for a classifier that finds the face by itself.

    It would be a linear map too, but one as large as the image: methods must not build it.
    """
    height, width = face.pixels.shape[:2]
    return CropFunction(box=(0, 0, width, height), height=height, width=width, function=np.copy)
