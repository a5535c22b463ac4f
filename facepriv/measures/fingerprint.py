"""What a computed number depends on besides its image: weights, code, and the libraries that compute."""

from __future__ import annotations

import hashlib
from importlib.metadata import version

import facepriv
from facepriv.classify.registry import classifiers
from facepriv.imaging.landmarkers.registry import landmarkers
from facepriv.match.registry import matchers
from facepriv.schemas.base import ModelRef
from facepriv.types import Landmarker

COMPUTING = (
    "deepface",
    "dlib-bin",
    "numpy",
    "onnxruntime",
    "opencv-contrib-python-headless",
    "pillow",
    "scikit-image",
    "scipy",
)
"""Libraries whose versions may move a bit of a result."""


def fingerprint(ref: ModelRef, detector_fingerprint: str = "") -> str:
    """Return a hash of all that a template or score depends on besides the image: weights, code, libraries.

    It includes the fingerprint of the detector that found the face, which is empty for a detector itself.
    """
    code = [facepriv.__version__, classifiers.release(ref.name), matchers.release(ref.name)]
    parts = [ref.name, ref.version, *code, *(f"{name} {version(name)}" for name in COMPUTING), detector_fingerprint]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def landmarks_fingerprint(landmarker: Landmarker, detector_fingerprint: str = "") -> str:
    """Return a hash of all that a face's points depend on besides the image; of a library, which build of it too."""
    ref = ModelRef(name=landmarker.name, version=landmarker.version)
    return fingerprint(ref, "\n".join([detector_fingerprint, landmarkers.release(ref.name), landmarker.build]))
