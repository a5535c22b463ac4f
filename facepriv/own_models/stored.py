"""Own models in the data folder: ``models/NAME`` with a description, weights and their hashes.

The description is written in one form whatever the YAML looked like. Its hash and those of the weights make the
version, so two models share results only if they are the same to the last number.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from facepriv.config import get_settings
from facepriv.errors import BadInputError, ModelUnavailableError, UnknownNameError
from facepriv.own_models.description import AnyModel, ProbeModel, parse
from facepriv.types import ModelCard, WeightFile
from facepriv.weights.files import read_sums, sha256_of, write_sums

FOLDER = "models"
DESCRIPTION, SUMS = "description.json", "SHA256SUMS"
NETWORK, PROBE = "network.onnx", "probe.npz"
NEW = ".new-"
"""What the names of folders of unfinished models begin with."""


@dataclass(frozen=True)
class OwnModel:
    """An own model: its folder, its description and its card."""

    folder: Path
    description: AnyModel
    card: ModelCard

    @property
    def name(self) -> str:
        """Name in the registry."""
        return self.description.name


def models_folder() -> Path:
    """Return the folder of own models."""
    return get_settings().home / FOLDER


def list_own_names(folder: Path | None = None) -> list[str]:
    """Return the names of own models, readable or not, in the data folder or in another folder like it."""
    folder = models_folder() if folder is None else folder
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def read_own_model(name: str) -> OwnModel:
    """Return an own model by its name.

    Raises UnknownNameError if there is none of that name, ModelUnavailableError if it cannot be read.
    """
    if name not in list_own_names():
        known = ", ".join(list_own_names()) or "none"
        raise UnknownNameError(f"There is no own model called {name!r}; known are: {known}.")
    return read_folder(models_folder() / name)


def read_folder(folder: Path) -> OwnModel:
    """Return the own model in a folder; raise ModelUnavailableError if it cannot be read."""
    try:
        content = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        description = parse(content)
        sums = read_sums(folder / SUMS)
        if DESCRIPTION not in sums:
            raise ValueError(SUMS)
    except (OSError, ValueError, KeyError, AttributeError, BadInputError) as error:
        raise ModelUnavailableError(
            f"The own model {folder.name} cannot be read any more; remove it with: facepriv model remove "
            f"{folder.name}, and add it again."
        ) from error
    return OwnModel(folder, description, _card(folder, description, sums))


def write_own_model(folder: Path, description: AnyModel, outside: tuple[Path, ...] = ()) -> OwnModel:
    """Write a description beside the weights in a folder, and the hashes of all files; return the model.

    ``outside`` are files elsewhere that belong to the model, such as a program.
    """
    text = json.dumps(description.model_dump(mode="json"), sort_keys=True, indent=1, ensure_ascii=True)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
    inside = sorted(path.name for path in folder.iterdir() if path.name != SUMS)
    write_sums(folder / SUMS, {name: sha256_of(folder / name) for name in (*inside, *map(str, outside))})
    return read_folder(folder)


def classifier_targets() -> dict[str, str]:
    """Return the readable own classifiers, each with the ``"module:function"`` that makes it from its name."""
    probe, other = "facepriv.classify.probe:make", "facepriv.classify.own:make"
    return {
        own.name: probe if own.description.form == "probe" else other
        for own in list_readable()
        if own.description.kind == "classifier"
    }


def matcher_targets() -> dict[str, str]:
    """Return the same of own matchers."""
    return {own.name: "facepriv.match.own:make" for own in list_readable() if own.description.kind == "matcher"}


def list_readable(folder: Path | None = None) -> list[OwnModel]:
    """Return all own models that can be read, in the data folder or in another folder like it."""
    folder = models_folder() if folder is None else folder
    models = []
    for name in list_own_names(folder):
        with contextlib.suppress(ModelUnavailableError):  # `list_unreadable` names it
            models.append(read_folder(folder / name))
    return models


def list_unreadable() -> list[str]:
    """Return the names of the own models that cannot be read."""
    return sorted(set(list_own_names()) - {own.name for own in list_readable()})


def list_probes(folder: Path | None = None) -> list[tuple[OwnModel, ProbeModel]]:
    """Return all probes, in the data folder or in another folder like it."""
    return [(own, own.description) for own in list_readable(folder) if isinstance(own.description, ProbeModel)]


def _card(folder: Path, description: AnyModel, sums: dict[str, str]) -> ModelCard:
    # A path inside the data folder is relative, so that the folder can be moved; a program's path is absolute.
    weights = tuple(
        WeightFile(
            name=Path(name).name,
            sha256=digest,
            package="",
            inside=name if Path(name).is_absolute() else f"{FOLDER}/{folder.name}/{name}",
        )
        for name, digest in sums.items()
    )
    command = "facepriv model add FILE.yaml --replace"
    if isinstance(description, ProbeModel):
        command = f"facepriv probe train {description.name} --replace"
        weights += tuple(WeightFile(**weight.model_dump()) for weight in description.matcher_weights)
    return ModelCard(
        name=description.name,
        kind=description.kind,
        title=description.title or description.name,
        licence=description.licence,
        source=description.source,
        weights=weights,
        notes=" ".join(part for part in (f"Own {description.form}.", description.notes, *description.found) if part),
        command=command,
    )
