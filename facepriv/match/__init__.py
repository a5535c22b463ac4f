"""Face matchers, one adapter a file."""

from facepriv.match.templates import cosine_similarity, unit_rows
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
        "deepface-facenet512": "facepriv.match.deepface:facenet512",
        "deepface-arcface": "facepriv.match.deepface:arcface",
    },
    more=matcher_targets,
)

__all__ = ["cosine_similarity", "matchers", "unit_rows"]
