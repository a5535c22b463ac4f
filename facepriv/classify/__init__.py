"""Attribute classifiers, one adapter a file."""

from facepriv.own_models.stored import classifier_targets
from facepriv.registry import Registry
from facepriv.types import AttributeClassifier

classifiers: Registry[AttributeClassifier] = Registry(
    "classifier",
    "facepriv.classifiers",
    {
        "dlib-gender": "facepriv.classify.dlib_gender:DlibGender",
        "levi-hassner": "facepriv.classify.levi_hassner:LeviHassner",
        "deepface-gender": "facepriv.classify.deepface_gender:DeepFaceGender",
    },
    more=classifier_targets,
)
