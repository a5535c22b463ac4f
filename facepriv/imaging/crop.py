"""Crops as sparse linear maps from image to classifier input, so that a local change costs a local product.

A crop that cannot be written so is a `CropFunction`; it is taken here too, and has no operator.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from facepriv.errors import BadInputError
from facepriv.imaging.pyramid_crop import pyramid_operator
from facepriv.types import Box, Crop, CropFunction, CropSpec, Face, PyramidCrop

MOST_POINTS = 1 << 20
"""Most points at which a crop samples the image: a face that fills a photo of many megapixels costs no more."""
MOST_CELLS = 4
"""Up to so many image pixels for each weight, weights are summed in a full array; beyond, they hardly ever meet."""


def samples_for(matrix: NDArray[np.float64], size: int) -> int:
    """Return the samples per output pixel and axis for a square crop of ``size`` pixels.

    One for each image pixel stepped over, so that a reduction does not alias, but not more than `MOST_POINTS` in all.
    """
    step = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    return max(1, min(math.ceil(step - 1e-6), math.isqrt(MOST_POINTS) // size))


def crop_operator(spec: Crop, height: int, width: int, *, most_cells: int = MOST_CELLS) -> sparse.csr_array:
    """Write a crop as a sparse matrix.

    ``height`` and ``width`` are those of the image, ``most_cells`` is as `MOST_CELLS`. Raises BadInputError with code
    ``crop-not-linear`` for a `CropFunction`.

    Return a matrix ``(spec.height * spec.width, height * width)`` float32 with sorted column indices. Its product with
    an image ``(height * width, 3)`` is the crop, rows in raster order.
    """
    if isinstance(spec, CropFunction):
        raise BadInputError(
            "A classifier whose crop is a linear map of the image was expected, but this one's is not; choose another "
            "classifier, or the method algorithm1, which can do without.",
            code="crop-not-linear",
        )
    if isinstance(spec, PyramidCrop):
        return pyramid_operator(spec, height, width)
    s = spec.samples
    offsets = (np.arange(s) + 0.5) / s - 0.5
    xs = (np.arange(spec.width)[:, None] + offsets).ravel()
    ys = (np.arange(spec.height)[:, None] + offsets).ravel()
    (a, b, c), (d, e, f) = spec.matrix
    ix, iy = a * xs + b * ys[:, None] + c, d * xs + e * ys[:, None] + f
    x0, y0 = np.floor(ix), np.floor(iy)
    ix -= x0
    iy -= y0
    taps = np.empty((4, *x0.shape))
    for tap, (wx, wy) in enumerate(((1 - ix, 1 - iy), (1 - ix, iy), (ix, 1 - iy), (ix, iy))):
        np.multiply(wx, wy, out=taps[tap])
    taps /= s * s
    left, top = x0.astype(np.int64), y0.astype(np.int64)
    inside = left.min() >= 0 and top.min() >= 0 and left.max() < width - 1 and top.max() < height - 1
    operator = _sum_in_boxes(spec, left, top, taps, height, width, most_cells) if inside else None
    return _sum_anywhere(spec, left, top, taps, height, width) if operator is None else operator


def _sum_in_boxes(
    spec: CropSpec,
    left: NDArray[np.int64],
    top: NDArray[np.int64],
    taps: NDArray[np.float64],
    height: int,
    width: int,
    most_cells: int,
) -> sparse.csr_array | None:
    """Add up weights in the box of image pixels that feeds each output pixel; None where that would be wasteful.

    This is several times faster than sorting the weights by row and column, and needs no pixel outside the image.
    """
    low_x, across = _footprints(left, spec)
    low_y, down = _footprints(top, spec)
    outputs, cells = spec.height * spec.width, down * across
    if outputs * cells > most_cells * taps.size:
        return None
    first = np.arange(outputs).reshape(low_x.shape) * cells - low_y * across - low_x
    places = first.repeat(spec.samples, axis=0).repeat(spec.samples, axis=1)
    places += top * across
    places += left
    index = np.stack([places + step for step in (0, across, 1, across + 1)])
    boxes = np.bincount(index.ravel(), taps.ravel(), minlength=outputs * cells)
    filled = np.flatnonzero(boxes)
    ends = np.searchsorted(filled, np.arange(outputs + 1) * cells)
    counts = np.diff(ends)
    filled -= np.repeat(np.arange(outputs) * cells, counts)
    within = (np.arange(down)[:, None] * width + np.arange(across)).ravel()
    columns = within[filled] + np.repeat((low_y * width + low_x).ravel(), counts)
    data = boxes[boxes != 0].astype(np.float32)
    return sparse.csr_array((data, columns.astype(np.int32), ends.astype(np.int32)), shape=(outputs, height * width))


def _footprints(sampled: NDArray[np.int64], spec: CropSpec) -> tuple[NDArray[np.int64], int]:
    """Return the least coordinate that feeds every output pixel ``(height, width)``, and the most pixels that feed one.

    ``sampled`` are whole parts of the coordinates, ``(height * samples, width * samples)``.
    """
    blocks = sampled.reshape(spec.height, spec.samples, spec.width, spec.samples)
    # A linear map takes its extremes at corners; each point is fed from the pixel after it too.
    corners = [blocks[:, i, :, j] for i in (0, -1) for j in (0, -1)]
    low = np.minimum.reduce(corners)
    return low, int((np.maximum.reduce(corners) - low).max()) + 2


def _sum_anywhere(
    spec: CropSpec,
    left: NDArray[np.int64],
    top: NDArray[np.int64],
    taps: NDArray[np.float64],
    height: int,
    width: int,
) -> sparse.csr_array:
    """Add up weights by row and column, wherever the points lie."""
    outputs = spec.height * spec.width
    output = np.arange(outputs).reshape(spec.height, spec.width)
    rows = output.repeat(spec.samples, axis=0).repeat(spec.samples, axis=1).ravel()
    parts = []
    for weight, (dx, dy) in zip(taps.reshape(4, -1), ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True):
        px, py = (left + dx).ravel(), (top + dy).ravel()
        kept = weight != 0
        if spec.outside == "black":
            kept &= (px >= 0) & (px < width) & (py >= 0) & (py < height)
        columns = np.clip(py[kept], 0, height - 1) * width + np.clip(px[kept], 0, width - 1)
        parts.append((weight[kept], rows[kept], columns))
    weights, row_index, column_index = (np.concatenate(p) for p in zip(*parts, strict=True))
    operator = sparse.coo_array((weights, (row_index, column_index)), shape=(outputs, height * width)).tocsr()
    operator.sum_duplicates()
    operator.sort_indices()
    return operator.astype(np.float32)


def apply_operator(operator: sparse.csr_array, image: NDArray[np.generic]) -> NDArray[np.float32]:
    """Crop an image ``(h, w, 3)`` or ``(h * w, 3)``; give ``(rows, 3)`` float32."""
    flat = image.reshape(-1, 3)
    read = operator.indices
    # Only pixels between the first and the last that is read: a photo may be many times larger than its face.
    low, high = (int(read.min()), int(read.max()) + 1) if len(read) else (0, 0)
    part = sparse.csr_array((operator.data, read - low, operator.indptr), shape=(operator.shape[0], high - low))
    return part @ np.ascontiguousarray(flat[low:high], dtype=np.float32)


def take_crop(spec: Crop, image: NDArray[np.generic]) -> NDArray[np.float32]:
    """Crop an image ``(h, w, 3)`` of any dtype 0..255; give ``(spec.height, spec.width, 3)`` float32.

    Raises BadInputError with code ``crop-function`` if a `CropFunction` reads outside the image or does not give what
    it says.
    """
    if isinstance(spec, CropFunction):
        left, top, right, bottom = spec.box
        if not (0 <= left < right <= image.shape[1] and 0 <= top < bottom <= image.shape[0]):
            raise BadInputError(
                f"A crop must read a box inside the image of {image.shape[1]} x {image.shape[0]} pixels, but asks for "
                f"{spec.box}; this is a fault of the classifier's adapter.",
                code="crop-function",
            )
        return call_crop(spec, np.ascontiguousarray(image[top:bottom, left:right], dtype=np.float32))
    operator = crop_operator(spec, image.shape[0], image.shape[1])
    return apply_operator(operator, image).reshape(spec.height, spec.width, 3)


def call_crop(spec: CropFunction, region: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute a crop from the pixels of its box; raises BadInputError with code ``crop-function`` for a wrong shape."""
    crop = np.asarray(spec.function(region), dtype=np.float32)
    if crop.shape != (spec.height, spec.width, 3):
        raise BadInputError(
            f"A crop of shape {(spec.height, spec.width, 3)} was expected, but {crop.shape} came; this is a fault of "
            "the classifier's adapter.",
            code="crop-function",
        )
    return crop


def dlib_shape(landmarks: NDArray[np.float32], box: Box) -> tuple[object, object]:
    """Return landmarks and box as dlib's ``rectangle`` and ``full_object_detection``.

    Raises BadInputError with code ``degenerate-landmarks`` if a landmark is not a finite number.
    """
    import dlib

    if not np.isfinite(landmarks).all():
        raise BadInputError(
            f"Finite landmarks were expected, but {int((~np.isfinite(landmarks)).sum())} of their {landmarks.size} "
            "numbers are not; import the image again, or leave it out.",
            code="degenerate-landmarks",
        )
    rectangle = dlib.rectangle(box[0], box[1], box[2] - 1, box[3] - 1)
    points = [dlib.point(round(float(x)), round(float(y))) for x, y in landmarks]
    return rectangle, dlib.full_object_detection(rectangle, points)


def aligned_chip(face: Face, *, size: int, padding: float) -> CropSpec:
    """Return dlib's upright face chip as a crop.

    The geometry is that of ``dlib.get_face_chip``: the similarity transform which best takes 33 of the 68 landmarks
    (eyes, nose, mouth but the lower lip) to their mean places, with a margin of ``padding`` of the face's size. The
    sampling is our own linear one instead of dlib's image pyramid, which rounds.
    """
    import dlib

    _, shape = dlib_shape(face.landmarks, face.box)
    details = dlib.get_face_chip_details(shape, size, padding)
    matrix = chip_matrix(details)
    return CropSpec(matrix=matrix, height=size, width=size, samples=samples_for(matrix, size), outside="black")


def chip_matrix(details: Any, beside: NDArray[np.float64] | float = 0.0) -> NDArray[np.float64]:
    """Return the map ``(2, 3)`` from the pixels of a square chip to the image, for dlib's ``chip_details``.

    dlib maps the centres of the chip's corner pixels to the corners of the rectangle, turned about its centre. The chip
    may show what lies a shift ``(2,)`` of pixels ``beside`` these places.
    """
    rect, last = details.rect, details.cols - 1
    step_x, step_y = (rect.right() - rect.left()) / last, (rect.bottom() - rect.top()) / last
    centre = np.array([(rect.left() + rect.right()) / 2, (rect.top() + rect.bottom()) / 2]) + beside
    cos, sin = math.cos(details.angle), math.sin(details.angle)
    linear = np.array([[cos * step_x, -sin * step_y], [sin * step_x, cos * step_y]])
    return np.column_stack([linear, centre - linear @ np.full(2, last / 2)])


def eye_square(face: Face, *, size: int, side: float, below: float, level: bool = True) -> CropSpec:
    """Return a square placed by the eyes.

    Parameters
    ----------
    size
        Output pixels along an edge.
    side
        Edge of the square, in distances between the eyes' centres.
    below
        How far the square's centre lies below the middle of the eyes, in the same unit, along the face's own axis.
    level
        Whether the square is turned so that the eyes are level.
    """
    eyes = eye_centres(face.landmarks)
    across = eyes[1] - eyes[0]
    distance = float(np.hypot(*across))
    angle = math.atan2(across[1], across[0]) if level else 0.0
    cos, sin = math.cos(angle), math.sin(angle)
    step = side * distance / size
    linear = step * np.array([[cos, -sin], [sin, cos]])
    centre = eyes.mean(axis=0) + below * distance * np.array([-sin, cos])
    matrix = np.column_stack([linear, centre - linear @ np.full(2, (size - 1) / 2)])
    return CropSpec(matrix=matrix, height=size, width=size, samples=samples_for(matrix, size), outside="edge")


def eye_centres(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the centres of both eyes, the one on the image's left first, ``(2, 2)`` x, y, from 68 landmarks."""
    points = landmarks.astype(np.float64)
    return np.stack([points[36:42].mean(axis=0), points[42:48].mean(axis=0)])
