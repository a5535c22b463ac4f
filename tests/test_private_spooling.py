"""Nothing personal is spooled outside the data folder: not by an upload, an import, a purge or a backup."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from starlette.requests import Request

import app
from facepriv.config import Settings
from facepriv.scratch import spooling_into
from facepriv.store import open_store
from facepriv.types import Problem
from tests.cli.terminal import write_faces
from tests.open_files import Watch, written_files
from tests.store_examples import create, put_images

MEGABYTE = 1 << 20


async def upload() -> set[str]:
    """Take in a file of three megabytes as the server does; return the files that are written to meanwhile."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
    parts = [head, *[b"face" * (MEGABYTE // 4)] * 3, b"\r\n--x--\r\n"]

    async def receive() -> dict[str, object]:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    request = Request({"type": "http", "method": "PUT", "headers": headers}, receive)
    async with request.form() as form:
        assert form["file"].size == 3 * MEGABYTE
        return written_files()


def test_an_upload_is_spooled_into_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home = tmp_path / "home"
    seen = set()

    def serve(**_: object) -> None:
        before = written_files()
        seen.update(asyncio.run(upload()) - before)

    monkeypatch.setenv("FACEPRIV_HOME", str(home))
    monkeypatch.setattr(app.app, "run", serve)
    before = tempfile.gettempdir()
    assert app.main([]) == 0
    (spooled,) = seen
    assert Path(spooled).is_relative_to(home / "tmp")
    assert list((home / "tmp").iterdir()) == []
    assert tempfile.gettempdir() == before
    assert "SQLITE_TMPDIR" not in os.environ


def run_watched(settings: Settings, *words: str | Path) -> Watch:
    """Run a command in a process of its own; return what it and those it started wrote to."""
    environment = {**os.environ, "FACEPRIV_HOME": str(settings.home)}
    for name in ("TMPDIR", "SQLITE_TMPDIR"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "facepriv", *map(str, words)]
    with (
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process,
        Watch(process.pid) as watch,
    ):
        out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    return watch


@pytest.mark.slow
def test_a_purge_and_a_backup_write_into_the_data_folder(settings: Settings, tmp_path: Path):
    problems = [Problem(f"{number}.jpg", "no-image", "y" * MEGABYTE) for number in range(40)]
    with open_store(settings) as store:
        for name in ("mine", "theirs"):
            create(store, name, put_images(store, name.encode()), problems)
    watch = run_watched(settings, "db", "backup", tmp_path / "backups.sqlite")
    assert watch.outside(settings.home, tmp_path) == set()
    watch = run_watched(settings, "purge", "mine", "--yes")
    assert watch.outside(settings.home) == set()
    assert any(Path(file).parent.name.startswith("spool-") for file in watch.seen), "VACUUM was seen"
    assert list(settings.temporary.iterdir()) == []


@pytest.mark.slow
def test_an_import_writes_into_the_data_folder(settings: Settings, tmp_path: Path):
    faces = write_faces(tmp_path / "faces")
    subprocess.run(["tar", "-czf", tmp_path / "faces.tgz", "-C", faces, "."], check=True)
    watch = run_watched(settings, "import", tmp_path / "faces.tgz", "--name", "few", "--yes")
    assert watch.outside(settings.home) == set()
    assert any(Path(file).is_relative_to(settings.artifacts) for file in watch.seen), "the import was seen"


def test_where_no_folder_can_be_made_work_goes_on(tmp_path: Path):
    (tmp_path / "tmp").touch()
    before = tempfile.gettempdir()
    with spooling_into(tmp_path / "tmp"):
        assert tempfile.gettempdir() == before
