"""The detector's box turned level: the crop that deepface takes of a face it has found."""

from __future__ import annotations

import math

import numpy as np

from facepriv.imaging.crop import eye_centres, samples_for
from facepriv.types import CropSpec, Face


def level_box(face: Face, *, size: int) -> CropSpec:
    """Give the face's box, turned about its centre so that the eyes are level, as a square.

    deepface turns the image about the middle of the detected box until the eyes are level, cuts the box, and scales it
    to the network's input; beyond the image there is black. Here the same is one linear map, the eyes' centres come
    from the 68 landmarks, and a box that is not square is widened with what the image shows there instead of black.

    Parameters
    ----------
    size
        Output pixels along an edge.
    """
    left, top, right, bottom = face.box
    eyes = eye_centres(face.landmarks)
    across = eyes[1] - eyes[0]
    angle = math.atan2(across[1], across[0])
    cos, sin = math.cos(angle), math.sin(angle)
    step = max(right - left, bottom - top) / size
    linear = step * np.array([[cos, -sin], [sin, cos]])
    # Pixel centres have whole coordinates and boxes end exclusively: the middle of the columns left to right - 1.
    centre = np.array([left + right - 1, top + bottom - 1]) / 2
    matrix = np.column_stack([linear, centre - linear @ np.full(2, (size - 1) / 2)])
    return CropSpec(matrix=matrix, height=size, width=size, samples=samples_for(matrix), outside="black")
