"""The 68 landmarks that the detector itself gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.acquire import CARD as DETECTOR
from facepriv.types import Box, Image
from facepriv.weights.files import require_all


class Dlib68:
    """The points that every face has once it is found; nothing more is computed."""

    card = replace(
        DETECTOR,
        name="dlib-68",
        kind="landmarks",
        title="dlib's 68 landmarks",
        licence="trained on iBUG 300-W, whose terms are said to be non-commercial",
        notes="Jaw, brows, eyes, nose and mouth; no forehead. Every method takes them.",
    )
    name = card.name
    version = card.version
    build = ""

    def ready(self) -> None:
        """Check the weight file; raises `ModelUnavailableError`."""
        require_all(self.card)

    def locate(self, pixels: Image, box: Box, landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the landmarks ``(68, 2)`` that the detector found."""
        return landmarks.copy()
