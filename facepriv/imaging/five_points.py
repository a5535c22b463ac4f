"""The alignment that most recognition networks were trained on: eyes, nose tip and mouth corners in fixed places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.crop import eye_centres, samples_for
from facepriv.types import CropSpec, Face

NOSE_TIP, MOUTH_LEFT, MOUTH_RIGHT = 30, 48, 54
# Places of the five points in a square of 112 pixels, as x + iy (Deng et al. 2019, ArcFace).
EDGE = 112
TEMPLATE = np.array(
    [38.2946 + 51.6963j, 73.5318 + 51.5014j, 56.0252 + 71.7366j, 41.5493 + 92.3655j, 70.7299 + 92.2041j]
)


def five_points(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return eyes, nose tip and mouth corners ``(5, 2)`` of 68 landmarks."""
    return np.concatenate([eye_centres(landmarks), landmarks[[NOSE_TIP, MOUTH_LEFT, MOUTH_RIGHT]]])


def five_point_square(face: Face, *, size: int) -> CropSpec:
    """Return the upright square of ``size`` pixels in which the five points come closest to their places.

    The map is the similarity (turn, scale and shift) of least squares in the square (Umeyama 1991), as OpenCV and
    those who trained such networks align faces. The square's edge is about 3.2 distances
    between the eyes. It follows the landmarks only: a detector's box jumps in steps of its image pyramid, which costs a
    matcher dearly (ADR 0005).
    """
    return square_of(five_points(face.landmarks), size=size)


def square_of(points: NDArray[np.float64], *, size: int) -> CropSpec:
    """Return the same square for five points ``(5, 2)`` x, y: eyes, nose tip, mouth corners, the image's left first."""
    image = points[:, 0] + 1j * points[:, 1]
    # Pixel centres have whole coordinates, so the square's edges lie half a pixel outside of its first and last centre.
    output = (TEMPLATE + 0.5 + 0.5j) * (size / EDGE) - (0.5 + 0.5j)
    spread = image - image.mean()
    turn = np.vdot(spread, spread) / np.vdot(spread, output - output.mean())
    shift = image.mean() - turn * output.mean()
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    return CropSpec(matrix=matrix, height=size, width=size, samples=samples_for(matrix, size), outside="black")
