"""Make what was deleted from the database unreadable in its files: databases mark rows as gone and keep their bytes."""

from __future__ import annotations

from facepriv.errors import StoreError
from facepriv.store.engine import Database
from facepriv.store.rows import Base


def erase_deleted(database: Database) -> str:
    """Write the database anew without what was deleted; return a sentence on what that covers.

    SQLite also empties its journal. PostgreSQL writes every table anew (``VACUUM FULL``), which keeps others waiting
    meanwhile; its journal and its backups are the server's.

    Raises
    ------
    StoreError
        If that cannot be done now, for instance because another process keeps the database open and reads.
    """
    if database.kind == "sqlite":
        with database.outside_transactions() as connection:
            connection.execute("VACUUM")
            (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreError(
                f"The journal of the database {database.where} could not be emptied, because another process is "
                "reading; end that process or wait for it, then run: facepriv collect"
            )
        return "The database file was written anew and its journal emptied, so nothing deleted can be read there."
    with database.outside_transactions() as connection:
        connection.autocommit = True
        for table in Base.metadata.sorted_tables:
            connection.execute(f"VACUUM FULL {table.name}")
    return (
        "The tables of the database were written anew; the server's write-ahead log and its backups may hold what was "
        "deleted for a while and are in its administrator's hands."
    )
