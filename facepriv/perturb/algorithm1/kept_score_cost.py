"""Second term of Algorithm 1's cost: how far kept scores are from those of the untouched image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.perturb.algorithm1.triangle_image import TriangleImage
from facepriv.perturb.algorithm1.triangle_inputs import TriangleInputs, View, make_inputs
from facepriv.perturb.base import KeptClassifiers, score_face
from facepriv.perturb.common.anchored_crop import AnchoredCrop
from facepriv.types import Face


class KeptScoreCost:
    """The term ``w sum |k(X) - k(X0)|`` in nats, for either direction of an update of the image.

    `accept` is to be called with every update.
    """

    def __init__(self, kept: KeptClassifiers, face: Face, image: TriangleImage) -> None:
        self._kept, self._image = kept, image
        self._original_scores = [score_face(classifier, face) for classifier in kept.classifiers]
        self.anchor(face)

    def anchor(self, face: Face) -> None:
        """Make the crops of the kept classifiers again, on the landmarks of a face."""
        self._inputs: list[TriangleInputs] = [
            make_inputs(self._image, [View(AnchoredCrop.of(classifier, face))]) for classifier in self._kept.classifiers
        ]

    def try_pair(self, triangle: int, eps: float) -> NDArray[np.float64]:
        """Return the term ``(2,)`` with a triangle blended towards the candidate, then away."""
        changes = [
            np.abs(classifier.score(inputs.try_pair(triangle, eps)) - original)
            for classifier, inputs, original in zip(
                self._kept.classifiers, self._inputs, self._original_scores, strict=True
            )
        ]
        return self._kept.weight * np.sum(changes, axis=0)

    def accept(self, triangle: int, direction: int) -> None:
        """Make the direction last tried that of the image."""
        for inputs in self._inputs:
            inputs.accept(triangle, direction)
