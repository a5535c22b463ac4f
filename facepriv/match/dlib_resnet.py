"""dlib's face recognition ResNet: 128 numbers from a chip of 150 x 150."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.face_chip import FIVE_POINTS, face_chip_crop, five_point_shape
from facepriv.match.templates import CosineMatcher, unit_rows
from facepriv.types import CropSpec, Face, ModelCard, WeightFile
from facepriv.weights.files import require_all
from facepriv.weights.instances import SharedModel

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

WIDTH = 128
CHIP, PADDING = 150, 0.25
"""Of the chip that dlib cuts for this network."""


def _make_network() -> Any:
    import dlib

    path, _ = require_all(CARD)
    return dlib.face_recognition_model_v1(str(path))


_network = SharedModel(_make_network)


class DlibResnet(CosineMatcher):
    """Templates of 128 numbers, compared by cosine."""

    card = CARD

    def embed(self, faces: Sequence[Face]) -> NDArray[np.float32]:
        """Embed faces as ``(n, 128)`` unit rows."""
        rows = np.empty((len(faces), WIDTH))
        with _network.use() as network:
            for row, face in zip(rows, faces, strict=True):
                row[:] = network.compute_face_descriptor(np.ascontiguousarray(face.pixels), five_point_shape(face))
        return unit_rows(rows)

    def crop(self, face: Face) -> CropSpec:
        """Return the face chip that dlib cuts for this network, before rounding."""
        return face_chip_crop(face, size=CHIP, padding=PADDING)

    def embed_crops(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed crops ``(n, 150, 150, 3)`` RGB 0..255 as ``(n, 128)`` unit rows, close to those of `embed`.

        dlib reads whole grey levels, so crops are rounded: a change of less than half a level everywhere is none.
        """
        rows = np.empty((len(inputs), WIDTH))
        chips = np.clip(np.rint(inputs), 0, 255).astype(np.uint8)
        with _network.use() as network:
            for row, chip in zip(rows, chips, strict=True):
                row[:] = network.compute_face_descriptor(np.ascontiguousarray(chip))
        return unit_rows(rows)
