"""Checks of arguments of metrics: one-dimensional scores, binary labels, probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facepriv.errors import BadInputError
from facepriv.types import FEMALE, MALE, Floats64

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]


def as_scores(values: ArrayLike, what: str) -> Floats:
    """Return ``values`` as a 1-d float array; float32 is kept, all else becomes float64.

    Raises
    ------
    BadInputError
        If the array has another number of dimensions.
    """
    array = np.asarray(values)
    if array.dtype != np.float32:
        array = array.astype(np.float64)
    if array.ndim != 1:
        raise BadInputError(
            f"Expected {what} as a one-dimensional array, got shape {array.shape}; flatten it first.", code="bad-shape"
        )
    return array


def as_finite(values: ArrayLike, what: str) -> Floats:
    """Return ``values`` as `as_scores` does, and raise an error for NaN and infinities.

    Raises
    ------
    BadInputError
        If a value is not finite.
    """
    array = as_scores(values, what)
    bad = array.size - int(np.isfinite(array).sum())
    if bad:
        raise BadInputError(
            f"Expected only finite {what}, got {bad} of {array.size} that are NaN or infinite; "
            "leave out images that failed and count them as failures.",
            code="not-finite",
        )
    return array


def as_labels(labels: ArrayLike, size: int) -> Labels:
    """Return ``labels`` as ``(size,)`` integers: +1 male, -1 female, 0 unlabelled.

    Raises
    ------
    BadInputError
        If the number of labels is another, or a label is none of the three.
    """
    array = np.asarray(labels)
    if array.shape != (size,):
        raise BadInputError(
            f"Expected {size} labels, one for each score, got shape {array.shape}; give both in the same order.",
            code="bad-shape",
        )
    unknown = array[~np.isin(array, (MALE, FEMALE, 0))]
    if unknown.size:
        raise BadInputError(
            f"Expected labels +1 (male), -1 (female) or 0 (unlabelled), got {unknown[0]!s}; map your labels to these.",
            code="bad-label",
        )
    return array.astype(np.int64)


def as_probabilities(values: ArrayLike, what: str) -> Floats64:
    """Return ``values`` of any shape as float64 within 0..1.

    Raises
    ------
    BadInputError
        If a value lies outside or is NaN.
    """
    array = np.asarray(values, dtype=np.float64)
    outside = array[~((array >= 0) & (array <= 1))]
    if outside.size:
        raise BadInputError(
            f"Expected {what} as a fraction from 0 to 1, got {outside.flat[0]:g}; divide percentages by 100.",
            code="out-of-range",
        )
    return array
