"""deepface's race network: one of its makers' six words against the rest."""

from __future__ import annotations

import re
from typing import ClassVar

from facepriv.classify.deepface_attribute import DeepFaceAttribute
from facepriv.errors import BadInputError
from facepriv.weights.deepface_models import MODELS

RACES = ("asian", "indian", "black", "white", "middle-eastern", "latino-hispanic")
"""The network's words in its order, with hyphens for spaces."""
SYNONYMS = {
    "east-asian": "asian",
    "southeast-asian": "asian",
    "hispanic": "latino-hispanic",
    "latino": "latino-hispanic",
    "middle-east": "middle-eastern",
}
"""Words of data sets, such as FairFace's, for the network's words; in the form that `class_of` makes of them."""


def class_of(text: str) -> str | None:
    """Return the network's word for what a data set says; None where it has none.

    Case, spaces, underscores and hyphens do not matter.
    """
    folded = "-".join(re.split(r"[\s_/-]+", text.strip().casefold()))
    word = SYNONYMS.get(folded, folded)
    return word if word in RACES else None


class DeepFaceRace(DeepFaceAttribute):
    """Race, as the network's makers worded it, from an upright square of 224 x 224 pixels placed by five landmarks.

    Parameters
    ----------
    word
        The word that is positive; all others are negative.

    Raises
    ------
    BadInputError
        With code ``unknown-class`` if the network has no such word.
    """

    model = MODELS["deepface-race"]
    attribute = "race"
    option: ClassVar[str] = "word"

    def __init__(self, word: str = RACES[0]) -> None:
        if word not in RACES:
            raise BadInputError(
                f"The class of {self.model.name} must be one of: {', '.join(RACES)}; not {word!r}. Write for instance "
                f"{self.model.name}@{RACES[0]}.",
                code="unknown-class",
            )
        super().__init__()
        self.word = word
        self.positive = tuple(float(race == word) for race in RACES)

    @property
    def name(self) -> str:
        """Name in the registry and the positive word: ``deepface-race@asian``."""
        return f"{self.card.name}@{self.word}"

    def class_of(self, text: str) -> str | None:
        """Return the network's word for what a data set says; None where it has none."""
        return class_of(text)
