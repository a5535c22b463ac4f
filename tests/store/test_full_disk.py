"""With no byte free one can still read and purge: a reserve is given up, and said."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from facepriv import store as stores
from facepriv.config import Settings
from facepriv.errors import StorageFullError, StoreError
from facepriv.store import folder_artifacts, open_store, reserve
from facepriv.store.folder_artifacts import FolderArtifacts
from tests.store_examples import create, put_images

MEGABYTE = 1 << 20


def test_a_reserve_is_set_aside_and_given_up(
    tmp_path: Path,
    make_tables: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    settings = Settings(home=tmp_path / "home", reserve_bytes=MEGABYTE)
    make_tables(settings.home)
    file = settings.home / "facepriv.sqlite"
    open_store(settings).close()
    kept = reserve.reserve_of(file)
    assert kept.stat().st_size == MEGABYTE
    assert kept.stat().st_blocks * 512 >= MEGABYTE
    assert kept.stat().st_mode & 0o777 == 0o600
    prepare = stores.migrate.prepare

    def needs_room(database: object) -> None:
        if kept.exists():
            raise StoreError("disk I/O error")
        prepare(database)

    monkeypatch.setattr(stores.migrate, "prepare", needs_room)
    with pytest.raises(StoreError, match="I/O"):
        open_store(settings)
    monkeypatch.setattr(reserve, "is_full", lambda database: True)
    with caplog.at_level(logging.WARNING):
        open_store(settings).close()
    assert not kept.exists()
    assert "is full" in caplog.text
    monkeypatch.setattr(stores.migrate, "prepare", lambda database: needs_nothing())
    with pytest.raises(StorageFullError, match="free some megabytes"):
        open_store(settings)


def needs_nothing() -> None:
    raise StoreError("disk I/O error")


def test_artifacts_leave_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    artifacts = FolderArtifacts(tmp_path / "artifacts")
    artifacts.put(b"a face")
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    monkeypatch.setattr(folder_artifacts, "LEAST_FREE_BYTES", 2 * free)
    with pytest.raises(StorageFullError, match="no space left"):
        artifacts.put(b"another face")
    artifacts.put(b"a face")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, where that can be had."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.fault
def test_a_full_disk_can_be_read_and_purged(small_disk: Path):
    settings = Settings(home=small_disk / "home", reserve_bytes=8 * MEGABYTE)
    with open_store(settings) as store:
        create(store, "mine", put_images(store, *(os.urandom(20_000) for _ in range(60))))
    with contextlib.suppress(OSError), (small_disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))
    assert shutil.disk_usage(small_disk).free == 0

    def run(*words: str) -> str:
        command = [sys.executable, "-m", "facepriv", *words]
        environment = {**os.environ, **settings.environment()}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
        return done.stdout + done.stderr

    said = run("datasets")
    assert "mine" in said
    assert "is full" in said
    assert "0 of 60 remaining" in run("purge", "mine", "--yes")
    assert "mine" not in run("datasets")
