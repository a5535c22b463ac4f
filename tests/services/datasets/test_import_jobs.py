"""Imports as jobs: taken up, watched, cancelled, killed; no upload outlives them."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import stat
import time
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import filelock
import pytest

from facepriv.config import Settings
from facepriv.datasets.demo import demo_folder
from facepriv.errors import BadInputError, StoreError, UnknownNameError
from facepriv.schemas.requests import DemoSource, ImportRequest, PathSource
from facepriv.services.datasets import import_jobs
from facepriv.services.datasets.import_jobs import (
    ImportJob,
    close_import,
    discard_import_job,
    get_import,
    list_imports,
    submit_upload,
)
from facepriv.services.jobs.local_worker import ensure_worker
from facepriv.services.jobs.submit import submit
from facepriv.services.jobs.worker import run_worker
from facepriv.services.jobs.worker_pool import LocalPool, Pace
from facepriv.store import Store
from facepriv.types import Actor
from tests.waiting import wait_until

PATIENCE = 60.0


def face(name: str) -> bytes:
    return (demo_folder() / "images" / name[:4] / f"{name}.jpg").read_bytes()


def stream(data: bytes) -> io.BytesIO:
    return io.BytesIO(data)


TABLE = b"file,subject,gender\ns001_1.jpg,s001,female\ns003_1.jpg,s003,male\n"
TWO = (("s001_1.jpg", face("s001_1")), ("s003_1.jpg", face("s003_1")))


ADA = Actor("ada", "dashboard")


def start(store: Store, settings: Settings, files=TWO, *, name="two", labels=TABLE, **fields) -> int:
    """Put uploaded files into the queue; no worker is started."""
    tables = [] if labels is None else [("labels.csv", stream(labels))]
    return submit_upload(
        store, settings, [(n, stream(d)) for n, d in files], ADA, name=name, labels=tables, **fields
    ).id


def start_path(store: Store, settings: Settings, path: Path, *, name="here", **fields) -> int:
    source = PathSource(path=str(path), closed=True)
    return submit(store, settings, ImportRequest(name=name, source=source, **fields), ADA).id


def do(store: Store, settings: Settings, job_id: int, **options) -> ImportJob:
    """Be the worker of an import until it needs none any more."""
    run_worker(settings, kinds=import_jobs.KIND, job_id=job_id, **options)
    return get_import(store, settings, job_id)


def do_until(store: Store, settings: Settings, job_id: int, done: int, act) -> ImportJob:
    """Be the worker, and do something once so many images were looked at."""

    def tell(_: int, stage: str, so_far: int, total: int) -> None:
        if total and so_far >= done:
            act()

    with LocalPool(settings, Pace(report_seconds=0.0)) as pool:
        return do(store, settings, job_id, on_progress=tell, pool=pool)


def folder(settings: Settings, job: ImportJob) -> Path:
    return settings.home / "imports" / job.request.folder


def test_uploads_become_a_data_set_and_go(store, settings):
    job_id = start(store, settings)
    waiting = get_import(store, settings, job_id)
    assert stat.S_IMODE(folder(settings, waiting).stat().st_mode) == 0o700
    assert re.fullmatch("[0-9a-f]{16}", waiting.request.folder), "names are not guessable"
    job = do(store, settings, job_id)
    assert job.record.state == "complete", job.record.error
    assert not folder(settings, job).exists()
    counts = store.datasets.counts(job.record.dataset_id)
    assert counts.images == 2
    assert counts.labels == {-1: 1, 1: 1}
    (line,) = store.access.list()
    assert line.action == "dataset-imported"
    assert line.subject == f"dataset {job.record.dataset_id}"
    assert Actor(line.actor, line.origin) == ADA
    assert [one.id for one in list_imports(store, settings)] == [job_id]
    close_import(store, settings, job_id)
    assert list_imports(store, settings) == ()
    with pytest.raises(UnknownNameError):
        get_import(store, settings, job_id)


def test_an_archive_is_told_of_by_its_own_name(store, settings):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as out:
        for name, content in (*TWO, ("labels.csv", TABLE)):
            out.writestr(name, content)
    job = do(store, settings, start(store, settings, [("x" * 300 + "\0.zip", data.getvalue())], labels=None))
    assert job.record.state == "complete", job.record.error
    assert store.datasets.get(job.record.dataset_id).source == "x" * 60 + " … " + "x" * 10 + "?.zip"
    assert store.datasets.counts(job.record.dataset_id).images == 2


def test_names_that_cannot_be_are_left_out_and_told(store, settings):
    odd = [("ü" * 200 + ".jpg", b"1"), ("nul\0.jpg", b"2"), ("..", b"3"), ("", b"4"), ("S001_1.JPG", b"5")]
    job = do(store, settings, start(store, settings, [*TWO, *odd, ("a/b\\text.jpg", b"no image")]))
    assert job.record.state == "complete", job.record.error
    problems = store.datasets.problems(job.record.dataset_id)
    told = [p for p in problems if p.code == "bad-name"]
    assert [p.name.rstrip("?")[:4] for p in told] == ["üüüü", "nul?", "..", ""]
    assert [p.name for p in problems if p.code == "duplicate-name"] == ["S001_1.JPG"]
    assert "text.jpg" in [p.name for p in problems]


def test_a_refusal_is_one_sentence_and_nothing_is_kept(store, settings):
    bare = TABLE.replace(b"female", b"0").replace(b"male", b"1")
    job = do(store, settings, start(store, settings, labels=bare))
    assert job.record.state == "failed"
    assert job.record.dataset_id is None
    assert not job.resumable
    assert "0" in job.record.error
    assert not folder(settings, job).exists()
    again = do(store, settings, start(store, settings, labels=bare, mapping={"0": "female", "1": "male"}))
    assert again.record.state == "complete", again.record.error


def test_what_cannot_be_staged_is_refused_at_once(store, settings):
    with pytest.raises(BadInputError) as caught:
        start(store, settings, [*TWO, ("a.zip", b"")])
    assert caught.value.code == "mixed-upload"
    with pytest.raises(BadInputError) as caught:
        start(store, settings, [])
    assert caught.value.code == "no-images"
    with pytest.raises(BadInputError) as caught:
        start(store, settings, retain_until="2020-01-01")
    assert caught.value.code == "past-day"

    class Full(io.RawIOBase):
        def read(self, size=-1):
            raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="has room"):
        submit_upload(store, settings, [("a.jpg", Full())], ADA, name="full")
    assert list((settings.home / "imports").iterdir()) == []
    assert store.jobs.list() == ()


def many(count: int) -> list[tuple[str, bytes]]:
    """Images that differ in their bytes, enough of them to be busy for a while."""
    return [(f"{i:03}.jpg", face("s001_1") + bytes([i])) for i in range(count)]


def written(store: Store) -> int:
    """Images of unfinished imports that are in the database."""
    return sum(one.images for one in store.datasets.unfinished())


def test_what_was_cancelled_is_resumed_or_discarded(store, settings):
    job_id = start(store, settings, many(12), name="many", labels=None)
    job = do_until(store, settings, job_id, 3, lambda: store.jobs.cancel(job_id))
    assert job.record.state == "cancelled"
    assert job.resumable
    first = written(store)
    assert 0 < first < 12
    assert store.datasets.list() == ()
    store.jobs.resume(job_id)
    with pytest.raises(BadInputError) as caught:
        discard_import_job(store, settings, job_id)
    assert caught.value.code == "import-under-way"
    seen = []

    def cancel_later() -> None:
        seen.append(written(store))
        store.jobs.cancel(job_id)

    assert do_until(store, settings, job_id, first + 3, cancel_later).record.state == "cancelled"
    assert seen[0] >= first, "it went on"
    assert written(store) > first
    discard_import_job(store, settings, job_id)
    assert store.datasets.unfinished() == ()
    assert list_imports(store, settings) == ()
    assert not list(settings.artifacts.rglob("*.png"))
    assert not folder(settings, job).exists()


def test_an_input_that_cannot_be_used_is_not_offered_again(store, settings, monkeypatch):
    """Not even in the moment between its end in the queue and the removal of its files."""
    monkeypatch.setattr(import_jobs, "remove_tree", lambda folder: False)
    job_id = start(store, settings, labels=b"file,subject,gender\ns001_1.jpg,s001,0\ns003_1.jpg,s003,1\n")
    job = do(store, settings, job_id)
    assert job.record.state == "failed"
    assert folder(settings, job).is_dir()
    assert not job.resumable


def test_the_progress_of_the_quality_check_is_reported(store, settings):
    job_id = start(store, settings, quality=True)
    stages = set()
    with LocalPool(settings, Pace(heartbeat_seconds=0.001)) as pool:
        do(store, settings, job_id, on_progress=lambda _, stage, done, total: stages.add(stage), pool=pool)
    assert import_jobs.CHECKING in stages


def workers_of(settings: Settings) -> list[int]:
    """Light workers of a data folder."""
    from tests.services.jobs.test_local_worker import workers_of

    return workers_of(settings)


@pytest.fixture
def clean(settings: Settings):
    """No worker of the folder outlives the test."""
    yield
    for process in workers_of(settings):
        os.kill(process, signal.SIGKILL)


def ended(store: Store, settings: Settings, job_id: int) -> ImportJob:
    """Wait for the end of an import that light workers do, and that new ones take up where one was lost."""

    def over() -> bool:
        ensure_worker(settings, apart=True, linger=1.0)
        return not get_import(store, settings, job_id).under_way

    assert wait_until(over, PATIENCE)
    return get_import(store, settings, job_id)


@pytest.mark.slow
@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_ends_early_is_followed_by_another_and_it_ends_as_without(store, settings, how):
    files = [(f"{i:02}.jpg", face("s001_1") + bytes([i])) for i in range(24)] + [("text.jpg", b"no image")]
    job_id = start(store, settings, files, name="few", labels=None)
    ensure_worker(settings, apart=True)
    assert wait_until(lambda: store.jobs.get(job_id).done > 1, PATIENCE)
    for process in workers_of(settings):
        os.kill(process, how)
    job = ended(store, settings, job_id)
    assert job.record.state == "complete", job.record.error
    assert job.record.attempts == (2 if how == signal.SIGKILL else 1)
    assert wait_until(lambda: not folder(settings, job).exists(), PATIENCE), "it goes once the queue knows of the end"
    images = store.datasets.images(job.record.dataset_id)
    assert [image.name for image in images] == [name for name, _ in files[:-1]]
    assert [one.name for one in store.datasets.problems(job.record.dataset_id) if one.code == "not-an-image"] == [
        "text.jpg"
    ]
    assert len(store.access.list(action="dataset-imported")) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("clean")
def test_an_import_does_not_wait_behind_a_run(store, settings):
    """The local worker is busy, as the lock that it holds tells; the light one does the import all the same."""
    settings.home.mkdir(exist_ok=True)
    with filelock.FileLock(settings.home / "worker.lock"):
        job = ended(store, settings.model_copy(update={"auto_worker": False}), start(store, settings))
    assert job.record.state == "complete", job.record.error


def test_imports_are_done_where_their_files_are(store, settings, tmp_path):
    elsewhere = settings.model_copy(update={"home": tmp_path / "elsewhere", "database": None})
    job_id = start(store, settings)
    assert import_jobs.ImportKind().find_here(store, settings) == [job_id]
    assert import_jobs.ImportKind().find_here(store, elsewhere) == []


def test_a_fault_of_the_database_loses_no_uploads(store, settings):
    job_id = start(store, settings, many(6), name="many", labels=None)
    job = do_until(store, settings, job_id, 2, lambda: store.datasets.collect_abandoned(timedelta(0)))
    assert job.record.state == "failed"
    assert job.resumable
    assert "start it again" in job.record.error
    assert (folder(settings, job) / "upload").is_dir()
    store.jobs.resume(job_id)
    job = do(store, settings, job_id)
    assert job.record.state == "complete", job.record.error
    assert store.datasets.counts(job.record.dataset_id).images == 6


def test_a_fault_of_the_disk_loses_no_uploads(store, settings):
    job_id = start(store, settings)
    in_the_way = folder(settings, get_import(store, settings, job_id)) / "upload"
    in_the_way.touch()
    job = do(store, settings, job_id)
    assert job.record.state == "failed"
    assert job.resumable
    assert "resume the import" in job.record.error
    in_the_way.unlink()
    store.jobs.resume(job_id)
    assert do(store, settings, job_id).record.state == "complete"


def test_a_fault_of_facepriv_keeps_nothing(store, settings, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("s001_1.jpg")

    monkeypatch.setattr(import_jobs, "import_source", fail)
    job = do(store, settings, start(store, settings))
    assert job.record.state == "failed"
    assert not job.resumable
    assert "s001" not in job.record.error
    assert not folder(settings, job).exists()


def test_what_was_killed_right_after_finishing_is_complete(store, settings, monkeypatch):
    """As many times as it may be: killed before the queue knew of the data set, and before it was logged."""

    def killed(*_, **__):
        raise KeyboardInterrupt

    job_id = start(store, settings)
    for name in ("set_dataset", "finish"):
        with monkeypatch.context() as patched:
            patched.setattr(type(store.jobs), name, killed)
            with pytest.raises(KeyboardInterrupt):
                do(store, settings, job_id)
    job = do(store, settings, job_id)
    assert job.record.state == "complete", job.record.error
    (made,) = store.datasets.list()
    assert job.record.dataset_id == made.id
    (line,) = store.access.list()
    assert line.action == "dataset-imported"
    assert line.subject == f"dataset {made.id}"


def test_a_name_that_is_taken_is_refused(store, settings):
    assert do(store, settings, start(store, settings)).record.state == "complete"
    for preview in (True, False):
        job = do(store, settings, start(store, settings, preview=preview))
        assert job.record.state == "failed"
        assert "already a data set called 'two'" in job.record.error


@pytest.mark.slow
def test_files_wait_for_a_word_and_are_not_sent_again(store, settings):
    table = TABLE + b"text.jpg,s004,\n"
    job_id = start(store, settings, [*TWO, ("text.jpg", b"no image")], labels=table, preview=True, quality=True)
    job = do(store, settings, job_id)
    assert job.record.state == "previewed", job.record.error
    assert job.record.dataset_id is None
    assert job.preview["reader"] == "csv"
    assert job.preview["labels"] == {"female": 1, "male": 1, "unlabelled": 1}
    assert [row["name"] for row in job.preview["rows"]] == ["s001_1.jpg", "s003_1.jpg", "text.jpg"]
    assert written(store) == 0
    assert not settings.artifacts.exists() or not any(settings.artifacts.iterdir())
    store.jobs.confirm(job_id)
    job = do(store, settings, job_id)
    assert job.record.state == "complete", job.record.error
    assert job.note is None
    assert not folder(settings, job).exists()
    record = store.datasets.get(job.record.dataset_id)
    assert record.quality["images"] == 2
    assert [one.code for one in store.datasets.problems(record.id)].count("not-an-image") == 1


def test_a_check_that_is_cancelled_leaves_the_data_set(store, settings, monkeypatch):
    def check(store, dataset, on_progress):
        store.jobs.cancel(job_id)
        while True:
            on_progress(0, 2)
            time.sleep(0.05)

    monkeypatch.setattr(import_jobs, "check_quality", check)
    job_id = start(store, settings, quality=True)
    job = do(store, settings, job_id)
    assert job.record.state == "complete"
    assert job.note == import_jobs.UNCHECKED
    assert store.datasets.counts(job.record.dataset_id).images == 2


def list_later(store: Store, settings: Settings, monkeypatch, later: timedelta) -> tuple[ImportJob, ...]:
    """List the imports as somebody would so much later."""

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + later

    with monkeypatch.context() as patched:
        patched.setattr(import_jobs, "datetime", Later)
        return list_imports(store, settings)


def test_what_nobody_answers_goes(store, settings, monkeypatch):
    cancelled = start(store, settings)
    store.jobs.cancel(cancelled)
    previewed = do(store, settings, start(store, settings, name="other", preview=True))
    complete = do(store, settings, start(store, settings, name="done"))
    assert [one.id for one in list_imports(store, settings)] == [cancelled, previewed.id, complete.id]
    later = list_later(store, settings, monkeypatch, import_jobs.KEEP_PREVIEW)
    assert [one.id for one in later] == [cancelled, complete.id]
    assert not folder(settings, previewed).exists()
    assert list_later(store, settings, monkeypatch, import_jobs.KEEP) == ()
    assert list((settings.home / "imports").iterdir()) == []
    assert [one.name for one in store.datasets.list()] == ["done"]


def test_a_folder_of_this_machine(store, settings, tmp_path):
    allowed = tmp_path / "allowed"
    faces = allowed / "faces"
    faces.mkdir(parents=True)
    for name, data in TWO:
        (faces / name).write_bytes(data)
    settings = settings.model_copy(update={"import_folders": str(allowed)})
    job = do(store, settings, start_path(store, settings, faces))
    assert job.record.state == "complete", job.record.error
    assert store.datasets.get(job.record.dataset_id).source == "faces"
    assert sorted(p.name for p in faces.iterdir()) == [name for name, _ in TWO]
    with pytest.raises(BadInputError) as caught:
        start_path(store, settings, tmp_path, name="there")
    assert caught.value.code == "folder-not-allowed"


def test_a_folder_is_checked_again_when_its_turn_comes(store, settings, tmp_path):
    faces = tmp_path / "faces"
    faces.mkdir()
    allowed = settings.model_copy(update={"import_folders": str(faces)})
    job = do(store, settings, start_path(store, allowed, faces))
    assert job.record.state == "failed"
    assert "none of those that pages may import from" in job.record.error


def test_nothing_beside_an_allowed_folder_is_read(store, settings, tmp_path):
    allowed = tmp_path / "lfw"
    (allowed / "Ann_Lee").mkdir(parents=True)
    (allowed / "Ann_Lee" / "Ann_Lee_0001.jpg").write_bytes(face("s001_1"))
    (tmp_path / "secret.txt").write_text("Ann_Lee_0001.jpg\nBob_Roe_0001.jpg\n")
    (tmp_path / "female_names.txt").symlink_to(tmp_path / "secret.txt")
    settings = settings.model_copy(update={"import_folders": str(allowed)})
    job = do(store, settings, start_path(store, settings, allowed, preview=True))
    assert job.record.state == "previewed", job.record.error
    assert job.preview["reader"] == "lfw"
    assert job.preview["labels"] == {"female": 0, "male": 0, "unlabelled": 1}
    assert "Bob_Roe" not in json.dumps(job.preview)


def test_files_that_were_changed_meanwhile_are_imported_anew(store, settings, tmp_path):
    faces = tmp_path / "faces"
    faces.mkdir()
    files = many(6)
    for name, data in files:
        (faces / name).write_bytes(data)

    def label(gender: str) -> None:
        rows = "".join(f"{name},one,{gender}\n" for name, _ in files)
        (faces / "list.csv").write_text(f"file,subject,gender\n{rows}")

    label("male")
    settings = settings.model_copy(update={"import_folders": str(faces)})
    job_id = start_path(store, settings, faces)
    assert do_until(store, settings, job_id, 3, lambda: store.jobs.cancel(job_id)).record.state == "cancelled"
    assert written(store) > 1
    label("female")
    (faces / "000.jpg").unlink()
    store.jobs.resume(job_id)
    job = do(store, settings, job_id)
    assert job.record.state == "complete", job.record.error
    images = store.datasets.images(job.record.dataset_id)
    assert [(image.name, image.label) for image in images] == [(name, -1) for name, _ in files[1:]]
    store.datasets.collect_abandoned()
    assert store.datasets.unfinished() == (), "what was written of the old files goes"


def test_the_same_request_goes_on_with_what_was_cancelled(store, settings, tmp_path):
    faces = tmp_path / "faces"
    faces.mkdir()
    for name, data in TWO:
        (faces / name).write_bytes(data)
    request = ImportRequest(name="here", source=PathSource(path=str(faces)), preview=True)
    first = submit(store, settings, request, ADA, once=True)
    store.jobs.cancel(first.id)
    assert submit(store, settings, request, ADA, once=True).id == first.id
    other = request.model_copy(update={"name": "elsewhere"})
    assert submit(store, settings, other, ADA, once=True).id != first.id
    with pytest.raises(UnknownNameError):
        import_jobs.discard_by_name(store, settings, "here")


@pytest.mark.slow
def test_the_demo_set(store, settings):
    job_id = submit(store, settings, ImportRequest(name="demo", source=DemoSource()), ADA).id
    job = do(store, settings, job_id)
    assert job.record.state == "complete", job.record.error
    record = store.datasets.get("demo")
    assert record.id == job.record.dataset_id
    assert store.datasets.counts(record.id).images == 120
