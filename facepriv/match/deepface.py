"""deepface's recognition networks, fed with our alignment: no second detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import ModelUnavailableError
from facepriv.imaging.crop import aligned_chip, take_crop
from facepriv.imaging.five_points import five_point_square
from facepriv.match.templates import CosineMatcher, unit_rows
from facepriv.types import CropSpec, Face
from facepriv.weights.deepface_clients import network_input, shared_client
from facepriv.weights.deepface_models import MODELS, DeepFaceModel, card_of

DLIB_PADDING = 0.25
"""Margin of the chip that dlib's recognition network was trained on."""


def network_crop(model: DeepFaceModel, face: Face) -> CropSpec:
    """Return the crop of a network: five points in their places, for dlib's network its own chip."""
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


class DeepFaceMatcher(CosineMatcher):
    """Templates of one of deepface's recognition models, compared by cosine.

    The face is aligned by its landmarks (ADR 0005); colour order and scale of the input are deepface's. The
    card carries the hash that is known when the matcher is made; no other weights are opened.
    """

    def __init__(self, model: DeepFaceModel) -> None:
        self.card = card_of(model)
        self._model = model
        self._client = shared_client(model, self.card)

    def embed(self, faces: Sequence[Face]) -> NDArray[np.float32]:
        """Embed faces as ``(n, d)`` unit rows.

        Raises ModelUnavailableError if the weights are not here, do not have the known hash, or give templates of
        another length.
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


vgg_face = partial(DeepFaceMatcher, MODELS["deepface-vgg-face"])
"""The VGG descriptor that the paper matched with (section 3.3)."""
facenet = partial(DeepFaceMatcher, MODELS["deepface-facenet"])
facenet512 = partial(DeepFaceMatcher, MODELS["deepface-facenet512"])
arcface = partial(DeepFaceMatcher, MODELS["deepface-arcface"])
sface = partial(DeepFaceMatcher, MODELS["deepface-sface"])
ghostfacenet = partial(DeepFaceMatcher, MODELS["deepface-ghostfacenet"])
openface = partial(DeepFaceMatcher, MODELS["deepface-openface"])
deepid = partial(DeepFaceMatcher, MODELS["deepface-deepid"])
dlib = partial(DeepFaceMatcher, MODELS["deepface-dlib"])
buffalo_l = partial(DeepFaceMatcher, MODELS["deepface-buffalo-l"])
