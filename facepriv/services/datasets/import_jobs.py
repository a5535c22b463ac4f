"""Imports as a kind of job: read, previewed, imported with checkpoints, and no upload left behind.

Every import has a private folder ``<home>/imports/<folder>``, which a request names: uploaded files lie there under
neutral names until the import has ended for good. Only workers of that data folder do the import.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from facepriv.config import Settings
from facepriv.datasets.preview import preview_document
from facepriv.errors import BadInputError, FaceprivError, StoreError, TooManyUnusedError, UnknownNameError
from facepriv.measures.faults import log_fault
from facepriv.schemas.requests import ImportRequest, PathSource, Request, UploadSource
from facepriv.scratch import holding
from facepriv.services.datasets import uploads
from facepriv.services.datasets.estimate import CHECKING, IMPORTING, LOCATING, QUALITY, plan_import
from facepriv.services.datasets.import_folders import allowed_folder
from facepriv.services.datasets.importing import Source, discard_import, import_source, read_source
from facepriv.services.datasets.quality import check_quality
from facepriv.services.datasets.retention import refuse_past
from facepriv.services.jobs.kinds import Kind
from facepriv.services.jobs.leased_job import Claim, LeasedJob, retry_while_busy
from facepriv.services.jobs.submit import submit
from facepriv.store import DatasetRecord, JobRecord, Store
from facepriv.store.records import UNDER_WAY
from facepriv.trees import remove_tree
from facepriv.types import Actor

KIND = ("import",)
KEEP = timedelta(days=7)
"""How long the end of an import is told, and one that can be resumed is kept, unless it is closed before."""
KEEP_PREVIEW = timedelta(days=1)
"""How long files wait for somebody to confirm what was recognised."""
READING = "reading the files"
UNCHECKED = "The quality was not checked to the end; facepriv quality makes up for it."
UNUSABLE = "unusable"
"""File that says of an import's folder that its input cannot be used, until the folder is removed."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImportJob:
    """An import that waits, is under way or has ended, as `list_imports` and `get_import` read it."""

    record: JobRecord
    request: ImportRequest
    resumable: bool
    """Whether it ended before it was complete, and what it imports from is still there."""

    @property
    def id(self) -> int:
        """Number of the job."""
        return self.record.id

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.request.name

    @property
    def under_way(self) -> bool:
        """Whether a worker is at it, or is to be."""
        return self.record.state in UNDER_WAY

    @property
    def preview(self) -> dict[str, Any] | None:
        """What was recognised, as `facepriv.datasets.preview.preview_document` writes it, once it is known."""
        return _result(self.record).get("preview")

    @property
    def note(self) -> str | None:
        """What is missing of a complete import, in one sentence."""
        return _result(self.record).get("note")


class ImportKind(Kind):
    """Make a data set of images and labels."""

    request = ImportRequest
    apart = True
    staging = "imports"

    def prepare(self, store: Store, settings: Settings, request: ImportRequest) -> ImportRequest:
        """Return the request with full paths.

        Raises BadInputError with code ``past-day`` if the last day of keeping is past, and as `allowed_folder` does.
        """
        refuse_past(request.retain_until)
        update: dict[str, Any] = {}
        if isinstance(request.source, PathSource):
            given = request.source.path
            path = allowed_folder(settings, given) if request.source.closed else Path(given).absolute()
            update["source"] = request.source.model_copy(update={"path": str(path)})
            update["labels"] = tuple(str(Path(table).absolute()) for table in request.labels)
        return request.model_copy(update=update)

    def create(self, store: Store, settings: Settings, spec: ImportRequest, request: Request, actor: Actor) -> int:
        """Put an import into the queue, with a folder of its own, and return the number of its job."""
        if spec.folder:
            return store.jobs.create(spec.kind, spec.model_dump_json(), actor=actor)
        with new_folder(settings) as folder:
            return self.create(store, settings, spec.model_copy(update={"folder": folder.name}), request, actor)

    def get(self, store: Store, number: int) -> JobRecord:
        """Return a job."""
        return store.jobs.get(number)

    def find_duplicate(self, store: Store, spec: ImportRequest) -> JobRecord | None:
        """Return the newest import of the same source under the same name that is not complete."""
        jobs = store.jobs.list(kinds=KIND, states=(*UNDER_WAY, "failed", "cancelled"), limit=1000)
        return next((job for job in jobs if _essence(_request(job)) == _essence(spec)), None)

    def find_here(self, store: Store, settings: Settings) -> list[int]:
        """Return the imports that may be taken up here, where their folders are, oldest first."""
        jobs = store.jobs.list(kinds=KIND, states=UNDER_WAY, limit=1000)
        return [job.id for job in reversed(jobs) if _folder(settings, _request(job)).is_dir()]

    def execute(self, claim: Claim) -> None:
        """Do what is next of a claimed import."""
        execution = _Execution(claim)
        execution.execute()
        if execution.is_over:
            # Only once the queue knows, since nobody takes up an import whose folder is gone.
            remove_tree(execution.folder)


class _Execution(LeasedJob):
    noun = "import"

    def __init__(self, claim: Claim) -> None:
        super().__init__(claim, claim.job.id)
        self.request = _request(claim.job)
        self.folder = _folder(claim.settings, self.request)
        self.is_over = False
        """Whether nothing of its files is needed any more."""

    def work(self) -> None:
        """Do what is next; an input that cannot be used is not kept, anything else can be gone on with."""
        try:
            self._work()
        except OSError as error:
            raise StoreError(
                f"The files could not be worked on ({error.strerror or type(error).__name__}); make sure that the data "
                "folder can be written to and has room, and resume the import."
            ) from error
        except Exception as error:
            # Other errors of facepriv's own are no fault of the files: they stay, and what was written of them.
            if isinstance(error, BadInputError | UnknownNameError) or not isinstance(error, FaceprivError):
                self._give_up()
            raise

    def _work(self) -> None:
        dataset_id = self.job.dataset_id
        if dataset_id is None:
            self.heartbeat(READING, 0, 0)
            with ExitStack() as stack:
                previews = self.request.preview and self.job.result is None
                asks = previews and self.request.ask
                opened = read_source(self.settings, self.request, self.folder, ask=asks)
                source = self.run_in_thread(lambda check: stack.enter_context(opened))
                if previews:
                    self.store.datasets.check_name(self.request.name)
                    document = self.run_in_thread(lambda check: preview_document(source.read, source.problems))
                    self.store.jobs.await_confirmation(self.job_id, self.owner, json.dumps({"preview": document}))
                    return
                dataset_id = self._import(source).id
            self.store.jobs.set_dataset(self.job_id, self.owner, dataset_id)
        _log_once(self.store, self.job, self.store.datasets.get(dataset_id))
        note = self._check_quality(dataset_id)
        result = _result(self.job) | ({} if note is None else {"note": note})
        retry_while_busy(lambda: self.store.jobs.finish(self.job_id, self.owner, json.dumps(result)))
        self.is_over = True

    def _import(self, source: Source) -> DatasetRecord:
        finished = self.store.datasets.finished(self.request.name, source.resume_key)
        if finished is not None and finished.created_at > self.job.created_at:
            return finished  # by a worker that was killed right afterwards
        images = len(source.read.images)
        with suppress(StoreError):
            self.store.job_plans.set(self.job_id, plan_import(self.store, images, quality=self.request.quality))
        begun = time.perf_counter()
        dataset = import_source(
            self.store,
            self.settings,
            source,
            self.request,
            on_progress=lambda done, total: self.heartbeat(LOCATING, done, total),
            on_written=lambda: retry_while_busy(lambda: self.store.jobs.progressed(self.job_id, self.owner)),
        ).dataset
        self.count_piece(IMPORTING, images, time.perf_counter() - begun)
        return dataset

    def _check_quality(self, dataset_id: int) -> str | None:
        """Check the quality of what was imported; whatever goes wrong, the data set is there."""

        def check_in_thread(check: Callable[[], None]) -> None:
            def show_progress(done: int, total: int) -> None:
                check()
                self._progress = (CHECKING, done, total)

            check_quality(self.store, dataset_id, on_progress=show_progress)

        begun, alone = time.perf_counter(), self.alone
        try:
            if self.request.quality:
                self.run_in_thread(check_in_thread)
                images, _ = self.store.datasets.extent(dataset_id)
                self.count_piece(QUALITY, images, time.perf_counter() - begun)
                self.alone = alone
        except FaceprivError:
            return UNCHECKED
        except Exception as error:
            log_fault(_log, f"The quality of data set {dataset_id} could not be checked", error)
            return UNCHECKED
        return None

    def _give_up(self) -> None:
        self.is_over = True
        # The folder goes once the queue knows of the end; whoever looks in between must not offer to resume.
        with suppress(OSError):
            (self.folder / UNUSABLE).touch(mode=0o600)
        with suppress(StoreError):
            _discard_rows(self.store, self.request.name, self.job_id)


def _log_once(store: Store, job: JobRecord, dataset: DatasetRecord) -> None:
    """Log an import; one of an earlier data set may bear the same id, one of this data set is not logged again."""
    action, subject = "dataset-imported", f"dataset {dataset.id}"
    lines = store.access.list(actor=job.actor, action=action)
    if not any(line.subject == subject and line.at >= dataset.created_at for line in lines):
        store.access.record(Actor(job.actor, job.origin), action, subject)


# For whoever asks for imports


def submit_upload(
    store: Store,
    settings: Settings,
    files: Sequence[tuple[str, IO[bytes]]],
    actor: Actor,
    *,
    labels: Sequence[tuple[str, IO[bytes]]] = (),
    **fields: Any,
) -> JobRecord:
    """Put uploaded files aside and their import into the queue.

    Parameters
    ----------
    files
        Name and content of each image, or of one zip archive.
    labels
        Name and content of each label table.
    fields
        Other fields of `ImportRequest`.

    Raises
    ------
    BadInputError
        If archives and other files are mixed (code ``mixed-upload``), nothing came (``no-images``), or a field cannot
        be used.
    StoreError
        If the files cannot be written, as when the disk is full; nothing is left of them then.
    """
    uploads.check_files([name for name, _ in files])
    with new_folder(settings) as folder:
        uploads.put_aside(folder, [content for _, content in files], [content for _, content in labels])
        request = ImportRequest(
            source=UploadSource(files=tuple(name for name, _ in files)),
            labels=tuple(name for name, _ in labels),
            folder=folder.name,
            **fields,
        )
        return submit(store, settings, request, actor)


def list_imports(store: Store, settings: Settings) -> tuple[ImportJob, ...]:
    """Return all imports that were not closed, oldest first; closes those that ended long ago.

    Those that a command asked for are left out once they are complete or failed: the command has told.
    """
    jobs = [_read(settings, job) for job in reversed(store.jobs.list(kinds=KIND, limit=1000))]
    kept = []
    for job in jobs:
        last_work = job.record.finished_at or job.record.started_at or job.record.created_at
        age = datetime.now(UTC) - last_work
        if not job.under_way and age >= (KEEP_PREVIEW if job.record.state == "previewed" else KEEP):
            close_import(store, settings, job.id)
        elif job.record.origin != "command line" or job.under_way or job.resumable:
            kept.append(job)
    return tuple(kept)


def get_import(store: Store, settings: Settings, job_id: int) -> ImportJob:
    """Return one import; raises UnknownNameError if there is none of this number."""
    return _read(settings, store.jobs.get(job_id))


def read_again(store: Store, settings: Settings, job_id: int, **changes: Any) -> None:
    """Have what waits for confirmation read anew, with other fields of its `ImportRequest`.

    Raises BadInputError if a field cannot be used so; then everything stays as it is.
    """
    request = get_import(store, settings, job_id).request
    revised = ImportRequest(**{**request.model_dump(), **changes})
    store.jobs.revise(job_id, revised.model_dump_json())


@contextmanager
def holding_import(store: Store, settings: Settings, job_id: int) -> Iterator[None]:
    """Hold the folder of a command's import, so that what it asks to be confirmed is cleared away if it is killed."""
    with holding(_folder(settings, _request(store.jobs.get(job_id)))):
        yield


def close_import(store: Store, settings: Settings, job_id: int) -> None:
    """Remove all that is left of an ended import; the data set stays. One that is under way stays too."""
    with suppress(UnknownNameError):
        job = get_import(store, settings, job_id)
        if not job.under_way:
            remove_tree(_folder(settings, job.request))
            store.jobs.delete(job_id)


def discard_import_job(store: Store, settings: Settings, job_id: int) -> None:
    """Remove an import that has not become a data set, with its files and all that was written of it.

    Raises BadInputError with code ``import-under-way`` if it is.
    """
    job = get_import(store, settings, job_id)
    if job.under_way:
        raise BadInputError("The import is still under way; cancel it first.", code="import-under-way")
    _discard_rows(store, job.name, job_id)
    close_import(store, settings, job_id)


def discard_by_name(store: Store, settings: Settings, name: str) -> int:
    """Remove interrupted imports of a name, and their jobs; raise, and count their images, as `discard_import`."""
    removed = discard_import(store, name)
    for job in list_imports(store, settings):
        if job.name == name and job.resumable:
            close_import(store, settings, job.id)
    return removed


def _discard_rows(store: Store, name: str, job_id: int) -> None:
    """Remove what an import has written, unless another one under the same name is under way."""
    others = store.jobs.list(kinds=KIND, states=UNDER_WAY, limit=1000)
    if not any(_request(job).name == name for job in others if job.id != job_id):
        for left in store.datasets.unfinished():
            if left.name == name:
                store.datasets.discard(left.resume_key, name)
        with suppress(TooManyUnusedError):
            store.collect_now()


def new_folder(settings: Settings) -> AbstractContextManager[Path]:
    """Make and hold the private folder of a new import, as `uploads.new_folder`."""
    return uploads.new_folder(imports_folder(settings))


def imports_folder(settings: Settings) -> Path:
    """Return the folder with a folder for each import."""
    return settings.home / ImportKind.staging


def _folder(settings: Settings, request: ImportRequest) -> Path:
    return imports_folder(settings) / request.folder


def _read(settings: Settings, job: JobRecord) -> ImportJob:
    request = _request(job)
    ended = job.state in ("failed", "cancelled")
    folder = _folder(settings, request)
    return ImportJob(job, request, resumable=ended and folder.is_dir() and not (folder / UNUSABLE).exists())


def _request(job: JobRecord) -> ImportRequest:
    return ImportRequest.model_validate_json(job.request)


def _essence(request: ImportRequest) -> ImportRequest:
    return request.model_copy(update={"folder": "", "preview": False, "ask": False})


def _result(job: JobRecord) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(job.result or "{}")
    return result
