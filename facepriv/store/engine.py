"""The connection to the database, and the only place that knows what is special about SQLite.

SQLite runs in WAL mode with foreign keys on, a busy timeout of 30 s and ``synchronous=FULL``: what was committed
survives a power cut. The driver's own transaction handling is switched off; a writing transaction begins with
``BEGIN IMMEDIATE``, so it waits for its turn instead of failing half way, and a reading one with ``BEGIN``, so it
sees one state of the database and blocks nobody.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.orm import DeclarativeBase, Session

from facepriv.errors import StoreError

BUSY_SECONDS = 30
_WRITING = "facepriv_writing"


class Database:
    """An engine for one URL, with reading and writing transactions.

    Safe to use from several threads, and after a fork: connections opened by another process are let go, never used.

    Parameters
    ----------
    url
        SQLAlchemy URL. For SQLite the file's folder is made with mode 0700 and the file with 0600 where they do not
        exist; its journal files take over the file's mode.
    foreign_keys
        Whether SQLite checks foreign keys at every statement; a migration that rebuilds a table must not.

    Raises
    ------
    StoreError
        If the URL cannot be read or the file cannot be made.
    """

    def __init__(self, url: str | URL, *, foreign_keys: bool = True) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise StoreError(
                "The database's URL cannot be read; write it like sqlite:////folder/facepriv.sqlite."
            ) from error
        self.url = url
        self.where = parsed.render_as_string(hide_password=True)
        """The URL for messages, without its password."""
        if parsed.get_backend_name() == "sqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise StoreError(
                    "The database must be a file, because several processes share it; "
                    "write its URL like sqlite:////folder/facepriv.sqlite."
                )
            _create_file(Path(parsed.database))
            self.engine = create_engine(
                url, connect_args={"isolation_level": None, "timeout": BUSY_SECONDS}, hide_parameters=True
            )
            _speak_sqlite(self.engine, foreign_keys)
        else:
            self.engine = create_engine(url, pool_pre_ping=True, hide_parameters=True)
        _forget_connections_of_other_processes(self.engine)
        self._writer = self.engine.execution_options(**{_WRITING: True})

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that sees one state of the database; nothing it changes is kept."""
        with self._explaining(), Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a session that is committed at the end of the block, or undone if the block raises.

        Raises
        ------
        sqlalchemy.exc.IntegrityError
            If a constraint is broken; the caller knows what that means.
        StoreError
            If the database is locked for too long, full, read-only or damaged.
        """
        with self._explaining(), Session(self._writer) as session, session.begin():
            session.connection()  # take the writers' lock now, not at the first statement
            yield session

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """Open a connection in a transaction during which no other process can write or migrate."""
        with self._explaining(), self._writer.begin() as connection:
            yield connection
            if connection.dialect.name == "sqlite":
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if broken:
                    raise StoreError(
                        f"The migration of {self.where} would leave {len(broken)} rows without the rows they refer to; "
                        "nothing was changed. Restore a backup or report this."
                    )

    @contextmanager
    def outside_transactions(self) -> Iterator[Any]:
        """Open one of the driver's own connections, for statements that no transaction may hold, such as VACUUM.

        Raises
        ------
        StoreError
            If the database is locked for too long, full, read-only or damaged.
        """
        with self._explaining():
            connection = self.engine.raw_connection()
            try:
                yield connection.driver_connection
            finally:
                connection.invalidate()  # nobody else gets it with what was set on it

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise StoreError(_sentence(self.where, str(error.orig))) from error
        except sqlite3.Error as error:  # raised while a connection is set up, before SQLAlchemy wraps errors
            raise StoreError(_sentence(self.where, str(error))) from error


def put_rows(session: Session, table: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, each in place of the one with the same primary key if there is one."""
    if not rows:
        return
    make = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = make(table)
    keys = [column.name for column in inspect(table).primary_key]
    others = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), rows)


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


def _speak_sqlite(engine: Engine, foreign_keys: bool) -> None:
    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, record: object) -> None:
        connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        _use_wal(connection)
        connection.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten, not only marked as free

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get(_WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _use_wal(connection: sqlite3.Connection) -> None:
    # Leaving the rollback journal needs the whole file for a moment, and SQLite may then report "locked" without
    # waiting for the busy timeout: 5 times in 900 when six processes opened new files at once.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
                return
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _forget_connections_of_other_processes(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def remember(connection: object, record: Any) -> None:
        record.info["pid"] = os.getpid()

    @event.listens_for(engine, "checkout")
    def compare(connection: object, record: Any, proxy: Any) -> None:
        if record.info["pid"] != os.getpid():
            record.dbapi_connection = proxy.dbapi_connection = None
            raise DisconnectionError("This connection was opened before a fork.")


def _sentence(where: str, reason: str) -> str:
    text = reason.lower()
    if "locked" in text or "busy" in text:
        return (
            f"The database {where} was locked by another process for {BUSY_SECONDS} seconds; "
            "end that process or wait for it, then try again."
        )
    if "full" in text:
        return f"There is no space left for the database {where}; free some and try again."
    if "not a database" in text or "malformed" in text:
        return f"The database {where} is damaged or no database at all; restore a backup or move the file away."
    if "readonly" in text or "unable to open" in text:
        return f"The database {where} cannot be written to; check its permissions and its disk."
    return f"The database {where} could not be used: {reason.strip()}."
