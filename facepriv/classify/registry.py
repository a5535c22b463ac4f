"""Attribute classifiers: registered plug-ins."""

from facepriv.own_models.stored import classifier_targets
from facepriv.registry import Registry
from facepriv.types import AttributeClassifier

classifiers: Registry[AttributeClassifier] = Registry(
    "classifier",
    "facepriv.classifiers",
    {
        "dlib-gender": "facepriv.classify.dlib:DlibGender",
        "levi-hassner": "facepriv.classify.levi_hassner:LeviHassner",
        "deepface-gender": "facepriv.classify.deepface:DeepFaceGender",
        "deepface-age": "facepriv.classify.deepface:DeepFaceAge",
        "deepface-race": "facepriv.classify.deepface:DeepFaceRace",
        "dlib-age": "facepriv.classify.dlib:DlibAge",
        "levi-hassner-age": "facepriv.classify.levi_hassner:LeviHassnerAge",
    },
    more=classifier_targets,
)
