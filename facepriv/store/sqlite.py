"""What is special about SQLite.

It runs in WAL mode with foreign keys on, a busy timeout of 30 s and ``synchronous=FULL``: what was committed survives a
power cut. The driver's own transaction handling is switched off; a writing transaction begins with ``BEGIN IMMEDIATE``,
so it waits for its turn instead of failing half way, and a reading one with ``BEGIN``, so it sees one state of the
database and blocks nobody. There is one writer at a time, so every writing transaction is alone.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event

from facepriv.errors import StorageFullError, StoreBusyError, StoreError

BUSY_SECONDS = 30


def make_engine(url: URL, *, foreign_keys: bool) -> Engine:
    """Make an engine for a file, which is made with mode 0600 in a folder with 0700 where they do not exist.

    Raises
    ------
    StoreError
        If the URL names no file, or the file cannot be made.
    """
    if not url.database or url.database == ":memory:":
        raise StoreError(
            "The database must be a file, because several processes share it; "
            "write its URL like sqlite:////folder/facepriv.sqlite."
        )
    _create_file(Path(url.database))
    connect_args = {"isolation_level": None, "timeout": BUSY_SECONDS}
    engine = create_engine(url, connect_args=connect_args, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, record: object) -> None:
        connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        _use_wal(connection)
        connection.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten, not only marked as free

    return engine


def begin(connection: Connection, *, writing: bool) -> None:
    """Begin a transaction; one that writes takes the writers' lock at once."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def orphans(connection: Connection) -> int:
    """Count the rows whose foreign keys lead nowhere."""
    return len(connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall())


def damage(connection: Connection) -> str | None:
    """Return the first thing that SQLite finds wrong with its own pages and indexes, None if nothing is."""
    first = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one())
    return None if first == "ok" else first.splitlines()[-1]


def trouble(where: str, error: BaseException | None) -> StoreError:
    """Say in one sentence what an error of the driver means."""
    reason = str(error).strip()
    text = reason.lower()
    if "locked" in text or "busy" in text:
        return StoreBusyError(
            f"The database {where} was locked by another process for {BUSY_SECONDS} seconds; "
            "end that process or wait for it, then try again."
        )
    if "full" in text:
        return StorageFullError(f"There is no space left for the database {where}; free some and try again.")
    if "not a database" in text or "malformed" in text:
        return StoreError(
            f"The database {where} is damaged or no database at all; restore a backup or move the file away."
        )
    if "readonly" in text or "unable to open" in text:
        return StoreError(f"The database {where} cannot be written to; check its permissions and its disk.")
    return StoreError(f"The database {where} could not be used: {reason}.")


def _create_file(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Only ever opened here while it does not exist: closing any handle of a file lets go of all locks that this
        # process holds on it, and another process would then take away the journal that our connections still use.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        return
    except FileExistsError:
        if path.is_file() and os.access(path, os.R_OK | os.W_OK):
            return
        reason = "no file that you may write to"
    except OSError as error:
        reason = str(error.strerror)
    raise StoreError(
        f"The database {path} cannot be opened for writing ({reason}); "
        "set FACEPRIV_HOME to a folder that you may write to."
    )


def _use_wal(connection: sqlite3.Connection) -> None:
    # Leaving the rollback journal needs the whole file for a moment, and SQLite may then report "locked" without
    # waiting for the busy timeout: 5 times in 900 when six processes opened new files at once.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode=WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
