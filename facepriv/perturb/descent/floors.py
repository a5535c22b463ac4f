"""Floors that a search must never pass: likeness of the image, and similarity under matchers that must go on accepting.

Image quality is measured inside the face box of the original (`facepriv.imaging.quality`), similarity between the
original and the face found again in the stored file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.imaging.quality import psnr_db, ssim
from facepriv.perturb.descent.mesh_field import MeshField
from facepriv.types import Face, FaceMatcher

TRIES = 8
"""Most measurements for bringing one image back to the floor; the fall is quadratic, so two or three do."""


class QualityFloor:
    """A least PSNR, in dB, and a least SSIM, 0..1, of the face box; 0 for none.

    Raises BadInputError with code ``floor-unmeasurable`` if the face box is too small, or lies too far outside, to be
    measured.
    """

    def __init__(self, face: Face, field: MeshField, *, psnr: float, ssim: float) -> None:
        self._face, self._field = face, field
        self._psnr, self._ssim = psnr, ssim
        if self.active and not np.isfinite(self._excess(np.zeros(field.size))):
            raise BadInputError(
                "A face box of which at least 11 x 11 pixels lie inside the image was expected for a floor on image "
                f"quality, but the box is {face.box} in an image of {field.image_shape[1]} x {field.image_shape[0]} "
                "pixels; leave the image out or set no floor.",
                code="floor-unmeasurable",
            )

    @property
    def active(self) -> bool:
        """Return whether there is a floor."""
        return self._psnr > 0 or self._ssim > 0

    def within(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the coefficients, brought towards 0 all alike until the floor holds; unchanged if it does already."""
        if not self.active:
            return coefficients
        share = 1.0
        for _ in range(TRIES):
            excess = self._excess(share * coefficients)
            if excess <= 1:
                return share * coefficients
            # Both faults grow with the square of the change, nearly.
            share *= 0.995 / float(np.sqrt(excess))
        return np.zeros_like(coefficients)

    def _excess(self, coefficients: NDArray[np.float64]) -> float:
        """Return how many times the tolerated fault (mean square; 1 - SSIM) an image has."""
        image = self._field.image(coefficients)
        original, box = self._face.pixels, self._face.box
        excess = 0.0
        if self._psnr > 0:
            excess = 10 ** ((self._psnr - psnr_db(original, image, box)) / 10)
        if self._ssim > 0:
            excess = float(np.maximum(excess, (1 - ssim(original, image, box)) / (1 - self._ssim)))
        return excess


class SimilarityFloor:
    """A least similarity to the original under every guarding matcher.

    Near the original, similarity falls with the square of the change: ``1 - s = a' H a`` with ``H = J' J / 2``, ``J``
    the template's derivative by the coefficients. `metric` measures ``J`` by one-sided differences; added to the metric
    of the image's change, ``H`` is the matcher's term in the cost. Raises BadInputError with code
    ``floor-unmeasurable`` if a guard gives no template of the original.
    """

    def __init__(self, face: Face, field: MeshField, guards: Sequence[FaceMatcher], floor: float) -> None:
        self._face, self._field, self._guards, self._floor = face, field, guards, floor
        self._templates = [guard.embed([face]) for guard in guards]
        for guard, template in zip(guards, self._templates, strict=True):
            if not np.isfinite(template).all():
                raise BadInputError(
                    f"A template of the original was expected of the matcher {guard.name} for the floor on similarity, "
                    "but it gave none; leave the image out or guard with another matcher.",
                    code="floor-unmeasurable",
                )

    @property
    def active(self) -> bool:
        """Return whether there is a floor."""
        return bool(self._guards)

    def excess(self, face: Face | None) -> float:
        """Return the fall of similarity of a face found again, in shares of ``1 - floor``, under the worst guard."""
        if face is None:
            return float("inf")
        falls = [
            1 - float(guard.compare(template, guard.embed([face]))[0, 0])
            for guard, template in zip(self._guards, self._templates, strict=True)
        ]
        return float("inf") if np.isnan(falls).any() else max(falls) / (1 - self._floor)

    def metric(self, step: float) -> NDArray[np.float64]:
        """Measure ``H`` ``(k, k)``, the sum over the guards; it costs k + 1 embeddings a guard."""
        size = self._field.size
        metric = np.zeros((size, size))
        for guard in self._guards:
            here = guard.embed([self._face])[0].astype(np.float64)
            moved = np.empty((size, len(here)))
            for k in range(size):
                coefficients = np.zeros(size)
                coefficients[k] = step
                face = replace(self._face, pixels=self._field.image(coefficients))
                moved[k] = guard.embed([face])[0]
            slopes = (np.nan_to_num(moved, nan=0.0) - here) / step
            metric += slopes @ slopes.T / 2
        return metric


def blended(image: NDArray[np.float64], matcher: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """Add a matcher's metric to the image's, both brought to the same mean diagonal, ``weight`` times."""
    whole = float(np.trace(matcher))
    if whole == 0:
        return image
    return image + weight * float(np.trace(image)) / whole * matcher
