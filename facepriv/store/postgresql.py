"""What is special about PostgreSQL, used through psycopg 3, which only installations that need it have.

A reading transaction is REPEATABLE READ, so it sees one state of the database. Writing ones are READ COMMITTED and run
side by side, each holding the writers' advisory lock in shared mode; one that must be alone holds it exclusively, so it
begins after all others have ended and none begins before it ends. Who waits for a lock for 30 s gives up.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text

from facepriv.errors import StorageFullError, StoreBusyError, StoreError

BUSY_SECONDS = 30
CONNECT_SECONDS = 10
WRITERS = int.from_bytes(b"facepriv", "big")
"""Number of the writers' advisory lock; such locks are each database's own."""
READING = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""Execution options of reading transactions."""


def make_engine(url: URL) -> Engine:
    """Make an engine, which does not connect yet; raises StoreError if psycopg is not installed."""
    connect_args = {"application_name": "facepriv", "connect_timeout": CONNECT_SECONDS}
    given = {name: value for name, value in connect_args.items() if name not in url.query}
    try:
        engine = create_engine(url, connect_args=given, pool_pre_ping=True, hide_parameters=True)
    except ModuleNotFoundError as error:
        raise StoreError(
            "A PostgreSQL database needs the package psycopg, which is not installed; install what "
            "requirements-cluster.txt lists, or unset FACEPRIV_DATABASE_URL for a SQLite file in the data folder."
        ) from error

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, record: object) -> None:
        connection.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'")
        connection.execute("SET timezone = 'UTC'")  # moments without a zone, as SQLite keeps them, are in UTC
        connection.commit()

    return engine


def begin(connection: Connection, *, alone: bool) -> None:
    """Begin a writing transaction by taking the writers' lock, which its end lets go of."""
    connection.execute(text(f"SELECT pg_advisory_xact_lock{'' if alone else '_shared'}({WRITERS})"))


def trouble(where: str, error: BaseException | None) -> StoreError:
    """Say in one sentence what an error of the driver means."""
    from psycopg import InterfaceError, OperationalError

    lines = (line.strip() for line in str(error).splitlines())
    reason = "; ".join(line for line in lines if line and not line.endswith("?"))  # the driver's advice is a question
    code = getattr(error, "sqlstate", None) or ""
    # The server tells the code of an error only while a connection stands; else there is nothing but its text.
    if code == "53300" or (not code and isinstance(error, OperationalError | InterfaceError)):
        return _no_connection(where, reason)
    if code in ("40P01", "40001"):
        return StoreBusyError(
            f"The database {where} was being changed by another process in the very same place; try again."
        )
    if code == "55P03":
        return StoreBusyError(
            f"The database {where} was locked by another process for {BUSY_SECONDS} seconds; "
            "end that process or wait for it, then try again."
        )
    if code[:2] == "08" or code in ("57P01", "57P02", "57P03", "57P05", "25P03"):
        return _lost(where)
    if code == "53100":
        return StorageFullError(f"There is no space left for the database {where}; free some and try again.")
    if code == "42501":
        return StoreError(
            f"The user of the database {where} may not do this ({reason}); "
            "let it own the database, or name another user in FACEPRIV_DATABASE_URL."
        )
    return StoreError(f"The database {where} could not be used: {reason}.")


def _no_connection(where: str, reason: str) -> StoreError:
    if any(sign in reason for sign in ("authentication failed", "password supplied", "pg_hba.conf", 'FATAL:  role "')):
        return StoreError(
            f"The database {where} refuses this user or password; correct them in FACEPRIV_DATABASE_URL or ~/.pgpass."
        )
    if 'FATAL:  database "' in reason and "does not exist" in reason:
        return StoreError(
            f"The database {where} does not exist; create it with `createdb`, or correct FACEPRIV_DATABASE_URL."
        )
    if any(sign in reason for sign in ("server closed", "is lost", "is closed", "consuming input", "SSL SYSCALL")):
        return _lost(where)
    return StoreBusyError(
        f"The database {where} cannot be connected to ({reason}); "
        "start its server or wait for it, or correct FACEPRIV_DATABASE_URL, then try again."
    )


def _lost(where: str) -> StoreError:
    return StoreBusyError(f"The connection to the database {where} was lost; see that its server runs, then try again.")
