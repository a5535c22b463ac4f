"""Changes to a database behind the product's back, as somebody with the file or rights to the tables can make them.

They go by the tables of `facepriv.store.rows`, without the rules that the store keeps.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Column, ColumnElement, MetaData, Table, Text, column, delete, func, select, table, text, update
from sqlalchemy.orm import Session

from facepriv.config import Settings
from facepriv.store.backup import describe_tables
from facepriv.store.engine import Database
from facepriv.store.rows import AccessRow, Base, RunRow

_Row = type[Base]


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """Open the database without foreign keys being checked on SQLite."""
    database = Database(settings.database_url, foreign_keys=False)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def writing(settings: Settings) -> Iterator[Session]:
    """Open a session that writes; with SQLite no other process writes meanwhile."""
    with opened(settings) as database, database.writing() as session:
        yield session


def count_rows(settings: Settings, row: _Row) -> int:
    """Return how many rows a table has, those of unfinished imports included."""
    with opened(settings) as database, database.reading() as session:
        return session.scalar(select(func.count()).select_from(row)) or 0


def every_row(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table, in the order of the primary keys."""
    with opened(settings) as database, database.reading() as session:
        tables = describe_tables(session.connection())
        return {
            table.name: [dict(row) for row in session.execute(select(table).order_by(*table.primary_key)).mappings()]
            for table in tables.sorted_tables
        }


def read_columns(settings: Settings, name: str, *columns: str) -> list[tuple[Any, ...]]:
    """Return columns of a table as the database holds them, whatever its revision."""
    with opened(settings) as database, database.reading() as session:
        rows = session.execute(select(*map(column, columns)).select_from(table(name)))
        return [tuple(row) for row in rows]


def set_columns(settings: Settings, row: _Row, *where: ColumnElement[bool], **values: Any) -> None:
    """Set columns of the rows that fulfil every condition, of all where there is none."""
    with writing(settings) as session:
        session.execute(update(row).where(*where).values(values))


def set_parameters(settings: Settings, run_id: int, **values: Any) -> None:
    """Set parameters in a run's spec, whether or not its method knows them; None takes one away."""
    with writing(settings) as session:
        run = session.get_one(RunRow, run_id)
        parameters = {name: value for name, value in {**run.spec.parameters, **values}.items() if value is not None}
        run.spec = run.spec.model_copy(update={"parameters": parameters})


def delete_rows(settings: Settings, row: _Row) -> None:
    """Delete all rows of a table; on SQLite, rows that refer to them stay."""
    with writing(settings) as session:
        session.execute(delete(row))


def set_revision(settings: Settings, revision: str) -> None:
    """Let the database say that it has another revision."""
    with writing(settings) as session:
        session.execute(update(table("alembic_version", column("version_num"))).values(version_num=revision))


def add_foreign_table(settings: Settings) -> None:
    """Add a table that facepriv has never had, and make the database where there is none."""
    with writing(settings) as session:
        Table("recipes", MetaData(), Column("name", Text)).create(session.connection())


def drop_access_triggers(session: Session) -> None:
    """Let lines of the access log be changed and deleted."""
    sqlite = session.get_bind().dialect.name == "sqlite"
    for trigger in ("no_update", "no_delete") if sqlite else ("append_only ON access_log",):
        session.execute(text(f"DROP TRIGGER access_log_{trigger}"))


def change_access_line(settings: Settings, number: int, *, actor: str) -> None:
    """Say of a line of the access log that it was somebody else."""
    with writing(settings) as session:
        drop_access_triggers(session)
        session.execute(update(AccessRow).where(AccessRow.id == number).values(actor=actor))


@contextmanager
def locked_database(settings: Settings) -> Iterator[None]:
    """Keep every other process from writing during the block."""
    with writing(settings):
        yield


def find_page(file: Path, name: str) -> tuple[int, int]:
    """Return where in a SQLite file the first page of a table or index begins, and how long a page is, in bytes."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [name]).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    return (page - 1) * size, size


def damage_table(file: Path, name: str) -> None:
    """Overwrite the page of a SQLite file that a table's rows begin on; the revision can still be read."""
    start, size = find_page(file, name)
    with file.open("r+b") as stream:
        stream.seek(start)
        stream.write(os.urandom(size))
