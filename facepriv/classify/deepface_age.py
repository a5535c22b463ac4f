"""deepface's age network as a binary classifier: at least so many years, or younger."""

from __future__ import annotations

from facepriv.classify.age_groups import AgeGroupClassifier
from facepriv.classify.deepface_attribute import DeepFaceAttribute
from facepriv.weights.deepface_models import MODELS


class DeepFaceAge(AgeGroupClassifier, DeepFaceAttribute):
    """Age group from an upright square of 224 x 224 pixels placed by five landmarks."""

    model = MODELS["deepface-age"]
    bands = tuple((year, year) for year in range(101))
