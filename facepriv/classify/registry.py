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
        "deepface-age": "facepriv.classify.deepface_age:DeepFaceAge",
        "deepface-race": "facepriv.classify.deepface_race:DeepFaceRace",
        "dlib-age": "facepriv.classify.dlib_age:DlibAge",
        "levi-hassner-age": "facepriv.classify.levi_hassner_age:LeviHassnerAge",
    },
    more=classifier_targets,
)
