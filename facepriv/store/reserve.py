"""A few megabytes beside a SQLite file that are given up when its disk is full, so that one can still read and purge.

Even reading needs room: SQLite keeps two files beside a database in WAL mode. A purge writes into one of them what it
deletes before it frees anything.
"""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path

_ROOM = 10
"""How many times as much as the reserve must be free so that one is set aside."""
_FULL = 1 << 20
"""Free space below which a disk counts as full."""
_log = logging.getLogger(__name__)


def reserve_of(database: Path) -> Path:
    """Return where the reserve of a SQLite file lies."""
    return database.with_name(f"{database.name}.reserve")


def set_aside(database: Path, size: int) -> None:
    """Set a reserve aside if there is none and enough room; a failure is none of the caller's."""
    reserve = reserve_of(database)
    with suppress(OSError):
        if not size or reserve.exists() or shutil.disk_usage(database.parent).free < _ROOM * size:
            return
        handle = os.open(reserve, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(handle, 0, size)
        finally:
            os.close(handle)


def is_full(database: Path) -> bool:
    """Return whether the disk of a SQLite file is full."""
    try:
        return shutil.disk_usage(database.parent).free < _FULL
    except OSError:
        return False


def give_up(database: Path) -> bool:
    """Give up the reserve, and say so in the log; return whether there was one."""
    reserve = reserve_of(database)
    try:
        size = reserve.stat().st_size
        reserve.unlink()
    except OSError:
        return False
    _log.warning(
        "The disk of %s is full. %s bytes that facepriv kept in reserve were released, so that you can read and purge; "
        "make room.",
        database.parent,
        f"{size:,}",
    )
    return True
