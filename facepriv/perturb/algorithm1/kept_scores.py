"""How far kept scores have strayed from those of the untouched image, while it changes triangle by triangle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.perturb.algorithm1.triangle_image import TriangleImage
from facepriv.perturb.algorithm1.triangle_inputs import TriangleInputs, View, make_inputs
from facepriv.perturb.base import KeptClassifiers, score_face
from facepriv.perturb.common.anchored_crop import AnchoredCrop
from facepriv.types import Face


class KeptScoreCost:
    """The second term of the cost, ``w sum |k(X) - k(X0)|`` in nats, for either direction of an update.

    Parameters
    ----------
    image
        The image that `facepriv.perturb.algorithm1.method` changes; `keep` is to be called with every update of it.
    """

    def __init__(self, keep: KeptClassifiers, face: Face, image: TriangleImage) -> None:
        self._keep, self._image = keep, image
        self._first = [score_face(one, face) for one in keep.classifiers]
        self.anchor(face)

    def anchor(self, face: Face) -> None:
        """Take the crops of the kept classifiers where a face was found."""
        self._inputs: list[TriangleInputs] = [
            make_inputs(self._image, [View(AnchoredCrop(one, face))]) for one in self._keep.classifiers
        ]

    def try_pair(self, triangle: int, eps: float) -> NDArray[np.float64]:
        """Return the term ``(2,)`` with a triangle blended towards the candidate, then away."""
        strayed = [
            np.abs(one.score(inputs.try_pair(triangle, eps)) - first)
            for one, inputs, first in zip(self._keep.classifiers, self._inputs, self._first, strict=True)
        ]
        term: NDArray[np.float64] = self._keep.weight * np.sum(strayed, axis=0)
        return term

    def keep(self, triangle: int, which: int) -> None:
        """Make the direction last tried that of the image."""
        for inputs in self._inputs:
            inputs.keep(triangle, which)
