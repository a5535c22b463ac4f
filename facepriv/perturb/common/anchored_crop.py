"""A classifier's crop, anchored on one face: made once, then taken of as many images as needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.crop import apply_operator, crop_operator, take_crop
from facepriv.types import AttributeClassifier, CropFunction, Face


class AnchoredCrop:
    """The crop ``classifier.crop(face)`` of images of the size of ``face.pixels``."""

    def __init__(self, classifier: AttributeClassifier, face: Face) -> None:
        self.classifier = classifier
        self.spec = classifier.crop(face)
        height, width = face.pixels.shape[:2]
        self.operator = None if isinstance(self.spec, CropFunction) else crop_operator(self.spec, height, width)
        """The crop as a sparse matrix; None if it is not linear."""

    def take(self, image: NDArray[np.generic]) -> NDArray[np.float32]:
        """Crop an image ``(h, w, 3)`` 0..255; give ``(height, width, 3)`` float32."""
        if self.operator is None:
            return take_crop(self.spec, image)
        return apply_operator(self.operator, image).reshape(self.spec.height, self.spec.width, 3)

    def score(self, image: NDArray[np.generic]) -> float:
        """Score an image ``(h, w, 3)`` 0..255, log-odds in nats."""
        return float(self.classifier.score(self.take(image)[None])[0])
