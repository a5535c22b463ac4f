"""Trees of folders that others made: listed and removed without recursion, however deep they are."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and of all folders in it, links to files included; no link to a folder is followed.

    What cannot be listed, or is removed meanwhile, is passed over.
    """
    waiting = [folder]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif entry.is_file():
                    yield Path(entry.path)


def remove_tree(folder: Path) -> bool:
    """Remove a folder with all that is in it, and return whether it is gone; what cannot be removed stays.

    Folders are moved up to this one before they are emptied, so that neither the stack, nor the number of open files,
    nor the longest path that the system takes limits how deep they may lie.
    """
    with suppress(OSError):
        top = os.open(folder, _FOLDER)
        try:
            while _remove_level(top):
                pass
        finally:
            os.close(top)
        folder.rmdir()
    return not os.path.lexists(folder)


def _remove_level(top: int) -> bool:
    """Remove what is in an open folder, whose folders hand their own ones up; return whether anything was changed."""
    changed = False
    for entry in _entries(top):
        with suppress(OSError):
            if entry.is_dir(follow_symlinks=False):
                changed |= _hand_up(top, entry.name)
                os.rmdir(entry.name, dir_fd=top)
            else:
                os.unlink(entry.name, dir_fd=top)
            changed = True
    return changed


def _hand_up(top: int, name: str) -> bool:
    inner = os.open(name, _FOLDER, dir_fd=top)
    changed = False
    try:
        for entry in _entries(inner):
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    os.rename(entry.name, f".{secrets.token_hex(16)}", src_dir_fd=inner, dst_dir_fd=top)
                else:
                    os.unlink(entry.name, dir_fd=inner)
                changed = True
    finally:
        os.close(inner)
    return changed


def _entries(folder: int) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [*entries]
