"""deepface's recognition networks, fed as deepface feeds them: its default detector and its alignment."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import ModelUnavailableError
from facepriv.imaging.deepface_alignment import deepface_input
from facepriv.match.templates import CosineMatcher, unit_rows
from facepriv.types import Face
from facepriv.weights.deepface_clients import shared_client
from facepriv.weights.deepface_models import MODELS, DeepFaceModel, card_of


class DeepFaceMatcher(CosineMatcher):
    """Templates of one of deepface's recognition models, compared by cosine.

    The face is found and aligned as ``DeepFace.represent`` does by default (ADR 40). The card carries the hash that is
    known when the matcher is made; no other weights are opened.
    """

    def __init__(self, model: DeepFaceModel) -> None:
        self.card = card_of(model)
        self._model = model
        self._client = shared_client(model, self.card)

    def embed(self, faces: Sequence[Face]) -> NDArray[np.float32]:
        """Embed faces as ``(n, d)`` unit rows; NaN where deepface's default detector finds no face.

        Raises ModelUnavailableError if the weights are not here, do not have the known hash, or give templates of
        another length.
        """
        rows = np.full((len(faces), self._model.outputs), np.nan)
        width, height = self._model.input_shape
        with self._client.use() as client:
            for row, face in zip(rows, faces, strict=True):
                batch = deepface_input(face, width, height)
                if batch is None:
                    continue
                # One face at a time: a batch costs as much on one thread, and some graphs take only one.
                templates = np.atleast_2d(client.forward(batch))
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
