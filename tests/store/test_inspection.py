"""Looking through a database: what it holds, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.errors import StoreError
from facepriv.store import migrate, open_store
from facepriv.store.backup import restore
from facepriv.store.engine import Database
from facepriv.store.inspection import Contents, inspect_database
from facepriv.store.rows import ProblemRow
from tests.store.old_databases import write_stored_database
from tests.store.tampering import find_page, set_columns


def inspected(settings: Settings) -> Contents:
    database = Database(settings.database_url)
    try:
        return inspect_database(database)
    finally:
        database.close()


@pytest.fixture
def stored(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "stored")
    write_stored_database(settings.home / "facepriv.sqlite")
    migrate.upgrade(settings.database_url)
    return settings


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_sound_database_is_counted(stored: Settings, settings_for: Callable[..., Settings], kind: str) -> None:
    """The third data set is of an import that was killed."""
    settings = settings_for(kind)
    database = Database(settings.database_url, foreign_keys=False)
    restore(stored.home / "facepriv.sqlite", database)
    database.close()
    assert inspected(settings) == Contents(datasets=2, images=8, runs=5, audits=3, template_sets=0)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_new_database_names_the_command(settings_for: Callable[..., Settings], kind: str) -> None:
    with pytest.raises(StoreError, match=r"is empty.*run: facepriv db upgrade"):
        inspected(settings_for(kind))


def test_an_older_database_names_the_command(tmp_path: Path, next_revision: str) -> None:
    write_stored_database(tmp_path / "facepriv.sqlite")
    with pytest.raises(StoreError, match=r"has revision 0001.*run: facepriv db upgrade"):
        inspected(Settings(home=tmp_path))


def test_rows_without_the_rows_they_refer_to(stored: Settings) -> None:
    set_columns(stored, ProblemRow, dataset_id=99)
    with pytest.raises(StoreError, match=r"3 rows lack the rows they refer to\); restore a backup"):
        inspected(stored)


def test_a_damaged_index(stored: Settings) -> None:
    file = stored.home / "facepriv.sqlite"
    start, size = find_page(file, "ix_images_artifact_sha256")
    data = bytearray(file.read_bytes())
    data[start + size - 200 : start + size - 100] = b"x" * 100
    file.write_bytes(data)
    open_store(stored).close()  # what is wrong inside shows when somebody looks
    with pytest.raises(StoreError, match=r"is damaged \(.*\); restore a backup") as caught:
        inspected(stored)
    assert "\n" not in str(caught.value)
