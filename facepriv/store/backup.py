"""The whole database as one SQLite file, and back: also the way from SQLite to PostgreSQL and from there to SQLite.

Rows are copied between databases of one revision, table by table, in one transaction on either side. What an older
facepriv backed up is restored at its own revision and then upgraded, in the same transaction. Artifacts are not in it.
Nobody stays signed in: a session that was ended after the backup must not come to life again.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    URL,
    Connection,
    DateTime,
    MetaData,
    Table,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    text,
    union,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import NullPool

from facepriv.errors import BadInputError, FaceprivError, StorageFullError, StoreError
from facepriv.scratch import remove_left, temporary_folder
from facepriv.store import migrate, sqlite
from facepriv.store.engine import Database
from facepriv.store.folder_artifacts import sync
from facepriv.store.rows import AttemptRow, Base, InstallationRow, SessionRow, UtcDateTime

REFERRING = (
    ("images", "artifact_sha256"),
    ("run_images", "artifact_sha256"),
    ("learnings", "artifact_sha256"),
    ("template_sets", "rows_sha256"),
    ("template_sets", "records_sha256"),
)
"""Tables and their columns that name a file."""
UNFINISHED = ".facepriv-backup-"
"""What the names of folders begin with, beside the file, in which a backup is written."""
_REVISION = "alembic_version"
_OF_NO_DATA = (_REVISION, InstallationRow.__tablename__)
_BATCH = 500


def back_up(database: Database, file: Path) -> int:
    """Write everything in the database to a new SQLite file with mode 0600, while others go on writing.

    The file holds one moment's state. It appears under its name only once it is whole.

    Returns
    -------
    int
        How many artifact files its rows refer to.

    Raises
    ------
    BadInputError
        With code ``file-exists`` if the file is there already.
    StoreError
        If the database is empty, newer than this facepriv, not facepriv's or damaged so that its backup could not be
        restored, or the file cannot be written.
    """
    with _appearing(file) as unfinished, database.reading() as session:
        connection = session.connection()
        kind, revision = migrate.require(connection, database.where, *migrate.MIGRATABLE)
        if kind == "empty":
            raise StoreError(f"The database {database.where} is empty, so there is nothing to back up.")
        if database.kind == "sqlite":
            _copy_pages(connection, unfinished, file)
        else:
            _copy_to_file(connection, revision, unfinished)
        damage = _find_damage(unfinished, is_current=kind == "current")
        if damage:
            raise StoreError(
                f"The database {database.where} is damaged ({damage}), so no backup of it was written; keep earlier "
                "backups, and restore one into a new database."
            )
        return len(artifacts_needed(connection))


def restore(file: Path, database: Database) -> str:
    """Fill an empty database with what a backup holds, and give the revision that the backup had.

    It then has this facepriv's revision, all sessions have ended, and failed sign-ins are forgotten. All or nothing: if
    it fails, the database is as empty as before.

    Parameters
    ----------
    file
        What `back_up` wrote, or a copy of a data folder's ``facepriv.sqlite``; it is only read.
    database
        Without tables, or with facepriv's tables and no row in any; SQLite must not check foreign keys meanwhile.

    Raises
    ------
    BadInputError
        If there is no such file (code ``no-file``) or it is no database of facepriv (``no-backup``).
    StoreError
        If the backup is damaged or newer than this facepriv, or the database is not empty or cannot be written to.
    """
    if not file.is_file():
        raise BadInputError(f"A backup was expected at {file}, but there is no such file.", code="no-file")
    with _read_only(file) as backup:
        kind, revision = migrate.require(backup, str(file), "foreign", *migrate.MIGRATABLE)
        if kind in ("empty", "foreign"):
            raise _no_backup(file)
        if _damage_of(backup):
            raise _damaged(file)
        try:
            with database.migrating() as connection:
                _make_room(connection, database.where)
                migrate.run(connection, revision)
                if _columns(describe_tables(backup)) != _columns(describe_tables(connection)):
                    raise _no_backup(file)
                copy_rows(backup, connection)
                migrate.run(connection, "head")
                _sign_out_everybody(connection)
        except IntegrityError as error:
            raise _damaged(file) from error
    return revision


def _find_damage(file: Path, *, is_current: bool) -> str:
    """Return what would keep a backup from being restored, or nothing."""
    try:
        with _read_only(file) as backup:
            damage = _damage_of(backup)
            if not damage and is_current and _columns(describe_tables(backup)) != _columns(Base.metadata):
                damage = "a table or a column is missing, or another one is there"
            return damage
    except FaceprivError as error:
        return str(error).rstrip(".")


def _damage_of(backup: Connection) -> str:
    orphans = sqlite.orphans(backup)
    return sqlite.damage(backup) or (f"{orphans:,} rows lack the rows they refer to" if orphans else "")


def _sign_out_everybody(connection: Connection) -> None:
    connection.execute(update(SessionRow).where(SessionRow.revoked_at.is_(None)).values(revoked_at=datetime.now(UTC)))
    connection.execute(delete(AttemptRow))


def copy_rows(source: Connection, target: Connection) -> None:
    """Copy every row, and which ids were given last, into the empty tables of a database of the same revision."""
    tables = describe_tables(source)
    for table in tables.sorted_tables:
        if table.name == InstallationRow.__tablename__:
            target.execute(delete(table))  # what the migration has made
        # In the order of their keys, so that a set comes before those that were made from it.
        query = select(table).order_by(*table.primary_key).execution_options(yield_per=_BATCH)
        for rows in source.execute(query).mappings().partitions():
            target.execute(insert(table), [dict(row) for row in rows])
    numbered = [table for table in tables.sorted_tables if "id" in table.columns]
    _give_no_id_again(target, {table.name: _last_id(source, table) for table in numbered})


def artifacts_needed(connection: Connection) -> frozenset[str]:
    """Return the hashes of all artifact files that rows refer to, whatever the database's revision."""
    tables = describe_tables(connection).tables
    columns = [tables[name].columns[column] for name, column in REFERRING if name in tables]
    every = union(*(select(column).where(column.is_not(None)) for column in columns))
    return frozenset(connection.scalars(every))


def _copy_pages(connection: Connection, unfinished: Path, file: Path) -> None:
    """Copy a SQLite database page by page, as the transaction that the connection is in sees it."""
    source: Any = connection.connection.dbapi_connection
    try:
        with closing(sqlite3.connect(unfinished)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        raise sqlite.trouble(str(file), error) from error
    _leave_wal(unfinished)


def _copy_to_file(connection: Connection, revision: str, unfinished: Path) -> None:
    """Copy the rows that the transaction sees into a new SQLite database."""
    url = URL.create("sqlite", database=str(unfinished))
    with closing(Database(url, foreign_keys=False)) as target, target.migrating() as to:
        migrate.run(to, revision)
        copy_rows(connection, to)
    _leave_wal(unfinished)


def _leave_wal(unfinished: Path) -> None:
    # A database in WAL mode would make files beside it whenever somebody looks into it.
    with closing(sqlite3.connect(unfinished)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


@contextmanager
def _appearing(file: Path) -> Iterator[Path]:
    """Return another name to write to; the file appears once the block has ended, unless one is there by then."""
    if file.exists() or file.is_symlink():
        raise _exists(file)
    parent = file.absolute().parent
    try:
        parent.stat()  # a folder that is not there is not made
        remove_left(parent, UNFINISHED)  # by a backup that was killed
        with temporary_folder(parent, UNFINISHED) as folder:
            unfinished = folder / "backup"
            os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            yield unfinished
            sync(unfinished)
            _reveal(unfinished, file)
            sync(parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(f"There is no space left for the backup {file}; free some and try again.") from error
        raise StoreError(
            f"The backup {file} cannot be written ({error.strerror}); name a file in another folder."
        ) from error


def _reveal(unfinished: Path, file: Path) -> None:
    try:
        os.link(unfinished, file)
    except OSError as error:
        if file.exists() or file.is_symlink():
            raise _exists(file) from error
        unfinished.replace(file)  # a disk without hard links, as USB sticks are


def _exists(file: Path) -> BadInputError:
    return BadInputError(
        f"A backup never replaces a file, but {file} exists already; name another file.", code="file-exists"
    )


def _no_backup(file: Path) -> BadInputError:
    return BadInputError(
        f"A backup of a facepriv database was expected, but {file} is none; name what `facepriv db backup` wrote.",
        code="no-backup",
    )


def _damaged(file: Path) -> StoreError:
    return StoreError(f"The backup {file} is damaged, so nothing was restored; take another backup.")


@contextmanager
def _read_only(file: Path) -> Iterator[Connection]:
    uri = f"{file.absolute().as_uri()}?mode=ro"
    engine = create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(uri, uri=True, isolation_level=None), poolclass=NullPool
    )
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        if "not a database" in str(error.orig):
            raise _no_backup(file) from error
        raise sqlite.trouble(str(file), error.orig) from error


def _make_room(connection: Connection, where: str) -> None:
    """Take away facepriv's tables if they hold nothing; refuse a database that holds anything."""
    migrate.require(connection, where, *migrate.MIGRATABLE)
    tables = MetaData()
    tables.reflect(connection)
    for table in tables.sorted_tables:
        if table.name not in _OF_NO_DATA and connection.execute(select(table).limit(1)).first() is not None:
            raise StoreError(
                f"A backup is restored into a new database only, but {where} holds data; name another with "
                "FACEPRIV_HOME or FACEPRIV_DATABASE_URL."
            )
    tables.drop_all(connection)


def describe_tables(connection: Connection) -> MetaData:
    """Describe the tables in types that both databases have."""
    tables = MetaData()

    def generalise(inspector: object, table: Table, column: Any) -> None:
        kind = column["type"].as_generic()
        if isinstance(kind, DateTime):
            kind = UtcDateTime()
        elif isinstance(kind, JSON):
            kind = JSON(none_as_null=True)
        column["type"] = kind

    event.listen(tables, "column_reflect", generalise)
    tables.reflect(connection, only=lambda name, _: name != _REVISION)
    return tables


def _columns(tables: MetaData) -> dict[str, set[str]]:
    return {table.name: set(table.columns.keys()) for table in tables.sorted_tables}


def _last_id(connection: Connection, table: Table) -> int:
    """Return the highest id that a table has ever had, of rows since removed too; 0 if it never had one."""
    if connection.dialect.name == "sqlite":
        query = "SELECT seq FROM sqlite_sequence WHERE name = :table"
        return connection.execute(text(query), {"table": table.name}).scalar() or 0
    sequence = connection.scalar(select(func.pg_get_serial_sequence(table.name, "id")))
    last, used = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {sequence}").one()  # noqa: S608
    return last if used else 0


def _give_no_id_again(connection: Connection, last: Mapping[str, int]) -> None:
    for table, number in last.items():
        if not number:
            continue
        if connection.dialect.name == "sqlite":
            values = {"table": table, "number": number}
            connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), values)
            connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :number)"), values)
        else:
            connection.execute(select(func.setval(func.pg_get_serial_sequence(table, "id"), number)))
