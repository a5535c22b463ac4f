"""A classifier's input kept up to date while an image changes triangle by triangle.

Between two anchorings a crop is a fixed linear map ``S``. A change of the pixels of triangle ``T`` alters only the
rows of the input that ``S`` feeds from those pixels, so only these rows are computed again, each as the same sum in the
same order as in the full product: the input is bit for bit what cropping the whole changed image would give.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from facepriv.imaging.crop import apply_operator, crop_operator
from facepriv.types import AttributeClassifier, Face


@dataclass(frozen=True, eq=False)
class _Patch:
    """The part of the crop that one triangle touches."""

    rows: NDArray[np.int64]
    """Rows of the input fed by the triangle."""
    columns: NDArray[np.int64]
    """Pixels that feed these rows, inside and outside the triangle."""
    places: NDArray[np.int64]
    """Where, among ``columns``, the triangle's own pixels stand."""
    own: NDArray[np.int64]
    """Which of the triangle's pixels these are; the others feed nothing."""
    operator: sparse.csr_array
    """``(len(rows), len(columns))``."""


class LinearInput:
    """The crop of an image ``(h * w, 3)`` float32 that changes a triangle at a time.

    Parameters
    ----------
    classifier, face
        The crop is ``classifier.crop(face)``; landmarks and box of ``face`` are the anchor.
    image
        ``(h * w, 3)`` float32, the current image; it is read, never written, by this class.
    """

    def __init__(
        self,
        classifier: AttributeClassifier,
        face: Face,
        image: NDArray[np.float32],
        pixels: list[NDArray[np.int64]],
    ) -> None:
        height, width = face.pixels.shape[:2]
        spec = classifier.crop(face)
        self._operator = crop_operator(spec, height, width)
        self._by_pixel = self._operator.tocsc()
        self._image = image
        self._pixels = pixels
        self._patches: dict[int, _Patch] = {}
        self._shape = (spec.height, spec.width, 3)
        current = apply_operator(self._operator, image)
        self._pair = np.stack([current, current])

    @property
    def current(self) -> NDArray[np.float32]:
        """The input ``(1, height, width, 3)`` of the current image."""
        return self._pair[:1].reshape(1, *self._shape)

    def try_pair(self, triangle: int, values: tuple[NDArray[np.float32], NDArray[np.float32]]) -> NDArray[np.float32]:
        """Give the inputs ``(2, height, width, 3)`` that the image would have with either set of triangle values.

        The array is reused by the next call.
        """
        patch = self._patch(triangle)
        around = self._image[patch.columns]
        for which, value in enumerate(values):
            around[patch.places] = value[patch.own]
            self._pair[which, patch.rows] = patch.operator @ around
        return self._pair.reshape(2, *self._shape)

    def accept(self, triangle: int, which: int) -> None:
        """Keep one of the two inputs last tried as the current one."""
        rows = self._patch(triangle).rows
        self._pair[1 - which, rows] = self._pair[which, rows]

    def _patch(self, triangle: int) -> _Patch:
        if triangle not in self._patches:
            pixels = self._pixels[triangle]
            touched = self._by_pixel[:, pixels]
            rows = np.unique(touched.indices).astype(np.int64)
            part = self._operator[rows]
            columns, positions = np.unique(part.indices, return_inverse=True)
            operator = sparse.csr_array((part.data, positions, part.indptr), shape=(len(rows), len(columns)))
            own = np.flatnonzero(np.isin(pixels, columns))
            places = np.searchsorted(columns, pixels[own])
            self._patches[triangle] = _Patch(rows, columns.astype(np.int64), places, own, operator)
        return self._patches[triangle]
