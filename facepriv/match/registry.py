"""Face matchers, one adapter a file."""

from facepriv.own_models.stored import matcher_targets
from facepriv.registry import Registry
from facepriv.types import FaceMatcher

matchers: Registry[FaceMatcher] = Registry(
    "matcher",
    "facepriv.matchers",
    {
        "dlib-resnet": "facepriv.match.dlib_resnet:DlibResnet",
        "sface": "facepriv.match.sface:SFace",
        "deepface-vgg-face": "facepriv.match.deepface:vgg_face",
        "deepface-facenet": "facepriv.match.deepface:facenet",
        "deepface-facenet512": "facepriv.match.deepface:facenet512",
        "deepface-arcface": "facepriv.match.deepface:arcface",
        "deepface-sface": "facepriv.match.deepface:sface",
        "deepface-ghostfacenet": "facepriv.match.deepface:ghostfacenet",
        "deepface-openface": "facepriv.match.deepface:openface",
        "deepface-deepid": "facepriv.match.deepface:deepid",
        "deepface-dlib": "facepriv.match.deepface:dlib",
        "deepface-buffalo-l": "facepriv.match.deepface:buffalo_l",
    },
    more=matcher_targets,
)
