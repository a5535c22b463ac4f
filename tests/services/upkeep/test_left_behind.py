"""What a kill leaves is named by `facepriv doctor`, and goes with the next start of whatever tends the data folder."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import IO

import pytest

import app
from facepriv.config import Settings
from facepriv.schemas.requests import ImportRequest, UploadSource
from facepriv.scratch import IMPORT, temporary_folder
from facepriv.services.datasets import import_jobs
from facepriv.services.jobs.submit import submit
from facepriv.services.jobs.worker import run_worker
from facepriv.services.templates import job as templates_job
from facepriv.services.upkeep.doctor import check_permissions, check_temporary_files
from facepriv.services.upkeep.orphans import collect_orphans
from facepriv.services.upkeep.purging import purge
from facepriv.store import Store
from facepriv.trees import remove_tree
from facepriv.types import Actor
from tests.actors import ADA, CLI
from tests.store_examples import create, put_images
from tests.test_trees import nest

PLACES = ("tmp/import-killed", "tmp/tmpabc", "imports/0123456789abcdef", "template-imports/0123456789abcdef")


def leave(settings: Settings) -> list[Path]:
    """Leave what killed imports, uploads and trainings of probes do."""
    left = [settings.home / place / "work" / "labels.csv" for place in (*PLACES, "models/.new-killed")]
    for file in left:
        file.parent.mkdir(parents=True)
        file.write_text("Irene Adler,female")
    return left


def start_worker(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    run_worker(settings, until_idle=True)


def start_worker_of_one_job(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    run_worker(settings, job_id=1)


def start_server(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEPRIV_HOME", str(settings.home))
    monkeypatch.setenv("FACEPRIV_AUTO_WORKER", "false")
    monkeypatch.setattr(app, "store", lambda: store)

    async def start_and_stop() -> None:
        async with app.lifespan(app.app):
            pass

    asyncio.run(start_and_stop())


def collect(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert collect_orphans(store, settings).removed == 5


def purge_another(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert purge(store, settings, create(store, "other", put_images(store, b"one")).id, actor=ADA).complete


@pytest.mark.parametrize("start", [start_worker, start_worker_of_one_job, start_server, collect, purge_another])
def test_what_a_kill_leaves_goes_with_the_next_start(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch, start: Callable[..., None]
):
    left = leave(settings)
    status, sentence = check_temporary_files(store, settings)
    assert status == "notice"
    assert sentence.startswith("5 temporary files were left by a process that was killed")
    start(store, settings, monkeypatch)
    assert [file for file in left if file.exists()] == []
    assert check_temporary_files(store, settings)[0] == "ok"


@pytest.mark.parametrize("held", [False, True])
def test_a_tree_nobody_measured_stops_neither_doctor_nor_purge(store: Store, settings: Settings, held: bool):
    """As one that an earlier version unpacked."""
    with temporary_folder(settings.temporary, IMPORT) if held else nullcontext(settings.temporary) as folder:
        folder.mkdir(parents=True, exist_ok=True)
        nest(folder / "deep", 1050)
        try:
            assert check_permissions(settings)[0] == "ok"
            assert check_temporary_files(store, settings)[0] == ("ok" if held else "notice")
            report = purge(store, settings, create(store, "other", put_images(store, b"one")).id, actor=ADA)
            assert report.complete
            assert (folder / "deep").exists() is held
        finally:
            remove_tree(folder / "deep")


def test_uploads_that_wait_stay(store: Store, settings: Settings):
    with import_jobs.new_folder(settings) as folder:
        request = ImportRequest(name="mine", source=UploadSource(files=("a.jpg",)), folder=folder.name)
        coming = folder / "face.jpg"
        coming.touch()
        assert collect_orphans(store, settings).removed == 0, "it comes in"
        submit(store, settings, request, ADA)
    assert collect_orphans(store, settings).removed == 0, "its job waits"
    assert coming.exists()
    assert check_temporary_files(store, settings)[0] == "ok"


@pytest.mark.parametrize("actor", [ADA, CLI])
def test_what_a_killed_command_asked_to_be_confirmed_goes_and_what_a_page_asks_stays(
    store: Store, settings: Settings, actor: Actor
):
    with import_jobs.new_folder(settings) as folder:
        request = ImportRequest(name="mine", source=UploadSource(files=("a.jpg",)), folder=folder.name)
        job = submit(store, settings, request, actor)
    (folder / "face.jpg").touch()
    assert store.jobs.claim("worker", only=job.id) is not None
    store.jobs.await_confirmation(job.id, "worker", "{}")
    with import_jobs.holding_import(store, settings, job.id):
        assert collect_orphans(store, settings).removed == 0, "somebody is being asked"
    is_of_page = actor is ADA
    assert check_temporary_files(store, settings)[0] == ("ok" if is_of_page else "notice")
    assert collect_orphans(store, settings).removed == (0 if is_of_page else 1)
    assert folder.exists() is is_of_page


@pytest.mark.parametrize("kind", ["import", "templates"])
def test_an_upload_that_is_killed_is_left_and_goes(store: Store, settings: Settings, kind: str):
    upload = {
        "import": "import_jobs.submit_upload(store, settings, [('a.zip', Stuck())], ADA, name='mine')",
        "templates": "job.submit_template_upload(store, settings, ('a.npz', Stuck()), ADA, name='mine', matcher='m')",
    }
    program = f"""
import sys, time
from pathlib import Path
from facepriv.config import Settings
from facepriv.services.datasets import import_jobs
from facepriv.services.templates import job
from facepriv.store import open_store
from tests.actors import ADA
class Stuck:
    parts = [b'half of an archive']
    def read(self, size=-1):
        if self.parts:
            return self.parts.pop()
        print(flush=True)
        time.sleep(600)
settings = Settings(home=Path({str(settings.home)!r}))
with open_store(settings) as store:
    {upload[kind]}
"""
    staging = {"import": import_jobs.ImportKind.staging, "templates": templates_job.TemplatesKind.staging}[kind]
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        stdout: IO[bytes] | None = process.stdout
        assert stdout is not None
        assert stdout.readline() == b"\n"
        assert collect_orphans(store, settings).orphans == (), "it comes in"
        process.kill()
    assert len(list((settings.home / staging).iterdir())) == 1
    assert collect_orphans(store, settings).removed == 1
    assert list((settings.home / staging).iterdir()) == []


def test_a_killed_backup_goes_with_the_next_one(store: Store, settings: Settings, tmp_path: Path):
    from facepriv.services.upkeep.database import back_up_database

    left = tmp_path / "backups" / ".facepriv-backup-killed" / "backup"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half of it")
    back_up_database(settings, tmp_path / "backups" / "faces.backup", actor=ADA)
    assert [file.name for file in (tmp_path / "backups").iterdir()] == ["faces.backup"]
