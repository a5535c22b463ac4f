"""PostgreSQL: who writes beside whom, and one sentence for everything that can go wrong with a server."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest
from sqlalchemy import event, func, select, text, update

from facepriv.config import Settings
from facepriv.errors import StorageFullError, StoreBusyError, StoreError
from facepriv.store import open_store, postgresql
from facepriv.store.engine import Database
from facepriv.store.leftovers import Leftovers
from facepriv.store.rows import AccessRow, ImageRow, MeasureRow
from tests.actors import ADA
from tests.postgresql import Server
from tests.store_examples import add_dataset, spec_for


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(Settings(database=url).database_url)
    try:
        yield database
    finally:
        database.close()


@pytest.fixture
def url(new_postgresql: Callable[..., str]) -> str:
    return new_postgresql(migrated=True)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with opened(url) as made:
        yield made


def line(actor: str) -> AccessRow:
    return AccessRow(at=datetime.now(UTC), actor=actor, origin="python", action="x", subject="", detail="")


def one_line(error: pytest.ExceptionInfo[StoreError]) -> str:
    said = str(error.value)
    assert "\n" not in said
    assert said.endswith(".")
    return said


# Who writes beside whom


def waits_for_the_writers_lock(postgresql: Server) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if postgresql.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") is not None:
            return True
        time.sleep(0.01)
    return False


def test_writers_run_side_by_side_unless_one_must_be_alone(database: Database, postgresql: Server) -> None:
    order: list[str] = []

    def alone() -> None:
        with database.writing(alone=True):
            order.append("alone")

    thread = threading.Thread(target=alone)
    with database.writing() as first, database.writing() as second:
        for session in (first, second):
            session.add(line("ada"))
            session.flush()
        thread.start()
        assert waits_for_the_writers_lock(postgresql)
        order.append("side by side")
    thread.join(30)
    assert order == ["side by side", "alone"]


@pytest.mark.parametrize("removing", ["leftovers", "a data set", "a run", "imports that broke off"])
def test_what_removes_waits_for_who_writes(
    database: Database, url: str, postgresql: Server, tmp_path: Path, removing: str
) -> None:
    """What it decides by what it reads must hold until it has removed: here, a row takes a file that nobody had."""
    with open_store(Settings(home=tmp_path, database=url)) as store:
        dataset = add_dataset(store, "mine")
        run = store.runs.create(spec_for(store, dataset))
        spare = add_dataset(store, "spare")
        sha256 = store.artifacts.put(b"put and not yet referred to")
        remove = {
            "leftovers": lambda: Leftovers(database, store.artifacts).remove([sha256]),
            "a data set": lambda: store.datasets.delete(spare.id),
            "a run": lambda: store.runs.delete(run),
            "imports that broke off": lambda: store.datasets.collect_abandoned(timedelta(0)),
        }[removing]
        thread = threading.Thread(target=remove)
        with database.writing() as session:
            thread.start()
            assert waits_for_the_writers_lock(postgresql)
            session.execute(update(ImageRow).where(ImageRow.id == 1).values(artifact_sha256=sha256))
        thread.join(30)
        assert store.artifacts.get(sha256) == b"put and not yet referred to"


def test_nobody_writes_while_one_is_alone(database: Database, url: str) -> None:
    with opened(url) as other, database.writing(alone=True):
        with database.reading() as reader:
            assert reader.scalar(select(func.count(AccessRow.id))) == 0, "readers are not held up"
        for alone in (False, True):
            with pytest.raises(StoreBusyError, match="locked by another process"), in_a_hurry(other, alone=alone):
                pass


@contextmanager
def in_a_hurry(database: Database, *, alone: bool) -> Iterator[None]:
    """Write as one who waits for 50 ms only."""

    def hurry(connection: psycopg.Connection, record: object) -> None:
        connection.execute("SET lock_timeout = '50ms'")
        connection.commit()

    event.listen(database.engine, "connect", hurry)
    with database.writing(alone=alone):
        yield


def test_a_reader_sees_one_state(database: Database) -> None:
    with database.reading() as session:
        assert session.scalar(select(func.count(AccessRow.id))) == 0
        with database.writing() as writer:
            writer.add(line("ada"))
        assert session.scalar(select(func.count(AccessRow.id))) == 0
    with database.reading() as session:
        assert session.scalar(select(func.count(AccessRow.id))) == 1


def test_who_waits_for_a_lock_gives_up_after_30_seconds(database: Database) -> None:
    with database.reading() as session:
        assert session.execute(text("SHOW lock_timeout")).scalar_one() == "30s"


def test_times_without_a_zone_are_in_utc(database: Database) -> None:
    with database.reading() as session:
        assert session.execute(text("SELECT '2024-05-01 12:00'::timestamptz")).scalar_one() == datetime(
            2024, 5, 1, 12, tzinfo=UTC
        )


# What can go wrong


def test_a_lost_connection_may_come_back(database: Database, postgresql: Server) -> None:
    def write() -> None:
        with database.writing() as session:
            session.add(line("ada"))
            session.flush()
            pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
            postgresql.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
            session.execute(text("SELECT 1"))

    with pytest.raises(StoreBusyError, match="was lost") as caught:
        write()
    one_line(caught)
    with database.reading() as session:
        assert session.scalar(select(func.count(AccessRow.id))) == 0, "what was begun is undone"
    with database.reading() as session:
        pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
    postgresql.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
    with database.reading() as session:
        assert session.execute(text("SELECT 1")).scalar_one() == 1, "an idle connection is replaced unseen"


def test_a_deadlock_may_be_tried_again(database: Database) -> None:
    for actor in ("ada", "bob"):
        with database.writing() as session:
            vector = np.zeros(1)
            session.add(MeasureRow(artifact_sha256="0" * 64, name=actor, fingerprint="0" * 64, vector=vector))
    both = threading.Barrier(2, timeout=30)
    caught: list[StoreError] = []

    def change(first: str, second: str) -> None:
        try:
            with database.writing() as session:
                for actor, place in ((first, 1), (second, 2)):
                    session.execute(text("UPDATE measures SET fingerprint = 'x' WHERE name = :actor"), {"actor": actor})
                    if place == 1:
                        both.wait()
        except StoreError as error:
            caught.append(error)

    threads = [threading.Thread(target=change, args=pair) for pair in (("ada", "bob"), ("bob", "ada"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (error,) = caught
    assert isinstance(error, StoreBusyError)
    assert "in the very same place; try again." in str(error)


@pytest.mark.parametrize(
    ("code", "kind", "what"),
    [
        ("40001", StoreBusyError, "in the very same place"),
        ("53100", StorageFullError, "no space left"),
        ("53300", StoreBusyError, "cannot be connected to"),
        ("57P03", StoreBusyError, "was lost"),
        ("42501", StoreError, "may not do this"),
        ("22012", StoreError, "could not be used"),
    ],
)
def test_what_the_server_reports(database: Database, code: str, kind: type[StoreError], what: str) -> None:
    def fail() -> None:
        with database.writing() as session:
            session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION E'It broke\\nin two' USING ERRCODE = '{code}'; END $$"))

    with pytest.raises(StoreError, match=what) as caught:
        fail()
    assert type(caught.value) is kind
    one_line(caught)


def test_text_that_postgresql_cannot_hold(database: Database) -> None:
    def write() -> None:
        with database.writing() as session:
            session.add(line("a\0b"))

    with pytest.raises(StoreError, match="NUL") as caught:
        write()
    assert type(caught.value) is StoreError


def failing(url: str) -> StoreError:
    with opened(url) as database, pytest.raises(StoreError) as caught, database.reading() as session:
        session.connection()
    one_line(caught)
    return caught.value


def test_a_server_that_is_not_there(postgresql: Server) -> None:
    for where in ("postgresql://ada@127.0.0.1:1/faces", f"postgresql://ada@/faces?host={postgresql.folder}/nowhere"):
        error = failing(where)
        assert isinstance(error, StoreBusyError)
        assert "cannot be connected to" in str(error)
    assert isinstance(failing("postgresql://ada@nowhere.invalid/faces"), StoreBusyError)


def test_a_database_that_does_not_exist(postgresql: Server) -> None:
    error = failing(postgresql.url("nothing"))
    assert not isinstance(error, StoreBusyError)
    assert re.search(r"/nothing.* does not exist; create it with `createdb`", str(error))


@pytest.fixture
def locked_user(postgresql: Server) -> Iterator[str]:
    """A user who must give the password ``right``."""
    postgresql.execute("SET password_encryption = 'scram-sha-256'")
    postgresql.execute("CREATE USER locked PASSWORD 'right'")
    rules = postgresql.folder / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"local all locked scram-sha-256\n{before}")
    postgresql.execute("SELECT pg_reload_conf()")
    yield "locked"
    rules.write_text(before)
    postgresql.execute("SELECT pg_reload_conf()")
    postgresql.execute("DROP USER locked")


def test_wrong_users_and_passwords(postgresql: Server, locked_user: str) -> None:
    right = postgresql.url("postgres", f"{locked_user}:right")
    with opened(right) as database, database.reading() as session:
        assert session.execute(text("SELECT current_user")).scalar_one() == locked_user
    for user in (f"{locked_user}:wrong-secret", locked_user, "nobody:wrong-secret"):
        error = failing(postgresql.url("postgres", user))
        assert not isinstance(error, StoreBusyError)
        assert "refuses this user or password" in str(error)
        assert "wrong-secret" not in str(error)


def test_passwords_stay_out_of_messages() -> None:
    for url in ("postgresql://ada:secret@host/faces", "postgresql://ada@host/faces?password=secret&sslmode=require"):
        with opened(url) as database:
            assert "secret" not in database.where
            assert database.where.startswith(("postgresql://ada:***@host/faces", "postgresql://ada@host/faces?sslmode"))


def test_a_missing_driver_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "psycopg"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"psycopg, which is not installed; install what requirements-cluster\.txt"):
        Database("postgresql+psycopg://ada@host/faces")


def test_the_stores_keep_the_data_folder_for_files(url: str, tmp_path: Path) -> None:
    with open_store(Settings(home=tmp_path / "home", database=url)) as store:
        store.artifacts.put(b"an image")
        store.access.record(ADA, "looked")
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["artifacts"]


def test_options_of_the_url_are_kept(url: str) -> None:
    with opened(f"{url}&application_name=mine&connect_timeout=3") as database, database.reading() as session:
        assert session.execute(text("SHOW application_name")).scalar_one() == "mine"
    with opened(url) as database, database.reading() as session:
        assert session.execute(text("SHOW application_name")).scalar_one() == "facepriv"
    assert postgresql.WRITERS < 2**63, "advisory locks have signed numbers of 64 bits"
