"""deepface's recognition networks (VGG-Face, FaceNet, ArcFace), fed with our alignment: no second detector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facepriv.deepface_models import (
    ARCFACE,
    FACENET512,
    VGG_FACE,
    DeepFaceModel,
    card_of,
    network_input,
    shared_client,
)
from facepriv.imaging.crop import take_crop
from facepriv.imaging.five_points import five_point_square
from facepriv.match.templates import cosine_similarity, unit_rows
from facepriv.types import Face


class DeepFaceMatcher:
    """Templates of one of deepface's ONNX recognition models, compared by cosine.

    The face is aligned by five of its landmarks (ADR 0005); size, colour order and scale of the input are deepface's.
    The card carries the hash that is recorded when the matcher is made; no other weights are opened.
    """

    def __init__(self, model: DeepFaceModel) -> None:
        self.card = card_of(model)
        self._client = shared_client(model, self.card)

    @property
    def name(self) -> str:
        """Name in the registry."""
        return self.card.name

    @property
    def version(self) -> str:
        """Prefix of the weights' SHA-256."""
        return self.card.version

    def embed(self, faces: Sequence[Face]) -> NDArray[np.float32]:
        """Embed faces as ``(n, d)`` unit rows, d as the model's client says.

        Raises
        ------
        ModelUnavailableError
            If the weights are not here or do not have the recorded hash.
        """
        with self._client.use() as client:
            rows = np.empty((len(faces), client.output_shape))
            for row, face in zip(rows, faces, strict=True):
                crop = take_crop(five_point_square(face, size=max(client.input_shape)), face.pixels)
                # One face at a time: a batch costs as much on one thread, and some graphs take only one.
                row[:] = client.forward(network_input(crop, client.input_shape))
        return unit_rows(rows)

    def compare(self, gallery: NDArray[np.float32], probes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compare ``(g, d)`` with ``(p, d)`` as ``(g, p)`` cosine similarity."""
        return cosine_similarity(gallery, probes)


def vgg_face() -> DeepFaceMatcher:
    """Make the VGG descriptor that the paper matched with (section 3.3)."""
    return DeepFaceMatcher(VGG_FACE)


def facenet512() -> DeepFaceMatcher:
    """Make FaceNet with 512 numbers."""
    return DeepFaceMatcher(FACENET512)


def arcface() -> DeepFaceMatcher:
    """Make ArcFace."""
    return DeepFaceMatcher(ARCFACE)
