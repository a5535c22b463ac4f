"""Migrations as a guest in somebody else's program."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.errors import StoreError
from facepriv.store import migrate, open_store
from facepriv.store.engine import Database


def prepare(url: str) -> None:
    database = Database(url)
    migrate.prepare(database)
    database.close()


def test_logging_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    mine = logging.getLogger("somebody.else")
    before = (root.level, list(root.handlers), mine.disabled)
    migrate.upgrade(f"sqlite:///{tmp_path}/a.sqlite")
    assert (root.level, list(root.handlers), mine.disabled) == before
    assert capsys.readouterr() == ("", "")


def test_interrupted_upgrade_leaves_an_empty_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/a.sqlite"
    real = migrate.command.upgrade

    def interrupted(config: object, revision: str) -> None:
        real(config, revision)
        raise KeyboardInterrupt

    monkeypatch.setattr(migrate.command, "upgrade", interrupted)
    with pytest.raises(KeyboardInterrupt):
        migrate.upgrade(url)
    monkeypatch.undo()
    database = Database(url)
    with database.reading() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one() == 0
    database.close()
    prepare(url)
    migrate.check(url)


def test_folder_names_with_percent_signs(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/50%25 of all/a.sqlite"
    prepare(url)
    migrate.check(url)


def test_missing_scripts_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate.resources, "__file__", str(tmp_path / "facepriv" / "resources.py"))
    with pytest.raises(StoreError, match="install it again"):
        migrate.upgrade(f"sqlite:///{tmp_path}/a.sqlite")


def test_a_new_migration_starts_from_nothing_to_do(tmp_path: Path) -> None:
    root = migrate.resources.root()
    environment = {"FACEPRIV_HOME": str(tmp_path / "home"), "PATH": "", "PYTHONPATH": str(root)}
    for arguments in (["upgrade", "head"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "alembic", "-c", str(root / "db" / "alembic.ini"), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert "No new upgrade operations detected" in done.stdout


@pytest.fixture
def old(tmp_path: Path) -> Settings:
    """A data folder of revision 0001: a data set, a complete run on it, a waiting one, a line in the access log."""
    home = tmp_path / "home"
    home.mkdir()
    with sqlite3.connect(home / "facepriv.sqlite") as connection:
        connection.executescript((Path(__file__).parent / "fixtures" / "revision_0001.sql").read_text())
    connection.close()
    return Settings(home=home)


def rows(settings: Settings) -> dict[str, list[tuple[object, ...]]]:
    """Everything in the tables of revision 0001, in its columns."""
    with sqlite3.connect(settings.home / "facepriv.sqlite") as connection:
        connection.row_factory = sqlite3.Row
        tables = ["access_log", "datasets", "gender_scores", "images", "problems", "run_images", "runs"]
        new = {"fixed_score", "survived", "notes"}
        new |= {"found_by", "retain_until", "losses", "spent", "stage_since", "stage_from"}
        found = {
            table: [
                tuple(v for key, v in dict(row).items() if (table, key) == ("datasets", "notes") or key not in new)
                for row in connection.execute(f"SELECT * FROM {table}")
            ]
            for table in [*tables, "sqlite_sequence"]
        }
    connection.close()
    return found


def test_an_older_database_is_refused_until_it_is_upgraded(old: Settings) -> None:
    with pytest.raises(StoreError, match=r"has revision 0001, but this facepriv needs revision .*facepriv db upgrade"):
        open_store(old)


def test_a_database_of_revision_0001_keeps_everything(old: Settings) -> None:
    before = rows(old)
    assert [len(before[table]) for table in ("images", "runs", "run_images", "gender_scores")] == [3, 2, 3, 6]
    migrate.upgrade(old.database_url)
    assert rows(old) == before
    with open_store(old) as store:
        complete, waiting = store.runs.get(1), store.runs.get(2)
        assert (complete.state, waiting.state) == ("complete", "waiting")
        # What was not measured then is told apart from what was measured and is none.
        result = complete.result
        assert (result.survival, result.flipped_fixed, result.kind, result.learned) == ({}, None, None, [])
        assert (complete.spec.guides, complete.spec.guards) == ((complete.spec.guide,), ())
        assert complete.spec.learn_from is None
        image = store.runs.run_image(1, complete.spec.image_ids[0])
        assert (image.fixed_score, dict(image.survived), image.notes) == (None, {}, ())
        assert image.trajectory.shape == (32,)
        # And it can be worked with: claimed, deleted, and ids are never given twice.
        assert store.runs.claim("w1").id == 2
        store.runs.release(2, "w1")
        store.runs.delete(2)
        assert store.runs.create(complete.spec) == 3
        store.datasets.delete(1)
        assert store.runs.count() == 0
