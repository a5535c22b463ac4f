"""SQLite: its settings, permissions, and one sentence for everything that can go wrong with a file."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from facepriv.config import Settings
from facepriv.errors import StorageFullError, StoreBusyError, StoreError
from facepriv.store import migrate, open_store, sqlite
from facepriv.store.engine import Database
from facepriv.store.rows import AccessRow
from tests.actors import ADA


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/home/facepriv.sqlite"


@pytest.fixture
def database(url: str):
    opened = Database(url)
    migrate.prepare(opened)
    yield opened
    opened.close()


def pragma(database: Database, name: str) -> object:
    with database.reading() as session:
        return session.execute(text(f"PRAGMA {name}")).scalar_one()


def test_sqlite_is_set_up(database: Database) -> None:
    assert pragma(database, "journal_mode") == "wal"
    assert pragma(database, "foreign_keys") == 1
    assert pragma(database, "busy_timeout") == 30_000
    assert pragma(database, "synchronous") == 2  # FULL


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with open_store(Settings(home=home)) as store:
        store.access.record(ADA, "opened")
        store.artifacts.put(b"a face")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [home, *home.iterdir()]}
    assert modes == {
        "home": 0o700,
        "artifacts": 0o700,
        "facepriv.sqlite": 0o600,
        "facepriv.sqlite-wal": 0o600,
        "facepriv.sqlite-shm": 0o600,
    }


def test_writers_wait_for_their_turn_and_readers_do_not(database: Database) -> None:
    held, read, done = threading.Event(), threading.Event(), []

    def write(name: str) -> None:
        with database.writing() as session:
            if name == "first":
                held.set()
                assert read.wait(60)
                time.sleep(0.2)  # the second asks for its turn meanwhile, or later on a slow machine
            session.add(AccessRow(at=datetime.now(UTC), actor=name, origin="python", action="x", subject="", detail=""))
            done.append(name)

    first = threading.Thread(target=write, args=("first",))
    first.start()
    assert held.wait(60)
    with database.reading() as session:
        assert session.query(AccessRow).count() == 0
    read.set()
    write("second")
    first.join()
    assert done == ["first", "second"]


def test_first_opening_waits_for_whoever_has_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE a (x)")
    other.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.3, other.close)
    release.start()
    database = Database(f"sqlite:///{path}")
    assert pragma(database, "journal_mode") == "wal"
    database.close()
    release.join()


def test_switch_to_wal_is_tried_again(database: Database) -> None:
    class Contended(sqlite3.Connection):
        refusals = 2

        def execute(self, statement: str, *parameters: object) -> sqlite3.Cursor:
            if statement == "PRAGMA journal_mode=WAL" and self.refusals:
                self.refusals -= 1
                raise sqlite3.OperationalError("database is locked")
            return super().execute(statement, *parameters)

    path = Path(database.url.removeprefix("sqlite:///")).with_name("contended.sqlite")
    connection = sqlite3.connect(path, factory=Contended, isolation_level=None)
    sqlite._use_wal(connection)
    assert connection.refusals == 0
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_locked_database(url: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0)
    impatient = Database(url)
    with database.writing(), pytest.raises(StoreBusyError, match="locked by another process"), impatient.writing():
        pass
    impatient.close()


def test_full_database(url: str, database: Database) -> None:
    def fill() -> None:
        with database.writing() as session:
            session.execute(text("PRAGMA max_page_count = 10"))
            row = {"at": datetime.now(UTC), "actor": "ada", "origin": "python", "action": "x", "subject": ""}
            session.add(AccessRow(**row, detail="x" * 1_000_000))

    with pytest.raises(StorageFullError, match="no space left"):
        fill()


def test_damaged_database(tmp_path: Path) -> None:
    (tmp_path / "facepriv.sqlite").write_text("this is a letter, not a database " * 100)
    with pytest.raises(StoreError, match="damaged or no database") as caught:
        open_store(Settings(home=tmp_path))
    assert "\n" not in str(caught.value)


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="set FACEPRIV_HOME"):
        open_store(Settings(home=tmp_path / "file" / "home"))
    with pytest.raises(StoreError, match="set FACEPRIV_HOME"):
        Database(f"sqlite:///{tmp_path}/file/facepriv.sqlite")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "no url"])
def test_urls_that_cannot_serve(url: str) -> None:
    with pytest.raises(StoreError, match="write it"):
        Database(url)


def test_broken_migration_changes_nothing(url: str, database: Database) -> None:
    loose = Database(url, foreign_keys=False)

    def orphan() -> None:
        with loose.migrating() as connection:
            connection.execute(
                text("INSERT INTO problems (dataset_id, name, code, sentence) VALUES (9, 'a', 'b', 'c')")
            )

    with pytest.raises(StoreError, match="nothing was changed"):
        orphan()
    loose.close()
    with database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM problems")).scalar_one() == 0


def test_a_plain_sqlite_client_can_read_along(url: str, database: Database) -> None:
    with database.writing() as session:
        session.add(AccessRow(at=datetime.now(UTC), actor="ada", origin="python", action="x", subject="", detail=""))
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        assert connection.execute("SELECT actor FROM access_log").fetchall() == [("ada",)]
    connection.close()


def visit(url: str) -> None:
    """Open the database and close it again, as another process."""
    code = (
        f"from facepriv.store.engine import Database; database = Database({url!r})\n"
        "with database.reading() as session: session.connection()\n"
        "database.close()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_opening_it_again_does_not_let_go_of_it(url: str, database: Database) -> None:
    """A process with two stores keeps its locks; else the next visitor, taking itself for the last, removes the WAL."""
    with database.writing() as session:
        session.add(AccessRow(at=datetime.now(UTC), actor="ada", origin="python", action="x", subject="", detail=""))
    second = Database(url)
    journal = Path(url.removeprefix("sqlite:///") + "-wal")
    assert journal.exists()
    visit(url)
    assert journal.exists()
    with second.writing() as session:
        session.add(AccessRow(at=datetime.now(UTC), actor="bob", origin="python", action="x", subject="", detail=""))
    second.close()
    with database.reading() as session:
        assert session.execute(text("SELECT count(*) FROM access_log")).scalar_one() == 2


def test_the_file_is_named_in_messages(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/a.sqlite")
    assert database.where == f"sqlite:///{tmp_path}/a.sqlite"
    database.close()
