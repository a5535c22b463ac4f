"""Imports in processes of their own: started, watched, cancelled, killed; no upload outlives them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import time
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.datasets.demo import demo_folder
from facepriv.errors import BadInputError, StoreError, UnknownNameError
from facepriv.services.datasets import import_jobs
from facepriv.services.datasets.import_jobs import (
    cancel_job,
    confirm_job,
    discard_job,
    forget_job,
    list_jobs,
    read_job,
    resume_job,
    run_job,
    start_demo_import,
    start_folder_import,
    start_import,
)
from facepriv.services.datasets.importing import import_source, read_source
from facepriv.store import open_store
from tests.finished_run import labelled_demo

PATIENCE = 60.0


def face(name: str) -> bytes:
    return (demo_folder() / "images" / name[:4] / f"{name}.jpg").read_bytes()


def stream(data: bytes) -> io.BytesIO:
    return io.BytesIO(data)


TABLE = b"file,subject,gender\ns001_1.jpg,s001,female\ns003_1.jpg,s003,male\n"
TWO = (("s001_1.jpg", face("s001_1")), ("s003_1.jpg", face("s003_1")))


def start(settings: Settings, files=TWO, *, name="two", labels=TABLE, **options) -> str:
    table = None if labels is None else ("labels.csv", stream(labels))
    return start_import(settings, [(n, stream(d)) for n, d in files], name=name, labels=table, actor="local", **options)


def wait(settings: Settings, job_id: str, condition=lambda job: job.state != "running"):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        job = read_job(settings, job_id)
        if condition(job):
            return job
        time.sleep(0.05)
    raise AssertionError(f"The import did not come so far: {job}")


def folder(settings: Settings, job_id: str) -> Path:
    return settings.home / "imports" / job_id


def uploads(settings: Settings, job_id: str) -> list[str]:
    """Whatever is left of the uploads in an import's folder."""
    kept = {
        *("job.json", "started.json", "progress.json", "preview.json", "source.json", "imported.json"),
        *("report.json", "cancel", "confirmed", "lock", "log"),
    }
    return [p.name for p in folder(settings, job_id).iterdir() if p.name not in kept]


def test_uploads_become_a_data_set_and_go(settings):
    job_id = start(settings)
    assert stat.S_IMODE(folder(settings, job_id).stat().st_mode) == 0o700
    job = wait(settings, job_id)
    assert (job.state, job.error) == ("complete", None)
    assert uploads(settings, job_id) == []
    with open_store(settings) as store:
        counts = store.datasets.counts(job.dataset_id)
        assert (counts.images, counts.labels) == (2, {-1: 1, 1: 1})
        (line,) = store.access.list()
        assert (line.actor, line.action, line.subject) == ("local", "dataset-imported", f"dataset {job.dataset_id}")
    assert [one.id for one in list_jobs(settings)] == [job_id]
    assert (folder(settings, job_id) / "log").read_bytes() == b""
    forget_job(settings, job_id)
    assert list_jobs(settings) == ()
    with pytest.raises(UnknownNameError):
        read_job(settings, job_id)


def test_an_archive_is_told_of_by_its_own_name(settings):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as out:
        for name, content in (*TWO, ("labels.csv", TABLE)):
            out.writestr(name, content)
    job = wait(settings, start(settings, [("x" * 300 + "\0.zip", data.getvalue())], labels=None))
    assert job.state == "complete", job.error
    with open_store(settings) as store:
        assert store.datasets.get(job.dataset_id).source == "x" * 60 + " … " + "x" * 10 + "?.zip"
        assert store.datasets.counts(job.dataset_id).images == 2


def test_names_that_cannot_be_are_left_out_and_told(settings):
    odd = [("ü" * 200 + ".jpg", b"1"), ("nul\0.jpg", b"2"), ("..", b"3"), ("", b"4"), ("S001_1.JPG", b"5")]
    job = wait(settings, start(settings, [*TWO, *odd, ("a/b\\text.jpg", b"no image")]))
    assert job.state == "complete", job.error
    with open_store(settings) as store:
        problems = store.datasets.problems(job.dataset_id)
    told = [p for p in problems if p.code == "bad-name"]
    assert [p.name.rstrip("?")[:4] for p in told] == ["üüüü", "nul?", "..", ""]
    assert [p.name for p in problems if p.code == "duplicate-name"] == ["S001_1.JPG"]
    assert "text.jpg" in [p.name for p in problems]


def test_a_refusal_is_one_sentence_and_nothing_is_kept(settings):
    bare = TABLE.replace(b"female", b"0").replace(b"male", b"1")
    refused = start(settings, labels=bare)
    job = wait(settings, refused)
    assert (job.state, job.dataset_id) == ("failed", None)
    assert "0" in job.error
    assert uploads(settings, refused) == []
    again = wait(settings, start(settings, labels=bare, mapping={"0": "female", "1": "male"}))
    assert again.state == "complete", again.error


def test_what_cannot_be_staged_is_refused_at_once(settings):
    with pytest.raises(BadInputError, match="put everything into one archive") as caught:
        start(settings, [*TWO, ("a.zip", b"")])
    assert caught.value.code == "mixed-upload"
    with pytest.raises(BadInputError, match="nothing came"):
        start(settings, [])

    class Full(io.RawIOBase):
        def read(self, size=-1):
            raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="has room"):
        start_import(settings, [("a.jpg", Full())], name="full", actor="local")
    assert list((settings.home / "imports").iterdir()) == []


def many(count: int) -> list[tuple[str, bytes]]:
    """Images that differ in their bytes, enough of them to be busy for a while."""
    return [(f"{i:03}.jpg", face("s001_1") + bytes([i])) for i in range(count)]


@contextlib.contextmanager
def under_way(settings):
    """An import that has looked at an image and has many to go."""
    job_id = start(settings, many(200), name="many", labels=None)
    job = wait(settings, job_id, lambda job: job.done > 0 or job.state != "running")
    assert job.state == "running", job
    assert 0 < job.done < job.total == 200
    assert job.seconds_left > 0
    yield job_id
    with open_store(settings) as store:
        assert store.datasets.list() == ()


def pid_of(folder: Path) -> int:
    found = subprocess.run(["pgrep", "-f", f"import-job {folder}"], capture_output=True, text=True, check=True)
    return int(found.stdout.split()[0])


def written(settings: Settings) -> int:
    """Images of unfinished imports that are in the database."""
    with open_store(settings) as store:
        return sum(one.images for one in store.datasets.unfinished())


@pytest.mark.slow
def test_what_was_cancelled_is_resumed_or_discarded(settings):
    with under_way(settings) as job_id:
        cancel_job(settings, job_id)
        assert read_job(settings, job_id).cancel_requested
        job = wait(settings, job_id)
        assert (job.state, job.error) == ("cancelled", import_jobs.CANCELLED)
    first = written(settings)
    assert 0 < first < 200
    source = (folder(settings, job_id) / "source.json").read_bytes()
    resume_job(settings, job_id)
    job = wait(settings, job_id, lambda job: job.done > first or job.state != "running")
    assert job.state == "running"
    with open_store(settings) as store:
        with pytest.raises(BadInputError, match="still under way"):
            discard_job(store, settings, job_id)
        cancel_job(settings, job_id)
        assert wait(settings, job_id).state == "cancelled"
        assert written(settings) > first
        assert (folder(settings, job_id) / "source.json").read_bytes() == source, "it went on"
        discard_job(store, settings, job_id)
        assert store.datasets.unfinished() == ()
    assert list_jobs(settings) == ()
    assert not [p for p in settings.artifacts.rglob("*") if p.is_file()]
    assert not folder(settings, job_id).exists()


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_ends_early_is_resumed_and_ends_as_without(settings, how):
    files = [(f"{i:02}.jpg", face("s001_1") + bytes([i])) for i in range(12)] + [("text.jpg", b"no image")]
    job_id = start(settings, files, name="few", labels=None)
    wait(settings, job_id, lambda job: job.done > 1 or job.state != "running")
    os.kill(pid_of(folder(settings, job_id)), how)
    job = wait(settings, job_id)
    assert (job.state, job.error) == ("interrupted", import_jobs.INTERRUPTED)
    resume_job(settings, job_id)
    job = wait(settings, job_id)
    assert job.state == "complete", job.error
    assert uploads(settings, job_id) == []
    with open_store(settings) as store:
        images = store.datasets.images(job.dataset_id)
        assert [image.name for image in images] == [name for name, _ in files[:-1]]
        assert [one.name for one in store.datasets.problems(job.dataset_id) if one.code == "not-an-image"] == [
            "text.jpg"
        ]
        assert len(store.access.list(action="dataset-imported")) == 1


@pytest.mark.slow
def test_a_fault_of_the_database_loses_no_uploads(settings):
    job_id = start(settings, many(25), name="many", labels=None)
    wait(settings, job_id, lambda job: job.done > 0 or job.state != "running")
    with open_store(settings) as store:
        store.datasets.collect_abandoned(timedelta(0))  # as when it could not write for an hour
    job = wait(settings, job_id)
    assert job.state == "interrupted"
    assert "start it again" in job.error
    assert "upload" in uploads(settings, job_id)
    resume_job(settings, job_id)
    job = wait(settings, job_id)
    assert job.state == "complete", job.error
    with open_store(settings) as store:
        assert store.datasets.counts(job.dataset_id).images == 25


@pytest.fixture
def staged(settings, monkeypatch):
    """An import whose files are there and which no process does, to be done by `run_job`."""
    monkeypatch.setattr(import_jobs.sys, "executable", "/bin/true")
    return start(settings)


def test_a_fault_of_the_disk_loses_no_uploads(settings, staged):
    in_the_way = folder(settings, staged) / "upload"
    in_the_way.touch()
    run_job(settings, folder(settings, staged))
    job = read_job(settings, staged)
    assert job.state == "interrupted"
    assert "resume the import" in job.error
    in_the_way.unlink()
    run_job(settings, folder(settings, staged))
    assert read_job(settings, staged).state == "complete"


def test_what_was_killed_right_after_finishing_is_complete(settings, store, staged, tmp_path):
    with read_source(settings, labelled_demo(tmp_path / "f", ["s001_1", "s003_1"])) as source:
        made = import_source(store, settings, source, name="two", resume_key=staged).dataset
    shutil.rmtree(folder(settings, staged) / "files")
    for _ in range(2):
        run_job(settings, folder(settings, staged))
        job = read_job(settings, staged)
        assert (job.state, job.dataset_id, job.error) == ("complete", made.id, None)
        (line,) = store.access.list()
        assert (line.action, line.subject) == ("dataset-imported", f"dataset {made.id}")
        (folder(settings, staged) / "imported.json").unlink()
        (folder(settings, staged) / "report.json").unlink()


def test_days_count_from_the_last_work(settings, staged):
    (folder(settings, staged) / "cancel").touch()
    age(settings, staged, import_jobs.KEEP_SECONDS)
    run_job(settings, folder(settings, staged))
    assert [job.state for job in list_jobs(settings)] == ["cancelled"]
    assert "files" in uploads(settings, staged)
    age(settings, staged, import_jobs.KEEP_SECONDS)
    assert list_jobs(settings) == ()
    assert not folder(settings, staged).exists()


@pytest.mark.slow
def test_files_wait_for_a_word_and_are_not_sent_again(settings):
    job_id = start(settings, [*TWO, ("text.jpg", b"no image")], preview=True, quality=True)
    job = wait(settings, job_id)
    assert (job.state, job.error, job.dataset_id) == ("previewed", None, None)
    assert job.preview["reader"] == "csv"
    assert job.preview["labels"] == {"female": 1, "male": 1, "unlabelled": 1}
    assert [row["name"] for row in job.preview["rows"]] == ["s001_1.jpg", "s003_1.jpg", "text.jpg"]
    assert written(settings) == 0
    assert not settings.artifacts.exists() or not any(settings.artifacts.iterdir())
    confirm_job(settings, job_id)
    job = wait(settings, job_id)
    assert job.state == "complete", job.error
    assert uploads(settings, job_id) == []
    with open_store(settings) as store:
        record = store.datasets.get(job.dataset_id)
        assert record.quality["images"] == 2
        assert [one.code for one in store.datasets.problems(record.id)].count("not-an-image") == 1


def age(settings: Settings, job_id: str, seconds: float) -> None:
    """Let an import have begun, and been worked on, so much earlier."""
    order = folder(settings, job_id) / "job.json"
    said = json.loads(order.read_text())
    order.write_text(json.dumps({**said, "created_at": said["created_at"] - seconds}))
    for file in folder(settings, job_id).iterdir():
        os.utime(file, (file.stat().st_mtime - seconds,) * 2)


def test_files_that_nobody_confirms_go(settings):
    job_id = start(settings, preview=True)
    wait(settings, job_id)
    age(settings, job_id, import_jobs.PREVIEW_SECONDS)
    assert list_jobs(settings) == ()
    assert not folder(settings, job_id).exists()


@pytest.mark.slow
def test_a_killed_check_leaves_the_data_set(settings):
    job_id = start(settings, quality=True)
    wait(settings, job_id, lambda job: job.stage == "checking quality" or job.state != "running")
    with contextlib.suppress(subprocess.CalledProcessError):
        os.kill(pid_of(folder(settings, job_id)), signal.SIGKILL)
    job = wait(settings, job_id)
    assert job.state == "complete"
    assert job.error in (None, import_jobs.UNCHECKED)
    with open_store(settings) as store:
        assert store.datasets.counts(job.dataset_id).images == 2


def test_a_folder_of_this_machine(settings, tmp_path):
    allowed = tmp_path / "allowed"
    faces = allowed / "faces"
    faces.mkdir(parents=True)
    for name, data in TWO:
        (faces / name).write_bytes(data)
    settings = settings.model_copy(update={"import_folders": str(allowed)})
    job = wait(settings, start_folder_import(settings, str(faces), name="here", actor="local"))
    assert job.state == "complete", job.error
    with open_store(settings) as store:
        assert store.datasets.get(job.dataset_id).source == "faces"
    assert sorted(p.name for p in faces.iterdir()) == [name for name, _ in TWO]
    with pytest.raises(BadInputError, match="none of those"):
        start_folder_import(settings, str(tmp_path), name="there", actor="local")


def test_nothing_beside_an_allowed_folder_is_read(settings, tmp_path):
    allowed = tmp_path / "lfw"
    (allowed / "Ann_Lee").mkdir(parents=True)
    (allowed / "Ann_Lee" / "Ann_Lee_0001.jpg").write_bytes(face("s001_1"))
    (tmp_path / "secret.txt").write_text("Ann_Lee_0001.jpg\nBob_Roe_0001.jpg\n")
    (tmp_path / "female_names.txt").symlink_to(tmp_path / "secret.txt")
    settings = settings.model_copy(update={"import_folders": str(allowed)})
    job = wait(settings, start_folder_import(settings, str(allowed), name="here", preview=True, actor="local"))
    assert job.state == "previewed", job.error
    assert job.preview["reader"] == "lfw"
    assert job.preview["labels"] == {"female": 0, "male": 0, "unlabelled": 1}
    assert "Bob_Roe" not in json.dumps(job.preview)


@pytest.mark.slow
def test_files_that_were_changed_meanwhile_are_imported_anew(settings, tmp_path):
    faces = tmp_path / "faces"
    faces.mkdir()
    for name, data in many(30):
        (faces / name).write_bytes(data)

    def label(gender: str) -> None:
        rows = "".join(f"{name},one,{gender}\n" for name, _ in many(30))
        (faces / "list.csv").write_text(f"file,subject,gender\n{rows}")

    label("male")
    settings = settings.model_copy(update={"import_folders": str(faces)})
    job_id = start_folder_import(settings, str(faces), name="here", actor="local")
    wait(settings, job_id, lambda job: job.done > 1 or job.state != "running")
    cancel_job(settings, job_id)
    assert wait(settings, job_id).state == "cancelled"
    assert written(settings) > 1
    label("female")
    (faces / "000.jpg").unlink()
    resume_job(settings, job_id)
    job = wait(settings, job_id)
    assert job.state == "complete", job.error
    with open_store(settings) as store:
        images = store.datasets.images(job.dataset_id)
    assert [(image.name, image.label) for image in images] == [(name, -1) for name, _ in many(30)[1:]]


def test_one_that_never_came_up_is_interrupted(settings, monkeypatch):
    monkeypatch.setattr(import_jobs.sys, "executable", "/bin/true")
    job_id = start(settings)
    assert read_job(settings, job_id).state == "running"
    monkeypatch.setattr(import_jobs, "START_SECONDS", 0.0)
    assert read_job(settings, job_id).state == "interrupted"


def test_old_ends_and_half_staged_folders_go(settings):
    job_id = start(settings, labels=b"nothing")
    wait(settings, job_id)
    age(settings, job_id, import_jobs.KEEP_SECONDS)
    half = settings.home / "imports" / ("0" * 16)
    half.mkdir()
    assert list_jobs(settings) == ()
    assert not folder(settings, job_id).exists()
    assert half.exists()
    os.utime(half, (0, 0))
    list_jobs(settings)
    assert not half.exists()


@pytest.mark.parametrize("job_id", ["../../etc", "0" * 16, ""])
def test_an_id_that_is_none(settings, job_id):
    with pytest.raises(UnknownNameError):
        read_job(settings, job_id)


@pytest.mark.slow
def test_the_demo_set(settings):
    job = wait(settings, start_demo_import(settings, actor="local"))
    assert job.state == "complete", job.error
    with open_store(settings) as store:
        record = store.datasets.get("demo")
        assert record.id == job.dataset_id
        assert store.datasets.counts(record.id).images == 120


def test_ids_are_not_guessable(settings, monkeypatch):
    monkeypatch.setattr(import_jobs.sys, "executable", "/bin/true")
    ids = {start(settings) for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in ids)
