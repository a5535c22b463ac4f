"""Crops as sparse linear maps from image to classifier input, so that a local change costs a local product."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from facepriv.types import CropSpec, Face

MOST_POINTS = 1 << 20
"""Most points at which a crop samples the image: a face that fills a photo of many megapixels costs no more."""


def samples_for(matrix: NDArray[np.float64], size: int) -> int:
    """Give the samples per output pixel and axis for a square crop of ``size`` pixels.

    One for each image pixel stepped over, so that a reduction does not alias, but not more than `MOST_POINTS` in all.
    """
    step = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    return max(1, min(math.ceil(step - 1e-6), math.isqrt(MOST_POINTS) // size))


def crop_operator(spec: CropSpec, height: int, width: int) -> sparse.csr_array:
    """Write a crop as a sparse matrix.

    Parameters
    ----------
    height, width
        Of the image the crop is taken from.

    Returns
    -------
    csr_array
        ``(spec.height * spec.width, height * width)`` float32 with sorted column indices. Its product with an image
        ``(height * width, 3)`` is the crop, rows in raster order.
    """
    s = spec.samples
    offsets = (np.arange(s) + 0.5) / s - 0.5
    xs = (np.arange(spec.width)[:, None] + offsets).ravel()
    ys = (np.arange(spec.height)[:, None] + offsets).ravel()
    gx, gy = np.meshgrid(xs, ys)
    (a, b, c), (d, e, f) = spec.matrix
    ix, iy = a * gx + b * gy + c, d * gx + e * gy + f

    rows_y, rows_x = np.meshgrid(
        np.repeat(np.arange(spec.height), s), np.repeat(np.arange(spec.width), s), indexing="ij"
    )
    rows = (rows_y * spec.width + rows_x).ravel()
    x0, y0 = np.floor(ix), np.floor(iy)
    fx, fy = (ix - x0).ravel(), (iy - y0).ravel()
    parts = []
    for dx, wx in ((0, 1 - fx), (1, fx)):
        for dy, wy in ((0, 1 - fy), (1, fy)):
            px, py = (x0 + dx).ravel(), (y0 + dy).ravel()
            weight = wx * wy / (s * s)
            if spec.outside == "black":
                weight = weight * ((px >= 0) & (px < width) & (py >= 0) & (py < height))
            column = np.clip(py, 0, height - 1) * width + np.clip(px, 0, width - 1)
            parts.append((weight, rows, column.astype(np.int64)))
    weights, row_index, columns = (np.concatenate(p) for p in zip(*parts, strict=True))
    kept = weights != 0
    operator = sparse.coo_array(
        (weights[kept], (row_index[kept], columns[kept])), shape=(spec.height * spec.width, height * width)
    ).tocsr()
    operator.sum_duplicates()
    operator.sort_indices()
    return operator.astype(np.float32)


def apply_operator(operator: sparse.csr_array, image: NDArray[np.generic]) -> NDArray[np.float32]:
    """Crop an image ``(h, w, 3)`` or ``(h * w, 3)``; give ``(rows, 3)`` float32."""
    flat = np.ascontiguousarray(image.reshape(-1, 3), dtype=np.float32)
    product: NDArray[np.float32] = operator @ flat
    return product


def take_crop(spec: CropSpec, image: NDArray[np.generic]) -> NDArray[np.float32]:
    """Crop an image ``(h, w, 3)`` of any dtype 0..255; give ``(spec.height, spec.width, 3)`` float32."""
    operator = crop_operator(spec, image.shape[0], image.shape[1])
    return apply_operator(operator, image).reshape(spec.height, spec.width, 3)


def dlib_shape(landmarks: NDArray[np.float32], box: tuple[int, int, int, int]) -> tuple[object, object]:
    """Give landmarks and box as dlib's ``rectangle`` and ``full_object_detection``."""
    import dlib

    rectangle = dlib.rectangle(box[0], box[1], box[2] - 1, box[3] - 1)
    points = [dlib.point(round(float(x)), round(float(y))) for x, y in landmarks]
    return rectangle, dlib.full_object_detection(rectangle, points)


def aligned_chip(face: Face, *, size: int, padding: float) -> CropSpec:
    """Give dlib's upright face chip as a crop.

    The geometry is that of ``dlib.get_face_chip``: the similarity transform which best takes 33 of the 68 landmarks
    (eyes, nose, mouth but the lower lip) to their mean places, with a margin of ``padding`` of the face's size. The
    sampling is our own linear one instead of dlib's image pyramid, which rounds.
    """
    import dlib

    _, shape = dlib_shape(face.landmarks, face.box)
    details = dlib.get_face_chip_details(shape, size, padding)
    rect, angle = details.rect, details.angle
    # dlib maps the centres of the chip's corner pixels to the corners of the rectangle, turned about its centre.
    step_x = (rect.right() - rect.left()) / (size - 1)
    step_y = (rect.bottom() - rect.top()) / (size - 1)
    cx, cy = (rect.left() + rect.right()) / 2, (rect.top() + rect.bottom()) / 2
    cos, sin = math.cos(angle), math.sin(angle)
    linear = np.array([[cos * step_x, -sin * step_y], [sin * step_x, cos * step_y]])
    middle = (size - 1) / 2
    shift = np.array([cx, cy]) - linear @ np.array([middle, middle])
    matrix = np.column_stack([linear, shift])
    return CropSpec(matrix=matrix, height=size, width=size, samples=samples_for(matrix, size), outside="black")


def eye_square(face: Face, *, size: int, side: float, below: float, level: bool = True) -> CropSpec:
    """Give a square placed by the eyes.

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
    """Give the centres of both eyes, the one on the image's left first, ``(2, 2)`` x, y, from 68 landmarks."""
    points = landmarks.astype(np.float64)
    return np.stack([points[36:42].mean(axis=0), points[42:48].mean(axis=0)])
