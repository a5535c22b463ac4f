"""Probes: linear classifiers on the templates that a matcher gives of crops."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.match.registry import matchers
from facepriv.own_models.description import ProbeModel
from facepriv.own_models.stored import PROBE, OwnModel, read_own_model
from facepriv.types import Crop, CropMatcher, Face
from facepriv.weights.carded_model import CardedModel
from facepriv.weights.files import require

WEIGHTS, IMAGES, SUBJECTS = "weights", "images", "subjects"
"""Arrays of a probe's file: weights ``(d + 1,)`` with the bias last; SHA-256 of the files, and of the names of the
people, that it was trained on."""


class ProbeClassifier(CardedModel):
    """Gender from a matcher's template of a crop."""

    def __init__(self, own: OwnModel) -> None:
        assert isinstance(own.description, ProbeModel)
        self.card = own.card
        self.attribute: str = own.description.attribute
        self._own = own
        self.matcher_name = own.description.matcher

    def crop(self, face: Face) -> Crop:
        """Return the matcher's crop."""
        return self._matcher.crop(face)

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score crops ``(n, h, w, 3)`` RGB 0..255 as ``(n,)`` log-odds in nats, male positive; NaN without a template.

        Raises ModelUnavailableError if the probe or its matcher's weights are missing or changed.
        """
        if len(inputs) == 0:
            return np.empty(0)
        templates = self._matcher.embed_crops(inputs).astype(np.float64)
        return templates @ self._weights[:-1] + self._weights[-1]

    @cached_property
    def _matcher(self) -> CropMatcher:
        return crop_matcher(self.matcher_name)

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        return np.asarray(arrays_of(self._own)[WEIGHTS], dtype=np.float64)


def crop_matcher(name: str) -> CropMatcher:
    """Return a matcher that takes crops.

    Raises UnknownNameError if there is no such matcher. Raises BadInputError with code ``no-crops`` if it takes whole
    images only.
    """
    matcher = matchers.create(name)
    if not isinstance(matcher, CropMatcher):
        raise BadInputError(
            f"A probe needs a matcher that takes crops, but {name} takes whole images only; choose another, such as "
            "sface.",
            code="no-crops",
        )
    return matcher


def arrays_of(own: OwnModel) -> dict[str, NDArray[np.generic]]:
    """Return a probe's arrays, after a check of the file's hash; raise ModelUnavailableError if it was changed."""
    (weight,) = (file for file in own.card.weights if file.name == PROBE and not file.package)
    with np.load(require(weight, own.card.command), allow_pickle=False) as stored:
        return {name: stored[name] for name in (WEIGHTS, IMAGES, SUBJECTS)}


def make(name: str) -> ProbeClassifier:
    """Return a probe by its name."""
    return ProbeClassifier(read_own_model(name))
