"""The folder of an export or a release: it is complete, marked as unfinished, or not there."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from facepriv.config import make_private_folder
from facepriv.errors import BadInputError
from facepriv.scratch import held_folder, locking
from facepriv.trees import remove_tree

UNFINISHED = "UNFINISHED"
"""Folder inside the one that is written, held by the process that writes; if it is there, something is missing."""
_KEY = "key-sha256"
"""File in it with the hash of the key's file, which lies elsewhere."""


@contextmanager
def output_folder(folder: Path, names: Sequence[str]) -> Iterator[None]:
    """Make a folder that only its owner may read, and mark it as unfinished while the block writes to it.

    What a killed process had written there is removed first; if the block raises, nothing is left.

    Parameters
    ----------
    names
        Names of the files and folders that the block makes in it.

    Raises
    ------
    BadInputError
        With code ``folder-not-empty`` if something else is in it, ``cannot-write`` if it cannot be written to.
    """
    try:
        existed = folder.exists()
        if existed:
            _remove_unfinished(folder, names)
        if existed and (not folder.is_dir() or any(folder.iterdir())):
            raise BadInputError(
                f"A new or empty folder was expected at {folder}, but there is something in it; name another one.",
                code="folder-not-empty",
            )
        make_private_folder(folder)
        with held_folder(lambda: _mark(folder)) as mark:
            try:
                yield
                remove_tree(mark)
            except BaseException:
                with suppress(OSError):
                    _remove(folder, [*names, UNFINISHED])
                    if not existed:
                        folder.rmdir()
                raise
    except OSError as error:
        raise BadInputError(
            f"A folder that can be written to was expected at {folder}, but it cannot ({error.strerror or error}); "
            "make room or name another one.",
            code="cannot-write",
        ) from error


def note_key(folder: Path, content: bytes) -> None:
    """Note, in a folder that is being written, what the key's file is going to hold, so that `drop_key` knows it."""
    (folder / UNFINISHED / _KEY).write_text(hashlib.sha256(content).hexdigest(), encoding="ascii")


def drop_key(folder: Path, file: Path) -> None:
    """Remove the key's file of an unfinished release whose process was killed; any other file stays."""
    with locking(folder / UNFINISHED, fcntl.LOCK_SH) as is_left:
        noted = folder / UNFINISHED / _KEY
        if is_left and noted.is_file():
            content = file.read_bytes()
            if not content or hashlib.sha256(content).hexdigest() == noted.read_text(encoding="ascii"):
                file.unlink()


def _mark(folder: Path) -> Path:
    mark = folder / UNFINISHED
    mark.mkdir(mode=0o700)
    return mark


def _remove_unfinished(folder: Path, names: Sequence[str]) -> None:
    with locking(folder / UNFINISHED, fcntl.LOCK_EX) as is_left:
        if is_left:
            _remove(folder, [*names, UNFINISHED])


def _remove(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        if not remove_tree(folder / name):
            (folder / name).unlink(missing_ok=True)
