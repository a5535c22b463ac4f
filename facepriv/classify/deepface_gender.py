"""deepface's gender network."""

from __future__ import annotations

from facepriv.classify.deepface_attribute import DeepFaceAttribute
from facepriv.weights.deepface_models import MODELS


class DeepFaceGender(DeepFaceAttribute):
    """Gender from an upright square of 224 x 224 pixels placed by five landmarks, male positive."""

    model = MODELS["deepface-gender"]
    attribute = "gender"
    positive = (0, 1)
