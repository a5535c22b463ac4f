"""deepface's age network: a distribution over 101 ages, told as at least a boundary against below it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from facepriv.classify.age_groups import BOUNDARY, check_boundary
from facepriv.classify.deepface_attribute import DeepFaceAttribute, log_odds
from facepriv.weights.deepface_models import AGE

AGES = np.arange(101)
"""Whole years that the network tells apart."""


class DeepFaceAge(DeepFaceAttribute):
    """Apparent age from an upright square of 224 x 224 pixels placed by five landmarks.

    Parameters
    ----------
    boundary
        Years from which on a face counts as older, 1 to 100.

    Raises
    ------
    BadInputError
        With code ``bad-boundary``.
    """

    attribute = "age"
    option: ClassVar[str] = "boundary"

    def __init__(self, boundary: int = BOUNDARY) -> None:
        super().__init__(AGE)
        self.boundary = check_boundary(boundary, 1, int(AGES[-1]), AGE.name)

    @property
    def name(self) -> str:
        """Name in the registry and the boundary: ``deepface-age@40``."""
        return f"{self.card.name}@{self.boundary}"

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score crops ``(n, 224, 224, 3)`` RGB 0..255 as ``(n,)`` log-odds in nats of being at least ``boundary``.

        Raises
        ------
        ModelUnavailableError
            If the weights are not here or do not have the known hash.
        """
        if len(inputs) == 0:
            return np.empty(0)
        return log_odds(self.logits(inputs), self.boundary <= AGES)
