"""Features of a face as it looks: what a classifier that is trained from scratch learns from."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.crop import aligned_chip
from facepriv.types import Face

SIZE = 64
"""Side of the crop, pixels."""
PADDING = 0.2
"""Margin of the crop, in face sizes (`facepriv.imaging.crop.aligned_chip`)."""
MOST_SAMPLES = 6
"""Samples an output pixel and axis, at most: more only cost time."""
BRIGHTNESS, COLOUR = 20, 6
"""Sides of the small pictures of brightness and of the two colour differences, pixels."""
CELL, ORIENTATIONS = 16, 8
"""Side of a cell of gradients, pixels, and directions counted in it."""
NEIGHBOURS, RADIUS = 8, 1
"""Of the binary patterns."""
PARTS = 3
"""Rows and columns of the parts in which the binary patterns are counted."""
LEAST_SPREAD = 1.0
"""Grey levels of standard deviation below which a crop counts as flat."""
COUNT = BRIGHTNESS**2 + 2 * COLOUR**2 + (SIZE // CELL) ** 2 * ORIENTATIONS + PARTS**2 * (NEIGHBOURS + 2)
"""Number of features."""


def upright(face: Face, *, size: int, padding: float = PADDING) -> NDArray[np.float32]:
    """Return the face's upright chip ``(size, size, 3)``, 0..255, not rounded.

    The geometry is that of `facepriv.imaging.crop.aligned_chip`. The pixels are sampled directly, which is several
    times faster than a sparse map that is used only once; outside the image the nearest edge pixel is repeated.
    """
    matrix = aligned_chip(face, size=size, padding=padding).matrix
    samples = min(max(1, math.ceil(math.sqrt(abs(np.linalg.det(matrix[:, :2]))) - 1e-6)), MOST_SAMPLES)
    # Only the part of the photo that is read: it may be many times larger than its face.
    corners = matrix @ np.array([[-1, size, -1, size], [-1, -1, size, size], [1, 1, 1, 1]])
    limits = np.array(face.pixels.shape[1::-1])
    low = np.clip(np.floor(corners.min(axis=1)).astype(int) - 1, 0, limits - 1)
    high = np.clip(np.ceil(corners.max(axis=1)).astype(int) + 2, low + 1, limits)
    part = np.ascontiguousarray(face.pixels[low[1] : high[1], low[0] : high[0]], dtype=np.float32)
    # Sample k of an output pixel lies at (k + 1/2) / samples - 1/2 from its centre.
    step = np.array([[1 / samples, 0, 0.5 / samples - 0.5], [0, 1 / samples, 0.5 / samples - 0.5], [0, 0, 1]])
    inner = matrix @ step
    inner[:, 2] -= low
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fine = cv2.warpAffine(part, inner, (size * samples, size * samples), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return fine.reshape(size, samples, size, samples, 3).mean(axis=(1, 3), dtype=np.float32)


def appearance_features(face: Face) -> NDArray[np.float64]:
    """Describe a face for a classifier to be trained on.

    Return ``(COUNT,)`` finite numbers, the same for the same pixels and landmarks. In order: a small picture of the
    brightness, its mean taken off and in standard deviations, row by row; small pictures of the two colour
    differences (red and blue less luma) as shares of the range; histograms of oriented gradients (Dalal and Triggs
    2005), 0..1; shares of uniform local binary patterns (Ojala et al. 2002) in a grid of parts.
    """
    from skimage.feature import hog, local_binary_pattern

    planes = cv2.cvtColor(upright(face, size=SIZE) / np.float32(255), cv2.COLOR_RGB2YCrCb)
    luma = planes[..., 0] * 255
    small = cv2.resize(luma, (BRIGHTNESS, BRIGHTNESS), interpolation=cv2.INTER_AREA).astype(np.float64)
    small = (small - small.mean()) / max(float(small.std()), LEAST_SPREAD)
    colour = cv2.resize(planes[..., 1:], (COLOUR, COLOUR), interpolation=cv2.INTER_AREA).astype(np.float64) - 0.5
    gradients = hog(
        luma,
        orientations=ORIENTATIONS,
        pixels_per_cell=(CELL, CELL),
        cells_per_block=(1, 1),
        block_norm="L2-Hys",
    )
    # Rounded, so that a flat image has one pattern, not that of the last digits.
    patterns = local_binary_pattern(np.rint(luma).astype(np.uint8), NEIGHBOURS, RADIUS, method="uniform")
    return np.concatenate([small.ravel(), colour.ravel(), gradients, _part_shares(patterns.astype(np.int64))])


def _part_shares(patterns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of each pattern in each part of a grid."""
    shares = []
    for rows in np.array_split(patterns, PARTS, axis=0):
        for part in np.array_split(rows, PARTS, axis=1):
            shares.append(np.bincount(part.ravel(), minlength=NEIGHBOURS + 2) / part.size)
    return np.concatenate(shares)
