"""deepface's recognition networks, fed with our alignment: no second detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import ModelUnavailableError
from facepriv.imaging.crop import aligned_chip, take_crop
from facepriv.imaging.five_points import five_point_square
from facepriv.match.templates import cosine_similarity, unit_rows
from facepriv.types import CropSpec, Face
from facepriv.weights import deepface_models as models
from facepriv.weights.deepface_clients import network_input, shared_client
from facepriv.weights.deepface_models import DeepFaceModel, card_of

DLIB_PADDING = 0.25
"""Margin of the chip that dlib's recognition network was trained on."""


def network_crop(model: DeepFaceModel, face: Face) -> CropSpec:
    """Give the part of the image that a network sees: five points in their places, for dlib's network its own chip."""
    width, height = model.input_shape
    if model.runtime == "dlib":
        return aligned_chip(face, size=width, padding=DLIB_PADDING)
    return five_point_oblong(face, width, height)


def five_point_oblong(face: Face, width: int, height: int) -> CropSpec:
    """Return the five-point square as high or as wide as the input, and of an oblong input its middle.

    deepface would fill an oblong input with black bands; a face is oblong, too, so the middle holds it.
    """
    edge = max(width, height)
    square = five_point_square(face, size=edge)
    matrix = square.matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ [(edge - width) / 2, (edge - height) / 2]
    return replace(square, matrix=matrix, width=width, height=height)


class DeepFaceMatcher:
    """Templates of one of deepface's recognition models, compared by cosine.

    The face is aligned by its landmarks (ADR 0005); colour order and scale of the input are deepface's. The
    card carries the hash that is known when the matcher is made; no other weights are opened.
    """

    def __init__(self, model: DeepFaceModel) -> None:
        self.card = card_of(model)
        self._model = model
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
        """Embed faces as ``(n, d)`` unit rows.

        Raises
        ------
        ModelUnavailableError
            If the weights are not here, do not have the known hash, or give templates of another length.
        """
        rows = np.empty((len(faces), self._model.outputs))
        with self._client.use() as client:
            for row, face in zip(rows, faces, strict=True):
                crop = take_crop(network_crop(self._model, face), face.pixels)
                # One face at a time: a batch costs as much on one thread, and some graphs take only one.
                templates = np.atleast_2d(client.forward(network_input(crop)))
                if templates.shape != (1, self._model.outputs):
                    raise ModelUnavailableError(
                        f"The weights {self._model.file} were expected to give {self._model.outputs} numbers for a "
                        f"face, but gave {templates.size:,}; use the file that the model's authors publish."
                    )
                row[:] = templates[0]
        return unit_rows(rows)

    def compare(self, gallery: NDArray[np.float32], probes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compare ``(g, d)`` with ``(p, d)`` as ``(g, p)`` cosine similarity."""
        return cosine_similarity(gallery, probes)


def vgg_face() -> DeepFaceMatcher:
    """Make the VGG descriptor that the paper matched with (section 3.3)."""
    return DeepFaceMatcher(models.VGG_FACE)


def facenet() -> DeepFaceMatcher:
    """Make FaceNet with 128 numbers."""
    return DeepFaceMatcher(models.FACENET)


def facenet512() -> DeepFaceMatcher:
    """Make FaceNet with 512 numbers."""
    return DeepFaceMatcher(models.FACENET512)


def arcface() -> DeepFaceMatcher:
    """Make ArcFace."""
    return DeepFaceMatcher(models.ARCFACE)


def sface() -> DeepFaceMatcher:
    """Make SFace at full precision."""
    return DeepFaceMatcher(models.SFACE)


def ghostfacenet() -> DeepFaceMatcher:
    """Make GhostFaceNet."""
    return DeepFaceMatcher(models.GHOSTFACENET)


def openface() -> DeepFaceMatcher:
    """Make OpenFace."""
    return DeepFaceMatcher(models.OPENFACE)


def deepid() -> DeepFaceMatcher:
    """Make DeepID."""
    return DeepFaceMatcher(models.DEEPID)


def dlib() -> DeepFaceMatcher:
    """Make dlib's recognition network."""
    return DeepFaceMatcher(models.DLIB)


def buffalo_l() -> DeepFaceMatcher:
    """Make InsightFace's ResNet-50."""
    return DeepFaceMatcher(models.BUFFALO_L)
