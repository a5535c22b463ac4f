"""Looking after the database: what is said, and the lines in the access log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError
from facepriv.services.upkeep.database import back_up_database, check_database, restore_database
from facepriv.store import migrate, open_store
from facepriv.store.records import NewDataset
from tests.actors import ADA, BOB
from tests.store.old_databases import write_stored_database
from tests.store_examples import new_image


@pytest.fixture
def filled(settings: Settings) -> Settings:
    """A data set of two images, one of whose files is there."""
    with (
        open_store(settings) as store,
        store.datasets.importing(NewDataset(name="few", source="", reader="")) as importing,
    ):
        importing.add(new_image(0, artifact_sha256=store.artifacts.put(b"an image")))
        importing.add(new_image(1))
    return settings


def test_a_check_says_what_is_held(filled: Settings) -> None:
    assert check_database(filled) == (
        f"The database sqlite:///{filled.home}/facepriv.sqlite is sound, at revision {migrate.head()} "
        "and holds 1 data set with 2 images, 0 runs, 0 audits and 0 template sets."
    )


def test_a_check_of_a_server_claims_no_more_than_was_looked_at(settings_for: Callable[..., Settings]) -> None:
    said = check_database(settings_for("postgresql", migrated=True))
    assert said.startswith("The database postgresql://postgres@/test_")
    assert said.endswith(
        f"is at revision {migrate.head()} and holds 0 data sets with 0 images, 0 runs, 0 audits and 0 template sets."
    )


def test_a_backup_and_its_restoring_are_logged(filled: Settings, tmp_path: Path) -> None:
    file = tmp_path / "faces.backup"
    said = back_up_database(filled, file, actor=ADA)
    assert f"refers to 2 artifact files, which are not in it: copy the folder {filled.artifacts} now" in said
    other = Settings(home=tmp_path / "other")
    said = restore_database(other, file, actor=BOB)
    assert said.startswith(f"The database sqlite:///{other.home}/facepriv.sqlite now holds what {file} does.")
    assert said.endswith(f"Of 2 artifact files that it refers to in {other.artifacts}, 2 are missing; copy them there.")
    for settings, line in (
        (filled, ("ada", "database-backed-up", "", "faces.backup")),
        (other, ("bob", "database-restored", "", "faces.backup")),
    ):
        with open_store(settings) as store:
            assert [(one.actor, one.action, one.subject, one.detail) for one in store.access.list()] == [line]


def test_files_that_are_in_place_are_not_missed(filled: Settings, tmp_path: Path) -> None:
    back_up_database(filled, tmp_path / "faces.backup", actor=ADA)
    (filled.home / "facepriv.sqlite").unlink()
    assert "Of 2 artifact files" in (said := restore_database(filled, tmp_path / "faces.backup", actor=ADA))
    assert said.endswith("1 is missing; copy it there.")
    with open_store(filled) as store:
        store.artifacts.put(b"artifact 1")


def test_an_older_database_can_be_backed_up_and_is_upgraded_when_restored(tmp_path: Path, next_revision: str) -> None:
    old = Settings(home=tmp_path / "old")
    write_stored_database(old.home / "facepriv.sqlite")
    back_up_database(old, tmp_path / "faces.backup", actor=ADA)
    said = restore_database(Settings(home=tmp_path / "new"), tmp_path / "faces.backup", actor=ADA)
    assert f", upgraded from revision 0001 to {next_revision}. Of " in said
    assert next_revision in check_database(Settings(home=tmp_path / "new"))


def test_what_is_refused_leaves_no_line(filled: Settings, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    with pytest.raises(BadInputError):
        back_up_database(filled, tmp_path / "there", actor=ADA)
    with open_store(filled) as store:
        assert store.access.list() == ()
