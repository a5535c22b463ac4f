"""Private folders among the temporary files whose process holds a lock on them, so that others can tell what was left.

Such a folder holds faces or templates. It is removed when its process is done with it; if that process is killed, it
stays, and whoever cleans up sees by the lock that nobody needs it any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facepriv.config import make_private_folder

COMMAND, RELEASE = "command-", "release-"
"""How folders are named: of calls of users' commands, of releases that are handed to a browser."""
_KINDS = (COMMAND, RELEASE)


@contextmanager
def held_folder(temporary: Path, prefix: str) -> Iterator[Path]:
    """Make a folder among the temporary files and hold a lock on it; it is removed when the block ends."""
    assert prefix in _KINDS, "nobody would clean up after it"
    make_private_folder(temporary)
    with tempfile.TemporaryDirectory(dir=temporary, prefix=prefix) as folder, _held(Path(folder)):
        yield Path(folder)


def held_files(temporary: Path) -> list[Path]:
    """Return the files of all such folders, whether their process still runs or was killed."""
    return sorted(file for kind in _KINDS for file in temporary.glob(f"{kind}*/**/*") if file.is_file())


def left_files(temporary: Path) -> list[Path]:
    """Return the files of those folders whose process is gone."""
    return [file for folder in _left_folders(temporary) for file in sorted(folder.rglob("*")) if file.is_file()]


def remove_left(temporary: Path) -> int:
    """Remove the folders whose process is gone; return how many files were removed."""
    folders = _left_folders(temporary)
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return sum(not file.exists() for file in files)


def _left_folders(temporary: Path) -> list[Path]:
    return [folder for kind in _KINDS for folder in sorted(temporary.glob(f"{kind}*")) if not _is_held(folder)]


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder; it is released when this process ends, however it ends."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: such a folder never counts as left behind
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_held(folder: Path) -> bool:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return True  # removed meanwhile
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
