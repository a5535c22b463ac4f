"""deepface's gender network, run up to its logits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.classify.deepface_attribute import DeepFaceAttribute
from facepriv.weights.deepface_models import GENDER


class DeepFaceGender(DeepFaceAttribute):
    """Gender from an upright square of 224 x 224 pixels placed by five landmarks."""

    attribute = "gender"

    def __init__(self) -> None:
        super().__init__(GENDER)

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score crops ``(n, 224, 224, 3)`` RGB 0..255 as ``(n,)`` log-odds in nats, male positive.

        Raises
        ------
        ModelUnavailableError
            If the weights are not here or do not have the known hash.
        """
        if len(inputs) == 0:
            return np.empty(0)
        from deepface.models.demography.DemographyUtils import GENDER_LABELS

        logits = self.logits(inputs)
        scores: NDArray[np.float64] = logits[:, GENDER_LABELS.index("Man")] - logits[:, GENDER_LABELS.index("Woman")]
        return scores
