"""deepface's race network: six words of its makers, told as one of them against the rest."""

from __future__ import annotations

import re
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from facepriv.classify.deepface_attribute import DeepFaceAttribute, log_odds
from facepriv.errors import BadInputError
from facepriv.weights.deepface_models import RACE

RACES = ("asian", "indian", "black", "white", "middle-eastern", "latino-hispanic")
"""The network's words in its order, with hyphens for spaces."""


ALSO_CALLED = {
    "east-asian": "asian",
    "southeast-asian": "asian",
    "hispanic": "latino-hispanic",
    "latino": "latino-hispanic",
    "middle-east": "middle-eastern",
}
"""Words of data sets, such as FairFace's, that mean one of the network's; folded as `class_of` does."""


def class_of(said: str) -> str | None:
    """Return the network's word for what a data set says; None where it has none.

    Case, spaces, underscores and hyphens do not matter.
    """
    folded = "-".join(re.split(r"[\s_/-]+", said.strip().casefold()))
    word = ALSO_CALLED.get(folded, folded)
    return word if word in RACES else None


class DeepFaceRace(DeepFaceAttribute):
    """Race, as the network's makers worded it, from an upright square of 224 x 224 pixels placed by five landmarks.

    Parameters
    ----------
    positive
        The word that is positive; all others are negative.

    Raises
    ------
    BadInputError
        With code ``unknown-class`` if the network has no such word.
    """

    attribute = "race"
    option: ClassVar[str] = "positive"

    def __init__(self, positive: str = RACES[0]) -> None:
        if positive not in RACES:
            raise BadInputError(
                f"The class of {RACE.name} must be one of: {', '.join(RACES)}; {positive!r} came, so write for "
                f"instance {RACE.name}@{RACES[0]}.",
                code="unknown-class",
            )
        super().__init__(RACE)
        self.positive = positive

    def class_of(self, said: str) -> str | None:
        """Return the network's word for what a data set says; None where it has none."""
        return class_of(said)

    @property
    def name(self) -> str:
        """Name in the registry and the positive word: ``deepface-race@asian``."""
        return f"{self.card.name}@{self.positive}"

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score crops ``(n, 224, 224, 3)`` RGB 0..255 as ``(n,)`` log-odds in nats of ``positive`` against the rest.

        Raises
        ------
        ModelUnavailableError
            If the weights are not here or do not have the known hash.
        """
        if len(inputs) == 0:
            return np.empty(0)
        return log_odds(self.logits(inputs), np.array([word == self.positive for word in RACES]))
