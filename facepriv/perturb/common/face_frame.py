"""The part of an image that a smooth field may change: a face's own coordinates and a soft mask over its hull."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.imaging.crop import aligned_chip
from facepriv.types import CropSpec, Face

SIZE = 32
PADDING = 0.2
"""The frame is dlib's upright chip with this margin: upright, as wide as the face, the same for every guide."""
RAISE_BROWS = 0.22
"""The hull reaches this share of the face's height above the brows, so that the forehead belongs to it."""
FEATHER = 0.05
"""Width of the mask's soft edge, in face widths."""
LEAST = 1e-3
"""Below this the mask counts as nothing."""
JAW, BROWS, NOSE_ROOT, CHIN = slice(0, 17), slice(17, 27), 27, 8


@dataclass(frozen=True, eq=False)
class FaceFrame:
    """Coordinates ``(u, v)`` of a face, 0..1 across its upright chip, and the mask of what may change."""

    inverse: NDArray[np.float64]
    """``(2, 3)``: takes image coordinates ``(x, y, 1)`` to the frame's pixels."""
    matrix: NDArray[np.float64]
    """``(2, 3)``: takes the frame's pixels to image coordinates."""
    mask: NDArray[np.float32]
    """``(h, w)`` 0..1, soft at the hull's edge, within which it lies."""
    region: tuple[slice, slice]
    """Rows and columns outside of which the mask is nothing."""

    def coordinates(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Return ``u`` and ``v`` of image points."""
        u, v = through(self.inverse, x, y)
        return (u + 0.5) / SIZE, (v + 0.5) / SIZE

    def image_points(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Return ``x`` and ``y`` in the image of points of the frame."""
        return through(self.matrix, u * SIZE - 0.5, v * SIZE - 0.5)

    def mask_at(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the mask at image points, bilinear, 0 outside the image."""
        return cv2.remap(
            self.mask, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        )


def through(
    matrix: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Take points through an affine map ``(2, 3)``."""
    (a, b, c), (d, e, f) = matrix
    return a * x + b * y + c, d * x + e * y + f


def input_points(spec: CropSpec) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the image coordinates, ``(height, width)`` each, of the centres of a classifier's input pixels."""
    x, y = np.meshgrid(np.arange(spec.width, dtype=np.float64), np.arange(spec.height, dtype=np.float64))
    return through(spec.matrix, x, y)


def face_frame(face: Face) -> FaceFrame:
    """Lay the frame and the mask over a face with 68 landmarks.

    Raises BadInputError with code ``no-hull`` if hardly any of the hull lies inside the image.
    """
    matrix = aligned_chip(face, size=SIZE, padding=PADDING).matrix
    mask = hull_mask(face)
    rows, columns = (np.flatnonzero((mask > LEAST).any(axis=axis)) for axis in (1, 0))
    if len(rows) == 0:
        raise BadInputError(
            "Landmarks inside the image were expected, but the face's hull covers none of it; leave the image out, or "
            "import it again.",
            code="no-hull",
        )
    whole = np.vstack([matrix, [0.0, 0.0, 1.0]])
    if abs(np.linalg.det(whole)) < 1e-12:
        raise BadInputError(
            "Landmarks that span a face were expected, but these lie in one place; leave the image out.",
            code="degenerate-landmarks",
        )
    return FaceFrame(
        inverse=np.linalg.inv(whole)[:2],
        matrix=matrix,
        mask=mask,
        region=(slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)),
    )


def hull_mask(face: Face) -> NDArray[np.float32]:
    """Draw the hull of jaw and raised brows, its edge softened inwards, ``(h, w)`` 0..1."""
    points = face.landmarks.astype(np.float64)
    up = points[NOSE_ROOT] - points[CHIN]
    tall = float(np.hypot(*(points[BROWS].mean(axis=0) - points[CHIN])))
    raised = points[BROWS] + up / max(float(np.hypot(*up)), 1e-9) * RAISE_BROWS * tall
    wide = float(np.hypot(*(points[16] - points[0])))
    return soft_hull(np.concatenate([points[JAW], raised]), wide, face.pixels.shape[:2])


def soft_hull(points: NDArray[np.float64], wide: float, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Draw the hull of points ``(k, 2)`` of a face ``wide`` pixels wide, its edge softened inwards, ``(h, w)`` 0..1."""
    height, width = shape
    hull = cv2.convexHull(points.astype(np.float32))
    # Drawn in a window around the hull: an image may be many times larger than its face.
    edge = max(1, round(FEATHER * wide))
    margin = 4 * edge
    low = np.floor(hull.min(axis=(0, 1))).astype(int) - margin
    high = np.ceil(hull.max(axis=(0, 1))).astype(int) + margin + 1
    low, high = np.maximum(low, -margin), np.minimum(high, (width + margin, height + margin))
    mask = np.zeros((height, width), dtype=np.float32)
    if (high <= low).any():
        return mask
    filled = np.zeros((high[1] - low[1], high[0] - low[0]), dtype=np.uint8)
    cv2.fillConvexPoly(filled, np.rint(hull - low).astype(np.int32), 1)
    window = cv2.GaussianBlur(cv2.erode(filled, _outline(edge)).astype(np.float32), (0, 0), max(edge / 2, 0.5))
    left, top = np.maximum(low, 0)
    right, bottom = np.minimum(high, (width, height))
    if right > left and bottom > top:
        mask[top:bottom, left:right] = window[top - low[1] : bottom - low[1], left - low[0] : right - low[0]]
    return mask


def _outline(radius: int) -> NDArray[np.uint8]:
    """Return the two ends of every row of a disc, ``(2 * radius + 1, 2 * radius + 1)``.

    Every row of a convex shape is one run of pixels, so eroding by these ends erodes by the whole disc, in time that
    grows with the radius instead of its square; only within a radius of the array's edge does it differ.
    """
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    ends: NDArray[np.uint8] = np.zeros_like(disc)
    rows = np.arange(len(disc))
    ends[rows, disc.argmax(axis=1)] = 1
    ends[rows, len(disc) - 1 - disc[:, ::-1].argmax(axis=1)] = 1
    return ends
