"""Folders of this machine that pages may release into: new ones directly inside a list in the settings."""

from __future__ import annotations

from pathlib import Path

from facepriv.config import Settings
from facepriv.errors import BadInputError
from facepriv.services.datasets.import_folders import listed_folders

LONGEST = 100
"""Characters of a folder's name."""


def release_roots(settings: Settings) -> tuple[Path, ...]:
    """Return the folders that pages may release into, links followed; those that are not there are left out."""
    return listed_folders(settings.release_folders)


def new_release_folder(settings: Settings, root: str, name: str) -> Path:
    """Return the folder of this name inside an allowed one; it is not made yet.

    Raises
    ------
    BadInputError
        With code ``folder-not-allowed`` if pages may not release into ``root``, ``bad-folder-name`` if the name is not
        that of a visible folder directly inside it, ``folder-exists`` if there is something of that name.
    """
    allowed = {folder.as_posix(): folder for folder in release_roots(settings)}
    if root not in allowed:
        raise BadInputError(
            "The folder that was chosen is none of those that pages may release into; choose another, or have it added "
            "to FACEPRIV_RELEASE_FOLDERS.",
            code="folder-not-allowed",
        )
    plain = name.strip()
    if not plain or len(plain) > LONGEST or plain.startswith(".") or not plain.isprintable() or {*"/\\:"} & {*plain}:
        raise BadInputError(
            f"The name of a new folder was expected, without slashes and of at most {LONGEST} characters, but "
            f"{name!r} was given; write for instance staff-2027.",
            code="bad-folder-name",
        )
    folder = allowed[root] / plain
    if folder.exists() or folder.is_symlink():
        raise BadInputError(
            f"A new folder was expected, but there is a {plain} in {root} already; choose another name.",
            code="folder-exists",
        )
    return folder
