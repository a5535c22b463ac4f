"""The connection to the database; what is special about either kind stands in `sqlite` and `postgresql`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from sqlalchemy import URL, Connection, Engine, event, inspect, make_url
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.orm import DeclarativeBase, Session

from facepriv.errors import StoreError
from facepriv.store import postgresql, sqlite
from facepriv.store.fields import Record, record_of

Kind = Literal["sqlite", "postgresql"]

_WRITING = "facepriv_writing"
_BESIDE_OTHERS, _ALONE = "beside others", "alone"
_SECRETS = ("password", "sslpassword")


class Database:
    """An engine for one URL, with reading and writing transactions.

    Safe to use from several threads, and after a fork: connections opened by another process are let go, never used.

    Parameters
    ----------
    url
        SQLAlchemy URL of a SQLite file or, with the driver ``psycopg``, of a PostgreSQL database. For SQLite the file's
        folder is made with mode 0700 and the file with 0600 where they do not exist; its journal files take over the
        file's mode.
    foreign_keys
        Whether SQLite checks foreign keys at every statement; a migration that rebuilds a table must not.

    Raises
    ------
    StoreError
        If the URL cannot be read, the file cannot be made or the driver is missing.
    """

    def __init__(self, url: str | URL, *, foreign_keys: bool = True) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise StoreError(
                "The database's URL cannot be read; write it like sqlite:////folder/facepriv.sqlite."
            ) from error
        self.url = url
        self.kind: Kind = "sqlite" if parsed.get_backend_name() == "sqlite" else "postgresql"
        self.where = _without_secrets(parsed)
        """The URL for messages, without its password."""
        if self.kind == "sqlite":
            self.engine = sqlite.make_engine(parsed, foreign_keys=foreign_keys)
            self._reader = self.engine
        else:
            self.engine = postgresql.make_engine(parsed)
            self._reader = self.engine.execution_options(**postgresql.READING)
        _forget_connections_of_other_processes(self.engine)
        event.listen(self.engine, "begin", self._begin)
        self._writer = self.engine.execution_options(**{_WRITING: _BESIDE_OTHERS})
        self._only_writer = self.engine.execution_options(**{_WRITING: _ALONE})

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that sees one state of the database; nothing it changes is kept.

        Raises
        ------
        StoreBusyError
            If the database is locked for too long or cannot be reached.
        StoreError
            If it cannot be used for another reason.
        """
        with self._explaining(), Session(self._reader) as session:
            yield session

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[Session]:
        """Open a session that is committed at the end of the block, or undone if the block raises.

        Parameters
        ----------
        alone
            Whether no other process may have a writing transaction open meanwhile: what it decides by what it reads
            then still holds when it writes. With SQLite that is always so.

        Raises
        ------
        sqlalchemy.exc.IntegrityError
            If a constraint is broken; the caller knows what that means.
        StoreBusyError
            If the database is locked for too long, cannot be reached, or was changed in the same place.
        StorageFullError
            If its disk is full.
        StoreError
            If it is read-only, damaged or cannot be used for another reason.
        """
        engine = self._only_writer if alone else self._writer
        with self._explaining(), Session(engine) as session, session.begin():
            session.connection()  # take the writers' lock now, not at the first statement
            yield session

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """Open a connection in a transaction during which no other process can write or migrate."""
        with self._explaining(), self._only_writer.begin() as connection:
            yield connection
            broken = sqlite.orphans(connection) if self.kind == "sqlite" else 0
            if broken:
                raise StoreError(
                    f"The migration of {self.where} would leave {broken} rows without the rows they refer to; "
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

    def _begin(self, connection: Connection) -> None:
        writing = connection.get_execution_options().get(_WRITING)
        if self.kind == "sqlite":
            sqlite.begin(connection, writing=writing is not None)
        elif writing is not None:
            postgresql.begin(connection, alone=writing == _ALONE)

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        trouble = sqlite.trouble if self.kind == "sqlite" else postgresql.trouble
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise trouble(self.where, error.orig) from error
        except self.engine.dialect.loaded_dbapi.Error as error:
            # Raised while a connection is set up, before SQLAlchemy wraps errors.
            raise trouble(self.where, error) from error


def add_row(database: Database, record: type[Record], row: DeclarativeBase) -> Record:
    """Insert a row whose number the database gives, and return a dataclass ``record`` of it."""
    with database.writing() as session:
        session.add(row)
        session.flush()
        return record_of(record, row)


def put_rows(session: Session, table: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, each in place of the one with the same primary key if there is one."""
    if not rows:
        return
    statement = (sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert)(table)
    keys = [column.name for column in inspect(table).primary_key]
    others = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    if others:
        session.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), rows)
    else:
        session.execute(statement.on_conflict_do_nothing(index_elements=keys), rows)


def _without_secrets(url: URL) -> str:
    shown = url.set(drivername=url.get_backend_name()).difference_update_query(_SECRETS)
    return shown.render_as_string(hide_password=True)


def _forget_connections_of_other_processes(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def remember(connection: object, record: Any) -> None:
        record.info["pid"] = os.getpid()

    @event.listens_for(engine, "checkout")
    def compare(connection: object, record: Any, proxy: Any) -> None:
        if record.info["pid"] != os.getpid():
            record.dbapi_connection = proxy.dbapi_connection = None
            raise DisconnectionError("This connection was opened before a fork.")
