"""Imports in processes of their own: they go on whether or not anybody looks, and leave no upload behind.

Every import has a private folder ``<home>/imports/<id>/``: ``job.json`` (what to do), the files under neutral names,
``preview.json`` once they were read, ``confirmed`` once somebody has seen that, ``source.json`` to tell whether what is
imported has changed, ``progress.json`` while it goes, ``imported.json`` once the data set is there, ``report.json``
once the process has ended, and a lock that the process holds while it lives. An import that was cancelled or
interrupted can be resumed: its files stay, and what was written of it stays out of sight in the database.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

import filelock

from facepriv.config import Settings
from facepriv.datasets.preview import preview
from facepriv.errors import BadInputError, CancelledError, FaceprivError, StoreError, UnknownNameError
from facepriv.presentation.preview import preview_document
from facepriv.services.datasets.import_folders import allowed_folder
from facepriv.services.datasets.importing import DEMO, Source, import_source, read_demo_source, read_source
from facepriv.services.datasets.quality import check_quality
from facepriv.services.datasets.retention import refuse_past
from facepriv.services.jobs.presence import is_held
from facepriv.store import Store, open_store
from facepriv.store.records import DatasetRecord
from facepriv.types import Gender, Problem

JobState = Literal["running", "previewed", "complete", "failed", "cancelled", "interrupted"]
RESUMABLE: frozenset[JobState] = frozenset(["cancelled", "interrupted"])
"""States in which the files are still there, and what was written of them."""

START_SECONDS = 60.0
"""How long a new process may take until it holds its lock; one that does not by then never came up."""
LOCK_SECONDS = 0.3
"""How long a new process may take from making its lock to holding it."""
TELL_SECONDS = 0.25
"""Least time between two writings of the progress."""
KEEP_SECONDS = 7 * 24 * 3600.0
"""How long the end of an import is told, and one that can be resumed is kept, unless it is forgotten before.
Counted from the last work on it, as the store counts for what was written of it."""
PREVIEW_SECONDS = 24 * 3600.0
"""How long files wait for somebody to confirm what was recognised."""
STAGING_SECONDS = 3600.0
"""Age from which a folder without a job was left by a server that ended while files came in."""
MAX_NAME_BYTES = 255
"""Longest file name, in UTF-8, of the usual file systems."""

_ID = re.compile(r"[0-9a-f]{16}")
_JOB, _PROGRESS, _REPORT, _CANCEL, _LOCK = "job.json", "progress.json", "report.json", "cancel", "lock"
_STARTED, _PREVIEW, _CONFIRMED, _IMPORTED = "started.json", "preview.json", "confirmed", "imported.json"
_SOURCE = "source.json"
_FILES, _LAID_OUT, _WORK = "files", "upload", "work"
INTERRUPTED = "The import was interrupted before it was complete. Resume it, or discard what is there of it."
CANCELLED = "The import was cancelled. Resume it, or discard what is there of it."
UNCHECKED = "The quality was not checked to the end; facepriv quality makes up for it."


@dataclass(frozen=True, kw_only=True)
class ImportJob:
    """An import under way or just ended, as `list_jobs` and `read_job` found it."""

    id: str
    name: str
    """Of the data set."""
    created_at: float
    """Seconds since 1970."""
    state: JobState
    done: int = 0
    """Images looked at."""
    total: int = 0
    """Images in all; 0 while the files are being read."""
    seconds_left: float | None = None
    stage: str = ""
    """What is done to the images; empty while they are decoded and faces looked for."""
    cancel_requested: bool = False
    dataset_id: int | None = None
    """Once complete. What was left out is told by the data set's own problems and failures."""
    error: str | None = None
    """Why there is no data set, or what is missing of it, in one sentence."""
    preview: dict[str, Any] | None = None
    """What was recognised, once it is known, as `facepriv.presentation.preview.preview_document` writes it."""


@dataclass(frozen=True, kw_only=True)
class _Order:
    """What ``job.json`` holds."""

    name: str
    actor: str
    demo: bool = False
    format: str = "auto"
    mapping: dict[str, Gender] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    """Names as they came; file i is stored as the number i."""
    labels: str | None = None
    """Name of the label table, which is stored as ``labels``."""
    retain_until: str | None = None
    """Last day on which the data set may be kept, like 2027-03-31."""
    datasheet: dict[str, Any] | None = None
    folder: str | None = None
    """A folder on this machine to import from instead of files."""
    preview: bool = False
    """Whether to show what was recognised and wait for somebody to confirm it."""
    quality: bool = False
    created_at: float = field(default_factory=time.time)


# For the page


def start_import(
    settings: Settings,
    files: Sequence[tuple[str, IO[bytes]]],
    *,
    name: str,
    labels: tuple[str, IO[bytes]] | None = None,
    format: str = "auto",
    mapping: Mapping[str, Gender] | None = None,
    columns: Mapping[str, str] | None = None,
    retain_until: date | None = None,
    datasheet: Mapping[str, Any] | None = None,
    preview: bool = False,
    quality: bool = False,
    actor: str,
) -> str:
    """Put uploaded files aside and start a process that imports them; return the job's id.

    Parameters
    ----------
    files
        Name and content of each image, or of one zip archive.
    labels
        Name and content of a label table.
    format, mapping, columns, retain_until, datasheet
        As for `import_dataset`.
    preview
        Whether to stop once the files were read, until `confirm_job` is called.
    quality
        Whether to check the quality of the data set once it is there.
    actor
        Who imports, for the access log.

    Raises
    ------
    BadInputError
        If archives and other files are mixed (code ``mixed-upload``), nothing came (``no-images``), or the day is past
        (``past-day``).
    StoreError
        If the files cannot be written, as when the disk is full; nothing is left of them then.
    """
    refuse_past(retain_until)
    archives = sum(_is_archive(one) for one, _ in files)
    if archives and len(files) > 1:
        raise BadInputError(
            f"One zip archive or any number of images was expected, but {archives} of {len(files)} files are archives; "
            "put everything into one archive, or import one after the other.",
            code="mixed-upload",
        )
    if not files:
        raise BadInputError("Images or one zip archive were expected, but nothing came; choose some.", code="no-images")
    order = _Order(
        name=name,
        actor=actor,
        format=format,
        mapping=dict(mapping or {}),
        columns=dict(columns or {}),
        files=[one for one, _ in files],
        labels=None if labels is None else labels[0],
        retain_until=None if retain_until is None else retain_until.isoformat(),
        datasheet=None if datasheet is None else dict(datasheet),
        preview=preview,
        quality=quality,
    )
    contents = {str(number): content for number, (_, content) in enumerate(files)}
    if labels is not None:
        contents["labels"] = labels[1]
    return _start(settings, order, contents)


def start_folder_import(
    settings: Settings,
    folder: str,
    *,
    name: str,
    format: str = "auto",
    mapping: Mapping[str, Gender] | None = None,
    columns: Mapping[str, str] | None = None,
    retain_until: date | None = None,
    datasheet: Mapping[str, Any] | None = None,
    preview: bool = False,
    quality: bool = False,
    actor: str,
) -> str:
    """Start a process that imports a folder of this machine, which must be an allowed one; return the job's id.

    Parameters and errors as of `start_import` and `allowed_folder`.
    """
    refuse_past(retain_until)
    order = _Order(
        name=name,
        actor=actor,
        format=format,
        mapping=dict(mapping or {}),
        columns=dict(columns or {}),
        retain_until=None if retain_until is None else retain_until.isoformat(),
        datasheet=None if datasheet is None else dict(datasheet),
        folder=str(allowed_folder(settings, folder)),
        preview=preview,
        quality=quality,
    )
    return _start(settings, order, {})


def start_demo_import(settings: Settings, *, quality: bool = False, actor: str) -> str:
    """Start a process that imports the demo faces; return the job's id. Raises StoreError as `start_import` does."""
    return _start(settings, _Order(name=DEMO, actor=actor, demo=True, quality=quality), {})


def confirm_job(settings: Settings, job_id: str) -> None:
    """Import what was recognised; nothing is uploaded again."""
    folder = _known(settings, job_id)
    (folder / _CONFIRMED).touch(mode=0o600)
    _launch_again(settings, folder)


def resume_job(settings: Settings, job_id: str) -> None:
    """Go on with an import that was cancelled or interrupted; what is done is not done again."""
    _launch_again(settings, _known(settings, job_id))


def discard_job(store: Store, settings: Settings, job_id: str) -> None:
    """Remove an import that has not become a data set, with its files and all that was written of it."""
    folder = _known(settings, job_id)
    if read_job(settings, job_id).state == "running":
        raise BadInputError("The import is still under way; cancel it first.", code="import-under-way")
    store.datasets.discard(job_id)
    store.collect_settled()
    shutil.rmtree(folder, ignore_errors=True)


def list_jobs(settings: Settings) -> tuple[ImportJob, ...]:
    """Return all imports that run, or ended and were not forgotten, oldest first; clears away what nobody needs."""
    base = imports_folder(settings)
    if not base.is_dir():
        return ()
    found = []
    for folder in base.iterdir():
        if not _ID.fullmatch(folder.name):
            continue
        if not (folder / _JOB).exists():
            _remove_if_older(folder, STAGING_SECONDS)
            continue
        with suppress(UnknownNameError):
            job = read_job(settings, folder.name)
            kept_for = PREVIEW_SECONDS if job.state == "previewed" else KEEP_SECONDS
            if job.state != "running" and _last_work(folder, job) < time.time() - kept_for:
                forget_job(settings, job.id)
            else:
                found.append(job)
    return tuple(sorted(found, key=lambda job: job.created_at))


def _last_work(folder: Path, job: ImportJob) -> float:
    """Return when an import was begun, resumed or worked on for the last time, in seconds since 1970."""
    times = [job.created_at]
    for name in (_STARTED, _PROGRESS, _REPORT):
        with suppress(FileNotFoundError):
            times.append((folder / name).stat().st_mtime)
    return max(times)


def read_job(settings: Settings, job_id: str) -> ImportJob:
    """Return the present state of an import; one whose process is gone without a report counts as interrupted.

    Raises
    ------
    UnknownNameError
        If there is none of this id.
    """
    folder = _known(settings, job_id)
    order = _read(folder / _JOB)
    if order is None:
        raise _unknown(job_id)
    job = ImportJob(
        id=job_id,
        name=str(order["name"]),
        created_at=float(order["created_at"]),
        state="interrupted",
        error=INTERRUPTED,
        preview=_read(folder / _PREVIEW),
    )
    # Life first, report second: a process that ends in between has written its report before it let go.
    alive = _is_alive(folder)
    report = _read(folder / _REPORT)
    if report is not None:
        return replace(job, state=report["state"], dataset_id=report["dataset_id"], error=report["error"])
    if not alive:
        imported = _read(folder / _IMPORTED)
        if imported is None:
            return job
        return replace(job, state="complete", dataset_id=imported["dataset_id"], error=UNCHECKED)
    progress = {"done": 0, "total": 0, "begun": 0, "seconds": 0.0, "stage": "", **(_read(folder / _PROGRESS) or {})}
    done, total, lately = int(progress["done"]), int(progress["total"]), int(progress["done"]) - int(progress["begun"])
    return replace(
        job,
        state="running",
        error=None,
        done=done,
        total=total,
        stage=str(progress["stage"]),
        seconds_left=float(progress["seconds"]) / lately * (total - done) if lately > 0 else None,
        cancel_requested=(folder / _CANCEL).exists(),
    )


def cancel_job(settings: Settings, job_id: str) -> None:
    """Ask an import to stop before its next image; it can be resumed. One that has ended stays as it is."""
    folder = _folder(settings, job_id)
    if folder.is_dir():
        (folder / _CANCEL).touch(mode=0o600)


def forget_job(settings: Settings, job_id: str) -> None:
    """Remove all that is left of an ended import; the data set stays. One that still runs stays too."""
    folder = _folder(settings, job_id)
    if (folder / _REPORT).exists() or not _is_alive(folder):
        shutil.rmtree(folder, ignore_errors=True)


# For the process


def run_job(settings: Settings, folder: Path) -> None:
    """Do what is next of the import that stands in a folder, and write a report, whatever happens.

    The process that calls this prints nothing that names a file or a subject.
    """
    raw = _read(folder / _JOB)
    if raw is None:
        raise BadInputError(f"A folder with {_JOB} was expected at {folder}; start imports on the Datasets page.")
    order = _Order(**raw)
    try:
        with _lock(folder).acquire(timeout=START_SECONDS):
            report = _ended("interrupted", error=INTERRUPTED)
            try:
                report = _report(settings, folder, order)
            finally:
                if report["state"] in ("complete", "failed"):
                    _clear(folder)
                # Even a full disk has room for this once the files are gone. While they stay it may have none, and
                # what has no report counts as interrupted.
                with suppress(OSError) if report["state"] in RESUMABLE else nullcontext():
                    _write(folder / _REPORT, report)
    except filelock.Timeout as error:
        raise StoreError("This import is being done by another process; wait for its end.") from error


def _ended(state: JobState, dataset_id: int | None = None, error: str | None = None) -> dict[str, Any]:
    return {"state": state, "dataset_id": dataset_id, "error": error}


def _report(settings: Settings, folder: Path, order: _Order) -> dict[str, Any]:
    with open_store(settings) as store:
        try:
            return _work(store, settings, folder, order)
        except CancelledError:
            return _ended("cancelled", error=CANCELLED)
        except (BadInputError, UnknownNameError) as error:
            sentence = str(error)
        except FaceprivError as error:
            # Nothing is wrong with the files: they stay, and so does what was written of them.
            return _ended("interrupted", error=str(error))
        except OSError as error:
            return _ended(
                "interrupted",
                error=f"The files could not be worked on ({error.strerror or type(error).__name__}); make sure that "
                "the data folder can be written to and has room, and resume the import.",
            )
        except Exception as error:
            _tell_trace(error)
            sentence = (
                f"The import failed for a reason that was not foreseen ({type(error).__name__}); import fewer files at "
                "a time to find the one that causes it."
            )
        # Without its files it cannot go on.
        with suppress(StoreError):
            store.datasets.discard(folder.name)
    return _ended("failed", error=sentence)


def _tell_trace(error: Exception) -> None:
    # The frames say where it was, and unlike the error's own text they name no file.
    sys.stderr.write(f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}")


def _work(store: Store, settings: Settings, folder: Path, order: _Order) -> dict[str, Any]:
    tell = _Teller(folder)
    tell.stop_if_cancelled()
    imported = _read(folder / _IMPORTED)
    if imported is None:
        # There already, if the process before was killed right after finishing it.
        dataset = store.datasets.finished(order.name, folder.name)
        if dataset is None:
            with _source(settings, folder, order) as source:
                if order.preview and not (folder / _CONFIRMED).exists():
                    store.datasets.check_name(order.name)
                    _write(folder / _PREVIEW, preview_document(preview(source.read), source.problems))
                    return _ended("previewed")
                _begin_anew_if_changed(store, folder, source)
                dataset = import_source(
                    store,
                    settings,
                    source,
                    name=order.name,
                    retain_until=None if order.retain_until is None else date.fromisoformat(order.retain_until),
                    datasheet=order.datasheet,
                    resume_key=folder.name,
                    on_progress=tell,
                ).dataset
        _log_once(store, order.actor, dataset)
        imported = {"dataset_id": dataset.id}
        _write(folder / _IMPORTED, imported)
    return _ended("complete", imported["dataset_id"], _checked(store, settings, order, imported["dataset_id"], tell))


def _log_once(store: Store, actor: str, dataset: DatasetRecord) -> None:
    """Log an import; one of an earlier data set may bear the same id, one of this data set is not logged again."""
    action, subject = "dataset-imported", f"dataset {dataset.id}"
    lines = store.access.list(actor=actor, action=action)
    if not any(line.subject == subject and line.at >= dataset.created_at for line in lines):
        store.access.record(actor, action, subject)


def _begin_anew_if_changed(store: Store, folder: Path, source: Source) -> None:
    """Remove what was written from files, labels or settings that have changed since, or that nothing is known of."""
    now = {"resume_key": source.resume_key}
    if _read(folder / _SOURCE) != now:
        store.datasets.discard(folder.name)
        _write(folder / _SOURCE, now)


def _checked(store: Store, settings: Settings, order: _Order, dataset_id: int, tell: _Teller) -> str | None:
    """Check the quality of what was imported; whatever goes wrong, the data set is there."""
    if not order.quality:
        return None
    try:
        check_quality(store, dataset_id, on_progress=tell)
    except FaceprivError:
        return UNCHECKED
    except Exception as error:
        _tell_trace(error)
        return UNCHECKED
    return None


@contextmanager
def _source(settings: Settings, folder: Path, order: _Order) -> Iterator[Source]:
    if order.demo:
        yield read_demo_source(settings)
        return
    problems: list[Problem] = []
    table = None
    if order.folder is not None:
        # Looked at again: what is allowed, or what lies there, may have changed meanwhile.
        path = allowed_folder(settings, order.folder)
        called = path.name
    else:
        path, table, problems = _lay_out(folder, order)
        called = _shown(order.files[0]) if path.is_file() else "uploaded images"
    work = folder / _WORK
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    with read_source(
        settings,
        path,
        labels=table,
        format=order.format,
        mapping=order.mapping,
        columns=order.columns,
        closed=True,
        source_name=called,
        earlier=problems,
        workspace=work,
    ) as source:
        yield source


class _Teller:
    """Writes the progress, not too often, and looks whether the import is to stop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stage = ""
        self._begun = 0
        self._began = time.monotonic()
        self._told = -TELL_SECONDS

    def __call__(self, done: int, total: int, stage: str = "", /) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._begun, self._began = stage, done, now
        if now - self._told >= TELL_SECONDS or done == total:
            seconds = now - self._began
            progress = {"done": done, "total": total, "begun": self._begun, "seconds": seconds, "stage": stage}
            _write(self._folder / _PROGRESS, progress)
            self._told = now
        self.stop_if_cancelled()

    def stop_if_cancelled(self) -> None:
        if (self._folder / _CANCEL).exists():
            raise CancelledError("The import was cancelled.")


def _lay_out(folder: Path, order: _Order) -> tuple[Path, Path | None, list[Problem]]:
    """Return the files their own names again, since names may tell subject and label; what cannot be is told.

    Done again after an interruption, it gives the same.
    """
    stored = folder / _FILES
    table = None
    if order.labels is not None:
        table = _place(stored / "labels", folder / "table", order.labels) or stored / "labels"
    if len(order.files) == 1 and _is_archive(order.files[0]):
        return stored / "0", table, []
    problems = []
    taken: set[str] = set()
    target = folder / _LAID_OUT
    target.mkdir(mode=0o700, exist_ok=True)
    for number, name in enumerate(order.files):
        shown = _shown(name)
        if _bare(name).casefold() in taken:
            problems.append(
                Problem(
                    shown,
                    "duplicate-name",
                    f"Another uploaded file is called {shown} too, so this one was left out; rename it, or upload both "
                    "in a zip with folders.",
                )
            )
        elif _place(stored / str(number), target, name) is None:
            problems.append(
                Problem(
                    shown,
                    "bad-name",
                    f"The uploaded file {shown} has a name that no file can have here and was left out; rename it.",
                )
            )
        taken.add(_bare(name).casefold())
    return target, table, problems


def _place(file: Path, folder: Path, name: str) -> Path | None:
    """Move a file into a folder under a name; None, and the file stays, if it cannot have that name."""
    bare = _bare(name)
    if not bare or bare in (".", "..") or "\0" in bare or len(bare.encode(errors="replace")) > MAX_NAME_BYTES:
        return None
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        placed = folder / bare
        return file.rename(placed) if file.exists() or not placed.exists() else placed
    except (OSError, ValueError):
        return None


def _bare(name: str) -> str:
    """Take the folders off a name as a browser sent it."""
    return PurePosixPath(name.replace("\\", "/")).name


def _shown(name: str) -> str:
    """Write a name so that it can be shown and stored."""
    clean = "".join(c if c.isprintable() else "?" for c in _bare(name))
    return clean if len(clean) <= 80 else f"{clean[:60]} … {clean[-15:]}"


def _is_archive(name: str) -> bool:
    return name.lower().endswith(".zip")


# Both


def _start(settings: Settings, order: _Order, contents: Mapping[str, IO[bytes]]) -> str:
    job_id = secrets.token_hex(8)
    folder = _folder(settings, job_id)
    with _cleared_on_error(folder):
        (folder / _FILES).mkdir(mode=0o700, parents=True)
        for stored, content in contents.items():
            with (folder / _FILES / stored).open("wb") as out:
                shutil.copyfileobj(content, out)
        _write(folder / _JOB, asdict(order))
        _launch(settings, folder)
    return job_id


def _launch_again(settings: Settings, folder: Path) -> None:
    if _is_alive(folder):
        return
    # The lock too: it says that the process came up.
    for name in (_REPORT, _CANCEL, _PROGRESS, _LOCK):
        (folder / name).unlink(missing_ok=True)
    _launch(settings, folder)


def _launch(settings: Settings, folder: Path) -> None:
    _write(folder / _STARTED, {"at": time.time()})
    with (folder / "log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "facepriv", "import-job", str(folder.absolute())],
            env={**os.environ, **settings.environment()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


@contextmanager
def _cleared_on_error(folder: Path) -> Iterator[None]:
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        yield
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise StoreError(
                f"The uploaded files cannot be put into the data folder ({error.strerror or type(error).__name__}); "
                "make sure that it can be written to and has room, and import again."
            ) from error
        raise


def imports_folder(settings: Settings) -> Path:
    """Return the folder with a folder for each import."""
    return settings.home / "imports"


def _folder(settings: Settings, job_id: str) -> Path:
    if not _ID.fullmatch(job_id):
        raise UnknownNameError(f"There is no import {job_id}.")
    return imports_folder(settings) / job_id


def _known(settings: Settings, job_id: str) -> Path:
    folder = _folder(settings, job_id)
    if not (folder / _JOB).exists():
        raise _unknown(job_id)
    return folder


def _unknown(job_id: str) -> UnknownNameError:
    return UnknownNameError(f"There is no import {job_id}; it may have been closed in another window.")


def _lock(folder: Path) -> filelock.FileLock:
    return filelock.FileLock(folder / _LOCK, mode=0o600)


def _is_alive(folder: Path) -> bool:
    """Return whether the import's process lives, or may still be coming up."""
    if not folder.is_dir():
        return False
    started = _read(folder / _STARTED) or {"at": 0.0}
    coming_up = time.time() < float(started["at"]) + START_SECONDS
    if not (folder / _LOCK).exists():
        return coming_up
    if is_held(folder / _LOCK):
        return True
    if coming_up:
        # The file is there a moment before it is locked.
        time.sleep(LOCK_SECONDS)
        return is_held(folder / _LOCK)
    return False


def _clear(folder: Path) -> None:
    for name in (_FILES, _LAID_OUT, _WORK, "table"):
        shutil.rmtree(folder / name, ignore_errors=True)


def _remove_if_older(folder: Path, seconds: float) -> None:
    with suppress(FileNotFoundError):
        if folder.stat().st_mtime < time.time() - seconds:
            shutil.rmtree(folder, ignore_errors=True)


def _read(file: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return value if isinstance(value, dict) else None


def _write(file: Path, value: Mapping[str, Any]) -> None:
    """Write JSON so that a reader sees the old or the new text, never a part."""
    number, name = tempfile.mkstemp(dir=file.parent, prefix=".tmp-")
    try:
        with os.fdopen(number, "w", encoding="utf-8") as out:
            json.dump(value, out)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
