"""Backups: whole, of one moment, in one file; and restored into either kind of database, all or nothing."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select

from facepriv.config import Settings
from facepriv.errors import BadInputError, StorageFullError, StoreError
from facepriv.store import backup, migrate, open_store
from facepriv.store.backup import back_up, describe_tables, restore
from facepriv.store.engine import Database
from facepriv.store.records import NewTemplateSet
from facepriv.store.rows import AccessRow, AttemptRow
from tests.actors import ADA
from tests.store.old_databases import write_stored_database
from tests.store.tampering import damage_table, find_page
from tests.store_examples import failures_since, template_rows

KINDS = ["sqlite", "postgresql"]


@contextmanager
def opened(settings: Settings, *, foreign_keys: bool = True) -> Iterator[Database]:
    database = Database(settings.database_url, foreign_keys=foreign_keys)
    try:
        yield database
    finally:
        database.close()


def restored(file: Path, settings: Settings) -> str:
    with opened(settings, foreign_keys=False) as database:
        return restore(file, database)


def backed_up(settings: Settings, file: Path) -> int:
    with opened(settings) as database:
        return back_up(database, file)


def everything(settings: Settings) -> dict[str, Any]:
    """Every row of every table, and the ids that would come next."""
    with opened(settings) as database, database.reading() as session:
        connection = session.connection()
        tables = describe_tables(connection)
        found: dict[str, Any] = {
            table.name: [dict(row) for row in session.execute(select(table).order_by(*table.primary_key)).mappings()]
            for table in tables.sorted_tables
        }
        numbered = [table for table in tables.sorted_tables if "id" in table.columns]
        return {**found, "last ids": {table.name: backup._last_id(connection, table) for table in numbered}}


def is_empty(settings: Settings) -> bool:
    with opened(settings) as database, database.reading() as session:
        return migrate.condition(session.connection()) == ("empty", "")


def but_its_id(rows: dict[str, Any]) -> dict[str, Any]:
    """Leave out what an older database gets only when it is upgraded."""
    return {table: what for table, what in rows.items() if table != "installation"}


def what_lasts(settings: Settings) -> dict[str, Any]:
    """Return every row but those that end when a backup is restored."""
    return {table: rows for table, rows in everything(settings).items() if table not in ("sessions", "attempts")}


@pytest.fixture
def stored(tmp_path: Path) -> Settings:
    """A SQLite database of this revision with rows in every table.

    Sessions in it have ended and attempts are forgotten already, as restoring does; see `test_nobody_stays_signed_in`.
    """
    settings = Settings(home=tmp_path / "stored")
    write_stored_database(settings.home / "facepriv.sqlite")
    migrate.upgrade(settings.database_url)
    with open_store(settings) as store:
        for user in store.users.list():
            store.sessions.revoke_all(user.id)
        new = NewTemplateSet(name="vault", source="a file", reader="npz", problems=({"code": "zero-row", "count": 1},))
        vault = store.template_sets.save(new, template_rows())
        protected = NewTemplateSet(name="protected", source="vault", reader="protected", origin_id=vault.id)
        store.template_sets.save(protected, template_rows(seed=1))
    with opened(settings) as database, database.writing() as session:
        session.execute(delete(AttemptRow))
    return settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "faces.backup"


@pytest.fixture
def saved(stored: Settings, file: Path) -> Path:
    """A backup of the stored database."""
    backed_up(stored, file)
    return file


@pytest.mark.slow
@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", KINDS)
def test_nothing_is_lost_between_any_two_databases(
    saved: Path, stored: Settings, settings_for: Callable[..., Settings], source: str, target: str
) -> None:
    first, second = settings_for(source), settings_for(target)
    assert restored(saved, first) == migrate.head()
    again = saved.with_name("again.backup")
    assert backed_up(first, again) == 8 + 6 + 1 + 3, "of images, of images as runs left them, learnt, and of templates"
    restored(again, second)
    assert everything(second) == everything(first) == everything(stored)
    assert everything(second)["last ids"]["runs"] == 6, "run 6 was deleted, and its number is not given again"
    with open_store(second) as store:
        assert store.runs.create(store.runs.get(1).spec) == 7


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", KINDS)
def test_nobody_stays_signed_in(file: Path, settings_for: Callable[..., Settings], source: str, target: str) -> None:
    """A session of the backup may have been ended since."""
    first, second = settings_for(source, migrated=True), settings_for(target)
    with open_store(first) as store:
        user = store.users.add("ada", "auditor", password_hash="a hash")
        token = store.sessions.open(user.id)
        long_ago = datetime(2000, 1, 1, tzinfo=UTC)
        store.attempts.failed({"sign-in ada": 5, "sign-in bob": 5}, long_ago)
        backed_up(first, file)
        assert store.sessions.holder(token) is not None, "a backup ends nothing"
    restored(file, second)
    with open_store(second) as store:
        assert store.users.list() == (user,)
        assert store.sessions.holder(token) is None
        assert failures_since(store, "sign-in ada", long_ago) == (0, None)
        store.attempts.failed({"sign-in ada": 5}, long_ago)
        assert failures_since(store, "sign-in ada", long_ago)[0] == 1
        assert store.sessions.holder(store.sessions.open(user.id)) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_is_one_file_that_is_the_owners_only(
    saved: Path, settings_for: Callable[..., Settings], kind: str
) -> None:
    settings = settings_for(kind)
    restored(saved, settings)
    file = saved.with_name("second.backup")
    backed_up(settings, file)
    assert sorted(path.name for path in file.parent.iterdir()) == [saved.name, file.name]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_is_of_one_moment_while_others_write(
    file: Path, settings_for: Callable[..., Settings], kind: str
) -> None:
    """Another process commits lines by pairs all the time: no backup has half a pair."""
    settings = settings_for(kind, migrated=True)
    open_store(settings).close()
    begun, stop = threading.Event(), threading.Event()

    def write() -> None:
        with opened(settings) as database:
            while not stop.is_set():
                with database.writing() as session:
                    for detail in ("x" * 5000, "y"):
                        line = {
                            "at": datetime.now(UTC),
                            "actor": "ada",
                            "origin": "python",
                            "action": "x",
                            "subject": "",
                            "detail": detail,
                        }
                        session.execute(insert(AccessRow), [line])
                begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert begun.wait(30)
    try:
        counts = []
        for number in range(5):
            backed_up(settings, file.with_name(str(number)))
            with closing(sqlite3.connect(file.with_name(str(number)))) as connection:
                counts.append(connection.execute("SELECT count(*), sum(detail = 'y') FROM access_log").fetchone())
    finally:
        stop.set()
        writer.join()
    assert all(lines == 2 * pairs for lines, pairs in counts)
    assert counts[-1] > counts[0], "the writer was not held up"


def test_a_backup_never_replaces_a_file(stored: Settings, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("mine")
    with pytest.raises(BadInputError, match="never replaces a file") as caught:
        backed_up(stored, file)
    assert caught.value.code == "file-exists"
    file.unlink()
    file.symlink_to(file.with_name("nowhere"))
    with pytest.raises(BadInputError, match="never replaces a file"):
        backed_up(stored, file)
    file.unlink()

    copy = backup._copy_pages

    def overtaken(*arguments: Any) -> None:
        copy(*arguments)
        file.write_text("mine")

    monkeypatch.setattr(backup, "_copy_pages", overtaken)
    with pytest.raises(BadInputError, match="never replaces a file"):
        backed_up(stored, file)
    assert file.read_text() == "mine"
    assert list(file.parent.iterdir()) == [file]


def test_a_disk_without_hard_links_will_do(stored: Settings, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(backup.os, "link", refuse)
    backed_up(stored, file)
    assert list(file.parent.iterdir()) == [file]
    assert restored(file, Settings(home=file.parent / "home")) == migrate.head()


@pytest.mark.fault
@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_leaves_no_part_of_a_backup(
    saved: Path, settings_for: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    import resource

    settings = settings_for(kind)
    restored(saved, settings)
    file = saved.with_name("second.backup")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, limits[1]))
    try:
        with pytest.raises(StoreError):
            backed_up(settings, file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(file.parent.iterdir()) == [saved]


def test_no_space_is_an_error_of_its_own(stored: Settings, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "sync", full)
    with pytest.raises(StorageFullError, match="no space left for the backup"):
        backed_up(stored, file)
    assert list(file.parent.iterdir()) == []


def test_a_folder_that_does_not_exist_is_one_sentence(stored: Settings, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot be written \(No such file or directory\)"):
        backed_up(stored, tmp_path / "nowhere" / "file")


@pytest.mark.parametrize("kind", KINDS)
def test_there_must_be_something_to_back_up(settings_for: Callable[..., Settings], file: Path, kind: str) -> None:
    with pytest.raises(StoreError, match="nothing to back up"):
        backed_up(settings_for(kind), file)
    assert not file.exists()


@pytest.mark.parametrize("target", KINDS)
def test_an_older_database_is_backed_up_as_it_is_and_upgraded_when_restored(
    tmp_path: Path, file: Path, settings_for: Callable[..., Settings], next_revision: str, target: str
) -> None:
    older = Settings(home=tmp_path / "older")
    write_stored_database(older.home / "facepriv.sqlite")
    backed_up(older, file)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    settings = settings_for(target)
    assert restored(file, settings) == "0001"
    migrate.upgrade(older.database_url)
    assert but_its_id(what_lasts(settings)) == but_its_id(what_lasts(older))
    with opened(settings) as database, database.reading() as session:
        assert migrate.condition(session.connection()) == ("current", next_revision)


@pytest.mark.slow
def test_an_older_postgresql_database_is_backed_up_as_it_is(
    tmp_path: Path, file: Path, settings_for: Callable[..., Settings], next_revision: str
) -> None:
    older = settings_for("postgresql")
    stored = Settings(home=tmp_path / "older")
    write_stored_database(stored.home / "facepriv.sqlite")
    with (
        opened(older) as database,
        opened(stored) as source,
        source.reading() as session,
        database.migrating() as connection,
    ):
        migrate.run(connection, "0001")
        backup.copy_rows(session.connection(), connection)
    backed_up(older, file)
    settings = Settings(home=tmp_path / "home")
    assert restored(file, settings) == "0001"
    migrate.upgrade(stored.database_url)
    assert but_its_id(what_lasts(settings)) == but_its_id(what_lasts(stored))


@pytest.mark.parametrize("kind", KINDS)
def test_tables_without_rows_are_as_good_as_none(
    saved: Path, stored: Settings, settings_for: Callable[..., Settings], kind: str
) -> None:
    settings = settings_for(kind, migrated=True)
    open_store(settings).close()
    restored(saved, settings)
    assert everything(settings) == everything(stored)


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_that_holds_anything_is_left_alone(
    saved: Path, settings_for: Callable[..., Settings], kind: str
) -> None:
    settings = settings_for(kind, migrated=True)
    with open_store(settings) as store:
        store.access.record(ADA, "looked")
    with pytest.raises(StoreError, match="new database only"):
        restored(saved, settings)
    with open_store(settings) as store:
        assert [line.actor for line in store.access.list()] == ["ada"]


def spoil(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


NEVER = "UPDATE learnings SET source = 'never' WHERE run_id = 1"
UNCHECKED = ("CREATE TABLE loose AS SELECT * FROM learnings", "DROP TABLE learnings")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("statements", "what"),
    [
        (["UPDATE alembic_version SET version_num = '9999'"], "revision 9999.*newer one"),
        (["DELETE FROM alembic_version"], "facepriv database was expected"),
        (["DROP TABLE learnings"], "facepriv database was expected"),
        (["ALTER TABLE images DROP COLUMN landmarks"], "facepriv database was expected"),
        (["DELETE FROM images WHERE id = 3"], "is damaged"),
        ([*UNCHECKED, "ALTER TABLE loose RENAME TO learnings", NEVER], "is damaged"),
    ],
)
def test_what_is_no_sound_backup_leaves_the_database_empty(
    saved: Path, settings_for: Callable[..., Settings], kind: str, statements: list[str], what: str
) -> None:
    spoil(saved, *statements)
    settings = settings_for(kind)
    with pytest.raises((BadInputError, StoreError), match=what):
        restored(saved, settings)
    assert is_empty(settings)


def test_what_is_no_database_at_all(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    for content, what in ((None, "no such file"), ("a letter " * 200, "database was expected"), ("", "was expected")):
        if content is not None:
            (tmp_path / "file").write_text(content)
        with pytest.raises(BadInputError, match=what):
            restored(tmp_path / "file", settings)
    assert is_empty(settings)


def test_a_backup_is_only_read(saved: Path, tmp_path: Path) -> None:
    before = saved.read_bytes()
    saved.chmod(0o400)
    restored(saved, Settings(home=tmp_path / "home"))
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_the_file_of_a_data_folder_can_be_restored(stored: Settings, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    restored(stored.home / "facepriv.sqlite", settings)
    assert everything(settings) == everything(stored)


def scratch_index(database: Path) -> None:
    start, size = find_page(database, "ix_images_artifact_sha256")
    data = bytearray(database.read_bytes())
    data[start + size - 200 : start + size - 100] = b"x" * 100
    database.write_bytes(data)


@pytest.mark.parametrize(
    "harm",
    [
        scratch_index,
        lambda database: damage_table(database, "run_images"),
        lambda database: spoil(database, "DELETE FROM images WHERE id = 3"),
        lambda database: spoil(database, "ALTER TABLE images DROP COLUMN landmarks"),
    ],
    ids=["index", "table", "references", "column"],
)
def test_a_backup_that_could_not_be_restored_is_refused(
    stored: Settings, file: Path, harm: Callable[[Path], None]
) -> None:
    harm(stored.home / "facepriv.sqlite")
    with pytest.raises(StoreError, match="is damaged") as caught:
        backed_up(stored, file)
    assert str(stored.home) in str(caught.value), "it is the database, not the backup"
    assert list(file.parent.iterdir()) == []
