"""Own matchers: an ONNX graph, or a program that gives templates."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import ModelUnavailableError
from facepriv.imaging.crop import take_crop
from facepriv.imaging.described_crops import described_crop
from facepriv.imaging.png import encode_crops, encode_png
from facepriv.match.templates import CosineMatcher, unit_rows
from facepriv.own_models.description import CommandMatcher, NetworkMatcher
from facepriv.own_models.network import prepare_input, shared_network
from facepriv.own_models.program import Answer, shared_program
from facepriv.own_models.stored import OwnModel, read_own_model
from facepriv.types import CropSpec, Face, FaceMatcher
from facepriv.wording import some


class OwnMatcher(CosineMatcher):
    """Base of both kinds."""

    def __init__(self, own: OwnModel, width: int | None) -> None:
        self.card = own.card
        self._width = width

    def _none(self) -> NDArray[np.float32]:
        return np.empty((0, self._width or 1), dtype=np.float32)


class OwnNetworkMatcher(OwnMatcher):
    """An ONNX graph described by YAML."""

    def __init__(self, own: OwnModel, described: NetworkMatcher) -> None:
        super().__init__(own, described.width)
        self._description = described
        self._network = shared_network(own)

    def crop(self, face: Face) -> CropSpec:
        """Return the crop of the description."""
        return described_crop(face, self._description.crop, self._description.input.size)

    def embed_crops(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed crops ``(n, size, size, 3)`` RGB 0..255 as ``(n, d)`` unit rows.

        Raises ModelUnavailableError if the graph is not here or was changed.
        """
        if len(inputs) == 0:
            return self._none()
        with self._network.use() as network:
            return unit_rows(network(prepare_input(inputs, self._description.input)))

    def embed(self, faces: Sequence[Face]) -> NDArray[np.float32]:
        """Embed faces as ``(n, d)`` unit rows; raises as `embed_crops` does."""
        rows = [self.embed_crops(take_crop(self.crop(face), face.pixels)[None]) for face in faces]
        return np.concatenate(rows) if rows else self._none()


class OwnCommandMatcher(OwnMatcher):
    """A program described by YAML."""

    def __init__(self, own: OwnModel, described: CommandMatcher) -> None:
        super().__init__(own, described.width)
        self._description = described
        self._program = shared_program(own)

    def embed(self, faces: Sequence[Face]) -> NDArray[np.float32]:
        """Embed faces as ``(n, d)`` unit rows; a row of NaN where the program says that it cannot.

        Raises ModelUnavailableError if the program fails, or answers something else than a template.
        """
        if len(faces) == 0:
            return self._none()
        with self._program.use() as program:
            answers = program.ask([self._png(face) for face in faces])
        rows = [self._template(answer) for answer in answers]
        widths = {len(row) for row in rows if row is not None} | ({self._width} if self._width else set())
        if len(widths) > 1:
            raise ModelUnavailableError(
                f"The command of {self.name} should give templates of one length, but their lengths are "
                f"{some(sorted(widths))}; correct the program, or add it again."
            )
        nothing = np.full(next(iter(widths), 1), np.nan)
        return unit_rows(np.stack([nothing if row is None else row for row in rows]))

    def _png(self, face: Face) -> bytes:
        described = self._description
        if described.crop is None or described.size is None:
            return encode_png(face.pixels)
        return encode_crops(take_crop(described_crop(face, described.crop, described.size), face.pixels)[None])[0]

    def _template(self, answer: Answer) -> NDArray[np.float64] | None:
        if "error" in answer:
            return None
        template = answer.get("template")
        try:
            if isinstance(template, str):
                row = np.frombuffer(base64.b64decode(template, validate=True), dtype="<f4").astype(np.float64)
            else:
                row = np.asarray(template, dtype=np.float64)
        except (TypeError, ValueError, binascii.Error):
            row = np.empty(0)
        if row.ndim != 1 or len(row) == 0 or not np.isfinite(row).all():
            raise ModelUnavailableError(
                f"The command of {self.name} should answer with a template of finite numbers, or base64 of float32, "
                f"but its answer has the fields {some(sorted(answer))}; correct the program."
            )
        return row


def make_matcher(own: OwnModel) -> FaceMatcher:
    """Return the matcher of an own model."""
    if isinstance(own.description, NetworkMatcher):
        return OwnNetworkMatcher(own, own.description)
    assert isinstance(own.description, CommandMatcher)
    return OwnCommandMatcher(own, own.description)


def make(name: str) -> FaceMatcher:
    """Return an own matcher by its name."""
    return make_matcher(read_own_model(name))
