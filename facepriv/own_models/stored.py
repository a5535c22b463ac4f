"""Own models as they lie in the data folder: ``models/NAME`` with a description, weights and their hashes.

The description is written in one form whatever the YAML looked like, so its hash and those of the weights make the
version: two models never share results unless they are the same to the last number.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from facepriv.config import get_settings
from facepriv.errors import BadInputError, ModelUnavailableError, UnknownNameError
from facepriv.own_models.description import AnyModel, ProbeModel, parse
from facepriv.types import ModelCard, WeightFile
from facepriv.weights.files import sha256_of

FOLDER = "models"
DESCRIPTION, SUMS = "description.json", "SHA256SUMS"
NETWORK, PROBE = "network.onnx", "probe.npz"
CLASSIFIER_TARGETS = {
    "network": "facepriv.classify.own:make",
    "command": "facepriv.classify.own:make",
    "probe": "facepriv.classify.probe:make",
}
MATCHER_TARGETS = {"network": "facepriv.match.own:make", "command": "facepriv.match.own:make"}


@dataclass(frozen=True)
class OwnModel:
    """A model of the user's."""

    folder: Path
    description: AnyModel
    card: ModelCard

    @property
    def name(self) -> str:
        """Name in the registry."""
        return self.description.name


def models_folder() -> Path:
    """Say where own models lie."""
    return get_settings().home / FOLDER


def list_own_names(folder: Path | None = None) -> list[str]:
    """Name everything that lies there, or in another folder like it, readable or not."""
    folder = models_folder() if folder is None else folder
    if not folder.is_dir():
        return []
    return sorted(one.name for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))


def read_own_model(name: str) -> OwnModel:
    """Read an own model by its name.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    ModelUnavailableError
        If it cannot be read.
    """
    if name not in list_own_names():
        known = ", ".join(list_own_names()) or "none"
        raise UnknownNameError(f"There is no model of your own called {name!r}; there are: {known}.")
    return read_folder(models_folder() / name)


def read_folder(folder: Path) -> OwnModel:
    """Read what lies in a folder; raises ModelUnavailableError if it is no model."""
    try:
        content = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        description = parse(content)
        sums = _read_sums(folder)
    except (OSError, ValueError, KeyError, AttributeError, BadInputError) as error:
        raise ModelUnavailableError(
            f"The model {folder.name} of your own cannot be read any more; remove it with: facepriv model remove "
            f"{folder.name}, and add it again."
        ) from error
    return OwnModel(folder, description, _card(folder, description, sums))


def write_own_model(folder: Path, description: AnyModel, outside: tuple[Path, ...] = ()) -> OwnModel:
    """Write a description beside the weights that lie in a folder already, and the hashes of all.

    Parameters
    ----------
    outside
        Files elsewhere that belong to the model, such as a program.
    """
    text = json.dumps(description.model_dump(mode="json"), sort_keys=True, indent=1, ensure_ascii=True)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
    inside = [path for path in sorted(folder.iterdir()) if path.name != SUMS]
    lines = [f"{sha256_of(path)}  {path.name}" for path in inside]
    lines += [f"{sha256_of(path)}  {path}" for path in outside]
    (folder / SUMS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_folder(folder)


def targets(kind: str) -> dict[str, str]:
    """Return the readable own models of a kind, with what makes each of them as ``"module:function"`` of its name."""
    fingerprints = CLASSIFIER_TARGETS if kind == "classifier" else MATCHER_TARGETS
    return {one.name: fingerprints[one.description.form] for one in list_readable() if one.description.kind == kind}


def classifier_targets() -> dict[str, str]:
    """Return the targets of own classifiers."""
    return targets("classifier")


def matcher_targets() -> dict[str, str]:
    """Return the targets of own matchers."""
    return targets("matcher")


def list_readable(folder: Path | None = None) -> list[OwnModel]:
    """Return all own models that can be read, or those in another folder."""
    found = []
    for name in list_own_names(folder):
        try:
            found.append(read_folder((models_folder() if folder is None else folder) / name))
        except ModelUnavailableError:
            continue  # `list_unreadable` names it
    return found


def list_unreadable() -> list[str]:
    """Name the own models that cannot be read."""
    return sorted(set(list_own_names()) - {one.name for one in list_readable()})


def list_probes(folder: Path | None = None) -> list[tuple[OwnModel, ProbeModel]]:
    """Return all probes, or those in another folder."""
    return [(one, one.description) for one in list_readable(folder) if isinstance(one.description, ProbeModel)]


def _read_sums(folder: Path) -> dict[str, str]:
    sums = {}
    for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not name:
            raise ValueError(line)
        sums[name] = digest
    if DESCRIPTION not in sums:
        raise ValueError(DESCRIPTION)
    return sums


def _card(folder: Path, description: AnyModel, sums: dict[str, str]) -> ModelCard:
    # A path of its own inside the data folder stays one when the folder is moved; a program's path is absolute.
    weights = tuple(
        WeightFile(
            name=Path(name).name,
            sha256=digest,
            package="",
            inside=name if Path(name).is_absolute() else f"{FOLDER}/{folder.name}/{name}",
        )
        for name, digest in sums.items()
    )
    if isinstance(description, ProbeModel):
        weights += tuple(WeightFile(**weight.model_dump()) for weight in description.matcher_weights)
    again = (
        f"facepriv probe train {description.name} --replace"
        if description.form == "probe"
        else "facepriv model add FILE.yaml --replace"
    )
    return ModelCard(
        name=description.name,
        kind=description.kind,
        title=description.title or description.name,
        licence=description.licence,
        source=description.source,
        weights=weights,
        notes=" ".join(part for part in (f"Own {description.form}.", description.notes, *description.found) if part),
        command=again,
    )
