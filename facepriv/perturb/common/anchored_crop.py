"""A crop, anchored on one face: made once, then taken of as many images as needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.crop import apply_operator, crop_operator, take_crop
from facepriv.types import AttributeClassifier, Crop, CropFunction, Face


class SparseCrop:
    """A crop of images of one size ``(height, width)``."""

    def __init__(self, spec: Crop, shape: tuple[int, ...]) -> None:
        self.spec = spec
        self.operator = None if isinstance(spec, CropFunction) else crop_operator(spec, *shape[:2])
        """The crop as a sparse matrix; None if it is not linear."""

    def take(self, image: NDArray[np.generic]) -> NDArray[np.float32]:
        """Crop an image ``(h, w, 3)`` 0..255; give ``(height, width, 3)`` float32."""
        if self.operator is None:
            return take_crop(self.spec, image)
        return apply_operator(self.operator, image).reshape(self.spec.height, self.spec.width, 3)


class AnchoredCrop(SparseCrop):
    """A classifier's crop of images of one size ``(height, width)``."""

    def __init__(self, classifier: AttributeClassifier, spec: Crop, shape: tuple[int, ...]) -> None:
        super().__init__(spec, shape)
        self.classifier = classifier

    @classmethod
    def of(cls, classifier: AttributeClassifier, face: Face) -> AnchoredCrop:
        """Return the crop ``classifier.crop(face)`` of images of the size of ``face.pixels``."""
        return cls(classifier, classifier.crop(face), face.pixels.shape)

    def score(self, image: NDArray[np.generic]) -> float:
        """Score an image ``(h, w, 3)`` 0..255 under this crop, log-odds in nats."""
        return float(self.classifier.score(self.take(image)[None])[0])
