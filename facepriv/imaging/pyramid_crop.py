"""dlib's face chip as a sparse matrix: a turned rectangle brought to size through an image pyramid.

dlib halves the image until the rectangle is hardly larger than the chip, and takes the chip from that level by bilinear
interpolation (``extract_image_chip``). Both are linear but for the rounding down to whole grey levels after each, so
one matrix gives dlib's own chip to about a grey level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from facepriv.types import PyramidCrop

KERNEL = np.array([1, 4, 6, 4, 1]) / 16
"""What dlib smooths rows and columns with before it drops every other one."""
MIDDLE = np.array([0.0, 0, 1, 0, 0])
"""The same without smoothing."""
LEFT, TOP = 1.25, 0.75
"""Where dlib says that a point of the image lies on the level below: half its place less these."""
SMOOTHED_LEVELS = 3
"""Levels of the pyramid that are smoothed, the coarsest ones: a face that fills a photo of many megapixels would need a
hundred million weights. Above them every other pixel is taken as it is."""

Rectangle = tuple[float, float, float, float]
"""left, top, right, bottom; the last pixels are inside."""


@dataclass(frozen=True, eq=False)
class PyramidLevel:
    """The part of an image that a chip is taken from, and the level of its pyramid that gives the chip."""

    left: int
    top: int
    heights: tuple[int, ...]
    """Of the part, and of each level below."""
    widths: tuple[int, ...]
    corner: NDArray[np.float64]
    """``(2,)`` x, y on the last level of the centre of the chip's first pixel."""
    right: NDArray[np.float64]
    """``(2,)`` step from one pixel of the chip to the next in its row."""
    down: NDArray[np.float64]
    """``(2,)`` step from one row to the next."""


def pyramid_level(spec: PyramidCrop, height: int, width: int) -> PyramidLevel:
    """Find the level of a pyramid over an image ``(height, width)`` from which dlib takes a chip."""
    depth = pyramid_depth(spec.rectangle, spec.height * spec.width)
    # dlib keeps a border of two pixels on every level: 2, 6, 14, ...
    grow = 2.0 ** (depth + 2) - 2
    corners = _turned_corners(spec.rectangle, spec.angle)
    low = np.maximum(corners.min(axis=0) - grow, 0)
    high = np.minimum(corners.max(axis=0) + grow, (width - 1, height - 1))
    (left, top), (last_column, last_row) = _nearest(low), _nearest(high)
    heights, widths = [last_row - top + 1], [last_column - left + 1]
    level = tuple(np.subtract(spec.rectangle, (left, top, left, top)))
    for _ in range(depth):
        level = _rectangle_below(level)
        heights.append((heights[-1] - 3) // 2)
        widths.append((widths[-1] - 3) // 2)
    first, top_right, bottom_left, _ = _turned_corners(level, spec.angle)
    return PyramidLevel(
        left=left,
        top=top,
        heights=tuple(heights),
        widths=tuple(widths),
        corner=first,
        right=(top_right - first) / (spec.width - 1),
        down=(bottom_left - first) / (spec.height - 1),
    )


def pyramid_depth(rectangle: Rectangle, pixels: int) -> int:
    """Return how often dlib halves an image before it takes a chip of so many pixels from it."""
    depth = 0
    while _area(below := _rectangle_below(rectangle)) > pixels:
        rectangle, depth = below, depth + 1
    return depth


def pyramid_shift(depth: int) -> NDArray[np.float64]:
    """Return how far, x and y in pixels, a chip looks beside the place that its rectangle says.

    Smoothing every other pixel from the third on takes a point to half its place less 1, where dlib reckons with `LEFT`
    and `TOP`.
    """
    return (2.0**depth - 1) * 2 * np.array([1 - LEFT, 1 - TOP])


def pyramid_operator(spec: PyramidCrop, height: int, width: int) -> sparse.csr_array:
    """Write dlib's chip as a sparse matrix, as `facepriv.imaging.crop.crop_operator` does for other crops."""
    level = pyramid_level(spec, height, width)
    operator = _interpolate(spec, level)
    sizes = list(zip(level.heights, level.widths, strict=True))[:-1]
    for number, (rows, columns) in enumerate(reversed(sizes)):
        kernel = KERNEL if number < SMOOTHED_LEVELS else MIDDLE
        operator = operator @ sparse.kron(_halve(rows, kernel), _halve(columns, kernel), format="csr")
    part = operator.tocoo()
    y, x = np.divmod(part.col, level.widths[0])
    places = (y + level.top) * width + x + level.left
    whole = sparse.csr_array(
        (part.data.astype(np.float32), (part.row, places)), shape=(spec.height * spec.width, height * width)
    )
    whole.sort_indices()
    return whole


def _interpolate(spec: PyramidCrop, level: PyramidLevel) -> sparse.csr_array:
    """Return bilinear interpolation on the last level; a point beside the level gives black."""
    columns, rows = np.arange(spec.width), np.arange(spec.height)[:, None]
    height, width = level.heights[-1], level.widths[-1]
    x = level.corner[0] + columns * level.right[0] + rows * level.down[0]
    y = level.corner[1] + columns * level.right[1] + rows * level.down[1]
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    inside = (left >= 0) & (top >= 0) & (left + 1 < width) & (top + 1 < height)
    left, top, x, y = left[inside], top[inside], (x - np.floor(x))[inside], (y - np.floor(y))[inside]
    weights = np.concatenate([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y])
    corner = top * width + left
    places = np.concatenate([corner, corner + 1, corner + width, corner + width + 1])
    outputs = np.tile(np.flatnonzero(inside), 4)
    return sparse.csr_array((weights, (outputs, places)), shape=(spec.height * spec.width, height * width))


def _halve(length: int, kernel: NDArray[np.float64]) -> sparse.csr_array:
    """Return the matrix that smooths a row of pixels and drops every other one."""
    outputs, (taps,) = (length - 3) // 2, np.nonzero(kernel)
    rows = np.repeat(np.arange(outputs), len(taps))
    columns = 2 * np.arange(outputs)[:, None] + taps
    return sparse.csr_array((np.tile(kernel[taps], outputs), (rows, columns.ravel())), shape=(outputs, length))


def _rectangle_below(rectangle: Rectangle) -> Rectangle:
    left, top, right, bottom = (side / 2 for side in rectangle)
    return left - LEFT, top - TOP, right - LEFT, bottom - TOP


def _area(rectangle: Rectangle) -> float:
    left, top, right, bottom = rectangle
    return 0.0 if right < left or bottom < top else (right - left + 1) * (bottom - top + 1)


def _turned_corners(rectangle: Rectangle, angle: float) -> NDArray[np.float64]:
    """Return the corners ``(4, 2)`` turned about the middle: top left, top right, bottom left, bottom right."""
    left, top, right, bottom = rectangle
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    cos, sin = math.cos(angle), math.sin(angle)
    corners = np.array([(left, top), (right, top), (left, bottom), (right, bottom)]) - middle
    turned: NDArray[np.float64] = corners @ np.array([[cos, sin], [-sin, cos]]) + middle
    return turned


def _nearest(point: NDArray[np.float64]) -> tuple[int, int]:
    """Round half away from zero, as C's ``lround`` does; coordinates are not negative."""
    return math.floor(point[0] + 0.5), math.floor(point[1] + 0.5)
