"""Folders of this machine that pages may import from: those below a list in the settings, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from facepriv.config import Settings
from facepriv.datasets.files import is_litter
from facepriv.errors import BadInputError
from facepriv.trees import files_below


def allowed_roots(settings: Settings) -> tuple[Path, ...]:
    """Return the folders that pages may import from, links followed; those that are not there are left out."""
    return listed_folders(settings.import_folders)


def listed_folders(setting: str) -> tuple[Path, ...]:
    """Return the folders that a setting lists as PATH does, links followed; those that are not there are left out."""
    named = [Path(part).expanduser() for part in setting.split(os.pathsep) if part.strip()]
    return tuple(dict.fromkeys(folder.resolve() for folder in named if folder.is_dir()))


def subfolders(settings: Settings, folder: str) -> tuple[str, ...]:
    """Name the folders directly inside an allowed one that are allowed too; hidden ones are left out.

    Raises as `allowed_folder` does, but for links inside.
    """
    here = _allowed(settings, folder)
    try:
        names = sorted(entry.name for entry in here.iterdir() if entry.is_dir())
    except OSError as error:
        raise _refused("cannot be read") from error
    return tuple(name for name in names if not is_litter([name]) and _is_below_a_root(settings, here / name))


def allowed_folder(settings: Settings, folder: str) -> Path:
    """Return a folder that pages may import from, links followed.

    Raises BadInputError with code ``folder-not-allowed`` if it is none of those allowed or below them, however it is
    written; with ``link-outside`` if it holds a link to something outside of it.
    """
    here = _allowed(settings, folder)
    for path in files_below(here):
        if path.is_symlink() and not path.resolve().is_relative_to(here):
            raise BadInputError(
                f"The folder {here.name} holds a link to a file outside of it, {path.relative_to(here).as_posix()}, so "
                "nothing is imported from it; put the file itself in its place.",
                code="link-outside",
            )
    return here


def _allowed(settings: Settings, folder: str) -> Path:
    path = Path(folder)
    if not path.is_absolute() or not _is_below_a_root(settings, path):
        raise _refused("is none of those that pages may import from")
    here = path.resolve()
    if not here.is_dir():
        raise _refused("is no folder any more")
    return here


def _is_below_a_root(settings: Settings, path: Path) -> bool:
    try:
        here = path.resolve()
    except (OSError, ValueError, RuntimeError):
        return False
    return any(here.is_relative_to(root) for root in allowed_roots(settings))


def _refused(why: str) -> BadInputError:
    return BadInputError(
        f"The folder that was chosen {why}; choose another, or have it added to FACEPRIV_IMPORT_FOLDERS.",
        code="folder-not-allowed",
    )
