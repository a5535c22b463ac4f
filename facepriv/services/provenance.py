"""What a computed number depends on besides its image: weights, code, and the libraries that compute."""

from __future__ import annotations

import hashlib
from importlib.metadata import version

import facepriv
from facepriv.classify import classifiers
from facepriv.match import matchers
from facepriv.results import ModelRef

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


def maker(ref: ModelRef) -> str:
    """Give a hash of all that a template or score depends on besides the image: weights, code, what computes."""
    code = [facepriv.__version__, classifiers.release(ref.name), matchers.release(ref.name)]
    parts = [ref.name, ref.version, *code, *(f"{name} {version(name)}" for name in COMPUTING)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
