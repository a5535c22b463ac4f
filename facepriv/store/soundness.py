"""Whether the database's own files are whole, whatever its revision."""

from __future__ import annotations

from facepriv.store.engine import Database


def find_damage(database: Database) -> str:
    """Give the first fault that SQLite finds in its pages, indexes and references between rows; empty if there is none.

    PostgreSQL looks after its own, so nothing is found there.

    Raises
    ------
    StoreError
        If the file is so damaged that it cannot be read at all.
    """
    if database.engine.dialect.name != "sqlite":
        return ""
    with database.reading() as session:
        connection = session.connection()
        told = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one())
        if told != "ok":
            return told.splitlines()[-1]
        lost = len(connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall())
    return f"{lost:,} rows lack the rows that they refer to" if lost else ""
