"""Fetch weights that no package carries, when the user asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facepriv.classify.registry import classifiers
from facepriv.datasets.archives import ARCHIVES
from facepriv.errors import BadInputError, ModelUnavailableError, UnknownNameError
from facepriv.match.registry import matchers
from facepriv.weights.deepface_clients import opener
from facepriv.weights.deepface_models import MODELS, DeepFaceModel, card_of, known_sha256, record_path
from facepriv.weights.download import DownloadError, copy, download, make_folder, unfinished, unpack_bzip2
from facepriv.weights.files import facts, how_to_get, locate, own_path, sha256_of

Came = Literal["already here", "found in the folder", "copied", "copied from a package", "downloaded"]


@dataclass(frozen=True)
class Fetched:
    """Weights that are here now, and how they came."""

    name: str
    path: Path
    bytes: int
    sha256: str
    came: Came
    first: bool
    """Whether the hash was recorded just now: nothing vouches for the bytes but where they came from."""


def fetch(name: str, *, file: Path | None = None, progress: bool = False) -> Fetched:
    """Bring a model's weights into the data folder, and record their SHA-256 where none is published.

    A hash that is published or was recorded before must be met; else the new one is recorded and checked ever after
    (ADR 0005). A file is moved into place only when it has the published size and its runtime can open it, so a broken
    download leaves nothing behind.

    Parameters
    ----------
    name
        Name of the model in the registry.
    file
        A copy of the weights got elsewhere, for machines without a network; nothing is downloaded then.
    progress
        Whether to show a progress bar on standard error.

    Raises
    ------
    UnknownNameError
        If there is no such model.
    BadInputError
        If its weights come with a package, or ``file`` is none.
    ModelUnavailableError
        If they cannot be downloaded, cannot be opened, or have another size or hash than is known.
    """
    model = _model(name)
    target = own_path(model.inside)
    known = known_sha256(model)
    if file is None and target.is_file() and known in ("", sha256_of(target)):
        if known:
            return _fetched(model, "already here", first=False)
        opener(model)(target)
        _record(model, sha256_of(target))
        return _fetched(model, "found in the folder", first=True)
    with unfinished(target.name) as new:
        came = _bring(model, new, file, progress=progress)
        _check(model, new, known)
        make_folder(target.parent)
        digest = sha256_of(new)
        new.replace(target)
    if not known:
        _record(model, digest)
    return _fetched(model, came, first=not known)


def _model(name: str) -> DeepFaceModel:
    if name in MODELS:
        return MODELS[name]
    for registry in (classifiers, matchers):
        if name in registry.names():
            command = how_to_get(registry.load(name)().card)
            raise BadInputError(
                f"A model whose weights are fetched was expected, but those of {name} come with a package"
                + (f"; install it with: {command}." if command else ".")
            )
    raise UnknownNameError(
        f"There is nothing called {name!r} to fetch; choose one of: {', '.join([*MODELS, *ARCHIVES])}."
    )


def _bring(model: DeepFaceModel, new: Path, file: Path | None, *, progress: bool) -> Came:
    if file is not None:
        if model.packed and file.suffix == ".bz2":
            _unpack(model, file, new)
        else:
            copy(file, new, what="A weight file")
        return "copied"
    carried = None if model.carrier is None else locate(model.carrier)
    if carried is not None and sha256_of(carried) == model.sha256:
        copy(carried, new, what="A weight file")
        return "copied from a package"
    arriving = new.with_name(f"packed-{new.name}") if model.packed else new
    with _told(model):
        download(model.url, arriving, progress=progress)
    if model.packed:
        _unpack(model, arriving, new)
    return "downloaded"


@contextmanager
def _told(model: DeepFaceModel) -> Iterator[None]:
    try:
        yield
    except DownloadError as error:
        file = Path(model.file).name + (".bz2" if model.packed else "")
        (weight,) = card_of(model).weights
        raise ModelUnavailableError(
            f"The weights of {model.name} could not be downloaded ({error}). {facts(weight)} Download it on a machine "
            f"that reaches it and run: facepriv fetch {model.name} --file {file}. It then lies in the data folder as "
            f"{model.inside}."
        ) from error


def _unpack(model: DeepFaceModel, packed: Path, new: Path) -> None:
    if not packed.is_file():
        raise BadInputError(f"A weight file was expected at {packed}, but there is none; check the path.")
    unpack_bzip2(packed, new, most=model.bytes or 0)


def _check(model: DeepFaceModel, new: Path, known: str) -> None:
    size = new.stat().st_size
    if model.bytes is not None and size != model.bytes:
        raise ModelUnavailableError(
            f"The weights {model.file} should have {model.bytes:,} bytes, but these have {size:,}: they are cut off or "
            "another file; fetch them again."
        )
    found = sha256_of(new)
    if known and found != known:
        origin, advice = (
            ("as published", "use the published file.")
            if model.sha256
            else (
                "as recorded when they were first fetched",
                f"use the old file, or delete {record_path(model)} to trust the new one.",
            )
        )
        raise ModelUnavailableError(
            f"The weights {model.file} should have SHA-256 {known[:12]}..., {origin}, but these have {found[:12]}...; "
            f"{advice}"
        )
    opener(model)(new)


def _record(model: DeepFaceModel, digest: str) -> None:
    path = record_path(model)
    unfinished_record = path.with_name(path.name + ".new")
    unfinished_record.write_text(f"{digest}  {Path(model.file).name}\n", encoding="ascii")
    unfinished_record.replace(path)


def _fetched(model: DeepFaceModel, came: Came, *, first: bool) -> Fetched:
    path = own_path(model.inside)
    return Fetched(
        name=model.name, path=path, bytes=path.stat().st_size, sha256=known_sha256(model), came=came, first=first
    )
