"""deepface's models: which ones, under which licence, and where their weights lie; ``deepface_models.toml`` lists them.

deepface fetches weights by itself at first use; facepriv must not. So a model is used only from a file that lies in the
data folder and has the SHA-256 that its authors publish or that was recorded when it was fetched (ADR 0005).
`facepriv.weights.deepface_clients` opens them.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from facepriv.types import ModelCard, WeightFile
from facepriv.weights.files import data_path, read_sums

FOLDER = "deepface/.deepface/weights"
"""Folder of the weights inside the data folder, laid out so that ``DEEPFACE_HOME=<data folder>/deepface`` fits it."""
TRUSTED = "Weights trusted at first fetch, see ADR 0005."


@dataclass(frozen=True)
class DeepFaceModel:
    """One of deepface's models, as deepface calls it and as facepriv does."""

    name: str
    """Name in facepriv's registry."""
    kind: Literal["classifier", "matcher"]
    deepface_name: str
    """Name in deepface's own table."""
    file: str
    """Weight file that deepface asks for, inside its weight folder."""
    url: str
    title: str
    licence: str
    source: str
    input_shape: tuple[int, int]
    """Width and height of its input, as deepface gives them."""
    outputs: int
    """Numbers of a template, or classes."""
    checked: str = (
        "Tested with a small network of the same signature; with these weights it was not run when this release was "
        "made."
    )
    """What the adapter was tested with, in a sentence."""
    threshold: float | None = None
    """Least cosine similarity that deepface takes for the same person: one less its ``find_threshold``."""
    sha256: str = ""
    """Published SHA-256; empty where none is known."""
    bytes: int | None = None
    """Published size of the weights; None where none is known."""
    runtime: Literal["onnx", "dlib", "insightface"] = "onnx"
    """Through what deepface runs it."""
    packed: bool = False
    """Whether ``url`` leads to the weights packed by bzip2."""
    carrier: WeightFile | None = None
    """The same file in an installed package, which spares a download."""
    remark: str = ""

    @property
    def task(self) -> str:
        """Section of deepface's table that holds the model."""
        return "facial_recognition" if self.kind == "matcher" else "facial_attribute"

    @property
    def inside(self) -> str:
        """Path of the weight file inside the data folder."""
        return f"{FOLDER}/{self.file}"

    @property
    def notes(self) -> str:
        """What a user must know besides licence and source."""
        width, height = self.input_shape
        if self.threshold is None:
            what = f"Input {width} x {height}, {self.outputs} classes"
        else:
            what = (
                f"{self.outputs}-d, input {width} x {height}; deepface's customary threshold on the cosine is "
                f"{self.threshold:g}"
            )
        parts = [f"{what}.", self.remark, self.checked, "" if self.sha256 else TRUSTED]
        return " ".join(part for part in parts if part)


def _read_models() -> dict[str, DeepFaceModel]:
    listed = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, DeepFaceModel]).validate_python(
        {name: {"name": name, **fields} for name, fields in listed.items()}
    )


MODELS = _read_models()
"""All models by name, matchers first."""
MATCHERS = tuple(model for model in MODELS.values() if model.kind == "matcher")


def record_path(model: DeepFaceModel) -> Path:
    """Return where the SHA-256 of a model's weights is recorded: beside them, in the format of ``sha256sum``."""
    path = data_path(model.inside)
    return path.with_name(path.name + ".sha256")


def known_sha256(model: DeepFaceModel) -> str:
    """Return the SHA-256 that the weights must have: the published or the recorded one; empty if there is neither."""
    return model.sha256 or read_sums(record_path(model)).get(Path(model.file).name, "")


def card_of(model: DeepFaceModel) -> ModelCard:
    """Return a model's card with the hash that is known at this moment."""
    weight = WeightFile(
        name=model.file,
        sha256=known_sha256(model),
        package="",
        inside=model.inside,
        url=model.url,
        bytes=model.bytes,
    )
    return ModelCard(
        name=model.name,
        kind=model.kind,
        title=model.title,
        licence=model.licence,
        source=model.source,
        weights=(weight,),
        notes=model.notes,
    )
