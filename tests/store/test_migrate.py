"""Migrations as a guest in somebody else's program."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from facepriv.errors import StoreError
from facepriv.store import migrate
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


def test_folder_names_with_percent_signs(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/50%25 of all/a.sqlite"
    prepare(url)


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
