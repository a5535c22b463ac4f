"""Private temporary folders whose process holds a lock on them, so that others can tell what a killed one has left.

Such a folder holds faces, names or templates. It is removed when its process is done with it; if that process is
killed, it stays, and whoever sweeps sees by the lock that nobody needs it any more.
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from facepriv.config import make_private_folder
from facepriv.trees import files_below, remove_tree

IMPORT, FETCH, MODEL = "import-", "fetch-", "model-"
"""What the names of folders begin with that hold files as they came, and nothing made of a stored image."""
SPOOL = "spool-"
"""What the names of folders begin with that hold a process's unnamed temporary files."""
UNLOCKED_SECONDS = 24 * 3600.0
"""Age from which something nobody can hold was left behind: files, and folders of a file system without locks."""
_VARIABLES = ("TMPDIR", "SQLITE_TMPDIR")
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


@contextmanager
def temporary_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Make a private folder in another one, for the temporary files, and hold it; it is removed when the block ends."""
    make_private_folder(parent)
    with held_folder(lambda: Path(tempfile.mkdtemp(dir=parent, prefix=prefix))) as folder:
        try:
            yield folder
        finally:
            remove_tree(folder)


@contextmanager
def spooling_into(temporary: Path) -> Iterator[None]:
    """Have this process, and those that it starts, put all temporary files into a folder of its own, for the block.

    Large uploads, what SQLite sorts or rewrites (``VACUUM``), and copies of remote artifacts would otherwise lie in the
    system's temporary folders, which others share. Where no folder can be made, as on a full disk, they still do, so
    that one can read and purge.
    """
    with ExitStack() as stack:
        try:
            folder = str(stack.enter_context(temporary_folder(temporary, SPOOL)).absolute())
        except OSError:
            yield
            return
        before = tempfile.tempdir, {name: os.environ.get(name) for name in _VARIABLES}
        _spool_to(folder, dict.fromkeys(_VARIABLES, folder))
        try:
            yield
        finally:
            _spool_to(*before)


def _spool_to(folder: str | None, variables: Mapping[str, str | None]) -> None:
    import sqlite3

    tempfile.tempdir = folder
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    # SQLite reads the environment when it is loaded, and then only this.
    with closing(sqlite3.connect(":memory:")) as connection:
        quoted = (variables["SQLITE_TMPDIR"] or "").replace("'", "''")
        connection.execute(f"PRAGMA temp_store_directory = '{quoted}'")


@contextmanager
def held_folder(make: Callable[[], Path]) -> Iterator[Path]:
    """Make a folder and hold a lock on it for the length of the block, after which it stays."""
    folder, handle = _make_held(make)
    try:
        yield folder
    finally:
        os.close(handle)  # which lets go of the lock, as does the end of this process, however it ends


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder, if it is there, for the length of the block; waits for whoever looks at it."""
    handle = _open(folder)
    if handle is None:
        yield
        return
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _nothing(name: str) -> bool:
    return False


def left_files(parent: Path, prefix: str = "", is_needed: Callable[[str], bool] = _nothing) -> list[Path]:
    """Return the files that `remove_left` would remove."""
    files: list[Path] = []
    for entry in _entries(parent, prefix):
        with locking(entry, fcntl.LOCK_SH) as is_left:
            if is_left and not is_needed(entry.name):
                files += _files(entry)
    return files


def remove_left(parent: Path, prefix: str = "", is_needed: Callable[[str], bool] = _nothing) -> int:
    """Remove what nobody holds from a folder of temporary folders; return how many files that were.

    Parameters
    ----------
    prefix
        What the names of temporary folders begin with, where there are others.
    is_needed
        Whether the folder of a name is needed although nobody holds it; asked while nobody can come to hold it.
    """
    removed = 0
    for entry in _entries(parent, prefix):
        with locking(entry, fcntl.LOCK_EX) as is_left:
            if is_left and not is_needed(entry.name):
                files = _files(entry)
                if not remove_tree(entry):
                    entry.unlink(missing_ok=True)
                removed += sum(not file.exists() for file in files)
    return removed


def _files(entry: Path) -> list[Path]:
    return [*files_below(entry)] if entry.is_dir() else [entry]


def _make_held(make: Callable[[], Path]) -> tuple[Path, int]:
    while True:
        folder = make()
        handle = _open(folder)
        if handle is None:
            continue  # somebody swept between the two lines above
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(handle)
                raise
        if os.path.lexists(folder):
            return folder, handle
        os.close(handle)


def _open(folder: Path) -> int | None:
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None


def _entries(parent: Path, prefix: str) -> list[Path]:
    try:
        return sorted(entry for entry in parent.iterdir() if entry.name.startswith(prefix))
    except FileNotFoundError:
        return []


@contextmanager
def locking(entry: Path, lock: int) -> Iterator[bool]:
    """Lock what lies among temporary folders for the length of the block, and tell whether nobody held it."""
    try:
        handle = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        yield False  # removed meanwhile, or nothing that temporary files are
        return
    try:
        try:
            fcntl.flock(handle, lock | fcntl.LOCK_NB)
            is_left = entry.is_dir() or _is_old(handle)
        except OSError as error:
            is_left = error.errno in _NO_LOCKS and _is_old(handle)
        yield is_left
    finally:
        os.close(handle)


def _is_old(handle: int) -> bool:
    return os.fstat(handle).st_mtime < time.time() - UNLOCKED_SECONDS
