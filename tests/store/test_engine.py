"""The connection to either kind of database: transactions, forks and moments in time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.exc import IntegrityError, StatementError

from facepriv.config import Settings
from facepriv.store import migrate
from facepriv.store.engine import Database
from facepriv.store.rows import AccessRow, ImageRow


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, settings_for: Callable[..., Settings]) -> Iterator[Database]:
    opened = Database(settings_for(request.param, migrated=True).database_url)
    migrate.prepare(opened)
    yield opened
    opened.close()


def test_foreign_keys_are_enforced(database: Database) -> None:
    image = {"dataset_id": 99, "name": "a", "subject": "s", "width": 1, "height": 1, "source_sha256": "0" * 64}
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(ImageRow(**image))


def test_a_block_that_raises_is_undone(database: Database) -> None:
    def half() -> None:
        with database.writing() as session:
            session.add(
                AccessRow(at=datetime.now(UTC), actor="ada", origin="python", action="x", subject="", detail="")
            )
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    with database.reading() as session:
        assert session.query(AccessRow).count() == 0


def test_connections_are_not_used_after_a_fork(database: Database) -> None:
    with database.reading() as session:
        before = session.connection().connection.dbapi_connection
    pid = os.fork()
    if pid == 0:
        status = 2
        try:
            with database.reading() as session:
                status = int(session.connection().connection.dbapi_connection is before)
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    with database.reading() as session:
        assert session.connection().connection.dbapi_connection is before, "the parent keeps its own"


def test_times_are_aware_and_in_utc(database: Database) -> None:
    at = datetime(2024, 5, 1, 12, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    with database.writing() as session:
        session.add(AccessRow(at=at, actor="ada", origin="python", action="x", subject="", detail=""))
    with database.reading() as session:
        read = session.query(AccessRow).one().at
    assert read == at
    assert read.tzinfo is UTC
    with pytest.raises(StatementError, match="time zone"), database.writing() as session:
        session.add(AccessRow(at=datetime(2024, 5, 1), actor="ada", origin="python", action="x", subject="", detail=""))
