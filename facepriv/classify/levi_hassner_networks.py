"""Base of Levi and Hassner's age and gender networks (CVPR workshops 2015), run by OpenCV up to their logits."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from facepriv.classify.class_logits import LogitsClassifier
from facepriv.imaging.crop import eye_square
from facepriv.types import CropSpec, Face, ModelCard
from facepriv.weights.files import require_all
from facepriv.weights.instances import SharedModel

SIZE = 227
# The square: side and drop of its centre below the eyes, in inter-eye distances; see ADR 0002.
SIDE = 3.75
BELOW = 0.6
# Mean of the training images, BGR.
MEAN = np.array([78.4263377603, 87.7689143744, 114.895847746], dtype=np.float32)


def make_net(card: ModelCard) -> Any:
    """Open a network of a card that lists its description first and its weights second.

    Raises
    ------
    ModelUnavailableError
        If the files are not here or do not have the pinned hashes.
    """
    import cv2

    prototxt, weights = require_all(card)
    return cv2.dnn.readNetFromCaffe(str(prototxt), str(weights))


class LeviHassnerNetwork(LogitsClassifier):
    """A network that reads an upright square of 227 x 227 pixels around the face."""

    net: ClassVar[SharedModel[Any]]

    def crop(self, face: Face) -> CropSpec:
        """Return the square of ADR 0002, chosen by measurement of the gender network, not of the age network."""
        return eye_square(face, size=SIZE, side=SIDE, below=BELOW)

    def logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logits ``(n, classes)`` of crops ``(n, 227, 227, 3)`` RGB 0..255."""
        batch = np.ascontiguousarray((inputs[..., ::-1] - MEAN).transpose(0, 3, 1, 2), dtype=np.float32)
        with self.net.use() as net:
            net.setInput(batch, "data")
            logits: NDArray[np.float64] = net.forward("fc8").reshape(len(inputs), -1).astype(np.float64)
        return logits
