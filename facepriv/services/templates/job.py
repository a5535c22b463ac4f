"""Making a template set as a kind of job: imported from a file, or made from images.

What is imported from a file has a private folder ``<home>/template-imports/<folder>``, where uploaded files lie under
neutral names until it has ended for good. Only workers of that data folder do it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from facepriv.config import Settings
from facepriv.datasets.templates.reading import READERS, is_template_file
from facepriv.errors import BadInputError, FaceprivError, UnknownNameError
from facepriv.measures.faults import log_fault
from facepriv.measures.loaded_models import get_matcher
from facepriv.schemas.requests import DatasetSource, PathSource, Request, TemplatesRequest, UploadSource
from facepriv.services.datasets import uploads
from facepriv.services.datasets.import_folders import allowed_folder
from facepriv.services.datasets.retention import refuse_past
from facepriv.services.jobs.kinds import Kind
from facepriv.services.jobs.leased_job import Claim, LeasedJob, retry_while_busy
from facepriv.services.jobs.submit import submit
from facepriv.services.templates.importing import import_file
from facepriv.services.templates.making import make_from_images
from facepriv.services.templates.sets import subject_of
from facepriv.store import JobRecord, Store, TemplateSetRecord
from facepriv.store.records import UNDER_WAY
from facepriv.trees import remove_tree
from facepriv.types import Actor
from facepriv.wording import listed

KIND = ("templates",)
KEEP = timedelta(days=7)
"""How long the end of a job is told, and the files of one that failed are kept, so that it can be resumed."""
READING, EMBEDDING, CHECKING = "reading the file", "making templates", "checking quality"
UNCHECKED = "The quality was not checked to the end; facepriv templates quality makes up for it."

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TemplatesJob:
    """A job that makes a template set, as `get_job` reads it."""

    record: JobRecord
    request: TemplatesRequest

    @property
    def set_id(self) -> int | None:
        """Number of the template set, once there is one."""
        number = _result(self.record).get("template_set")
        return None if number is None else int(number)

    @property
    def seconds(self) -> float:
        """How long importing or making took, without the check of the quality."""
        return float(_result(self.record).get("seconds", 0.0))

    @property
    def note(self) -> str | None:
        """What is missing of a complete one, in one sentence."""
        return _result(self.record).get("note")


class TemplatesKind(Kind):
    """Make a template set."""

    request = TemplatesRequest
    apart = True
    staging = "template-imports"

    def prepare(self, store: Store, settings: Settings, request: TemplatesRequest) -> TemplatesRequest:
        """Return the request with full paths and numbers.

        Raises BadInputError with code ``past-day``, ``bad-name``, ``name-taken``, ``unknown-format``, ``unreadable``,
        or as `allowed_folder`; UnknownNameError or ModelUnavailableError if a data set or a matcher cannot be used.
        """
        refuse_past(request.retain_until)
        store.template_sets.check_name(request.name)
        source = request.source
        update: dict[str, Any] = {}
        if isinstance(source, DatasetSource):
            get_matcher(source.matcher)
            update["source"] = source.model_copy(update={"dataset": store.datasets.get(source.dataset).id})
        elif isinstance(source, PathSource):
            path = Path(source.path).absolute()
            if source.closed:
                path = allowed_folder(settings, str(path.parent)) / path.name
            _check_file(path)
            update["source"] = source.model_copy(update={"path": str(path)})
            update["labels"] = None if request.labels is None else str(Path(request.labels).absolute())
        return request.model_copy(update=update)

    def create(self, store: Store, settings: Settings, spec: TemplatesRequest, request: Request, actor: Actor) -> int:
        """Put it into the queue, with a folder of its own where it reads a file, and return the number of its job."""
        if spec.folder or isinstance(spec.source, DatasetSource):
            return store.jobs.create(spec.kind, spec.model_dump_json(), actor=actor)
        with uploads.new_folder(imports_folder(settings)) as folder:
            return self.create(store, settings, spec.model_copy(update={"folder": folder.name}), request, actor)

    def get(self, store: Store, number: int) -> JobRecord:
        """Return a job."""
        return store.jobs.get(number)

    def find_duplicate(self, store: Store, spec: TemplatesRequest) -> JobRecord | None:
        """Return the newest job that makes the same set and is not complete."""
        jobs = store.jobs.list(kinds=KIND, states=(*UNDER_WAY, "failed", "cancelled"), limit=1000)
        plain = spec.model_copy(update={"folder": ""})
        return next((job for job in jobs if _request(job).model_copy(update={"folder": ""}) == plain), None)

    def find_here(self, store: Store, settings: Settings) -> list[int]:
        """Return the jobs that may be taken up here, oldest first: of images, or of files that lie here."""
        jobs = [(job.id, _request(job)) for job in store.jobs.list(kinds=KIND, states=UNDER_WAY, limit=1000)]
        return [
            number for number, request in reversed(jobs) if not request.folder or _folder(settings, request).is_dir()
        ]

    def execute(self, claim: Claim) -> None:
        """Do a claimed job."""
        execution = _Execution(claim)
        execution.execute()
        if execution.is_over and execution.request.folder:
            # Only once the queue knows, since nobody takes up a job whose folder is gone.
            remove_tree(_folder(claim.settings, execution.request))


class _Execution(LeasedJob):
    noun = "template import"

    def __init__(self, claim: Claim) -> None:
        super().__init__(claim, claim.job.id)
        self.request = _request(claim.job)
        self.is_over = False
        """Whether nothing of its files is needed any more."""

    def work(self) -> None:
        """Make the set, check its quality, and say so; an input that cannot be used is not kept."""
        begun = time.monotonic()
        try:
            record = self._made_before() or self._make()
        except (BadInputError, UnknownNameError):
            self.is_over = True
            raise
        result: dict[str, Any] = {"template_set": record.id, "seconds": time.monotonic() - begun}
        _log_once(self.store, self.job, record)
        note = self._check_quality(record)
        result |= {} if note is None else {"note": note}
        retry_while_busy(lambda: self.store.jobs.finish(self.job_id, self.owner, json.dumps(result)))
        self.is_over = True

    def _made_before(self) -> TemplateSetRecord | None:
        """Return the set if a worker that was killed right afterwards has made it already."""
        with suppress(UnknownNameError):
            record = self.store.template_sets.get(self.request.name)
            if self.job.attempts > 1 and self.job.started_at and record.created_at > self.job.started_at:
                return record
        return None

    def _make(self) -> TemplateSetRecord:
        if isinstance(self.request.source, DatasetSource):
            self.heartbeat(EMBEDDING, 0, 0)
            return make_from_images(
                self.store, self.request, lambda images, measures: self.compute_measures(images, measures, EMBEDDING)
            )
        self.heartbeat(READING, 0, 0)

        def read(check: Callable[[], None]) -> TemplateSetRecord:
            def show(done: int, total: int) -> None:
                check()
                self._progress = (READING, done, total)

            folder = _folder(self.settings, self.request)
            return import_file(self.store, self.settings, self.request, folder, on_progress=show)

        return self.run_in_thread(read)

    def _check_quality(self, record: TemplateSetRecord) -> str | None:
        """Check the quality of what was made; whatever goes wrong, the set is there."""
        from facepriv.services.templates.quality import check_template_quality

        if not self.request.quality:
            return None
        self.heartbeat(CHECKING, 0, 0)
        try:
            self.run_in_thread(lambda check: check_template_quality(self.store, record.id, check=check))
        except FaceprivError:
            return UNCHECKED
        except Exception as error:
            log_fault(_log, f"The quality of template set {record.id} could not be checked", error)
            return UNCHECKED
        return None


def _log_once(store: Store, job: JobRecord, record: TemplateSetRecord) -> None:
    """Log a set that was made, once, however often the job was taken up."""
    made = record.dataset_id is not None
    action, subject = "templates-made" if made else "templates-imported", subject_of(record)
    if not any(line.subject == subject for line in store.access.list(actor=job.actor, action=action)):
        detail = f"dataset {record.dataset_id}, by {record.matcher}" if made else ""
        store.access.record(Actor(job.actor, job.origin), action, subject, detail)


# For whoever asks for template sets


def submit_template_upload(
    store: Store,
    settings: Settings,
    file: tuple[str, IO[bytes]],
    actor: Actor,
    *,
    labels: tuple[str, IO[bytes]] | None = None,
    **fields: Any,
) -> JobRecord:
    """Put an uploaded file of templates aside and its import into the queue.

    Parameters
    ----------
    file, labels
        Name and content of the file, and of a label table.
    fields
        Other fields of `TemplatesRequest`.

    Raises
    ------
    BadInputError
        With code ``unknown-format``, or if a field cannot be used.
    StoreError
        If the files cannot be written, as when the disk is full; nothing is left of them then.
    """
    name, content = file
    if not is_template_file(Path(name)):
        raise _unknown_format(uploads.shown(name))
    with uploads.new_folder(imports_folder(settings)) as folder:
        uploads.put_aside(folder, [content], () if labels is None else [labels[1]])
        request = TemplatesRequest(
            source=UploadSource(files=(name,)),
            labels=None if labels is None else labels[0],
            folder=folder.name,
            **fields,
        )
        return submit(store, settings, request, actor)


def get_job(store: Store, job_id: int) -> TemplatesJob:
    """Return one job; raises UnknownNameError if there is none of this number."""
    job = store.jobs.get(job_id)
    return TemplatesJob(job, _request(job))


def list_jobs(store: Store, settings: Settings) -> tuple[TemplatesJob, ...]:
    """Return all jobs that were not closed, oldest first; clears away those that ended a week ago."""
    kept = []
    for job in reversed(store.jobs.list(kinds=KIND, limit=1000)):
        last_work = job.finished_at or job.started_at or job.created_at
        if job.state not in UNDER_WAY and datetime.now(UTC) - last_work >= KEEP:
            close_job(store, settings, job.id)
        else:
            kept.append(TemplatesJob(job, _request(job)))
    return tuple(kept)


def close_job(store: Store, settings: Settings, job_id: int) -> None:
    """Remove all that is left of an ended job; the template set stays. One that is under way stays too."""
    with suppress(UnknownNameError):
        job = get_job(store, job_id)
        if job.record.state not in UNDER_WAY:
            if job.request.folder:
                remove_tree(_folder(settings, job.request))
            store.jobs.delete(job_id)


def forget_jobs(
    store: Store, settings: Settings, *, set_id: int | None = None, dataset_id: int | None = None
) -> tuple[Path, ...]:
    """Remove ended jobs that made a set, or sets of a data set, since they name files; return their folders."""
    folders = []
    for job in store.jobs.list(kinds=KIND, limit=1000):
        source = _request(job).source
        of_dataset = isinstance(source, DatasetSource) and dataset_id is not None and source.dataset == dataset_id
        if of_dataset or (set_id is not None and _result(job).get("template_set") == set_id):
            close_job(store, settings, job.id)
            folders += [_folder(settings, _request(job))] if _request(job).folder else []
    return tuple(folders)


def imports_folder(settings: Settings) -> Path:
    """Return the folder with a folder for each import of templates."""
    return settings.home / TemplatesKind.staging


def _folder(settings: Settings, request: TemplatesRequest) -> Path:
    return imports_folder(settings) / request.folder


def _check_file(path: Path) -> None:
    """Refuse what is not there, or of no format that is read, before anything is queued."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise BadInputError(f"A file of templates was expected, but {path} {what}; check its name.", code="unreadable")
    if not is_template_file(path):
        raise _unknown_format(path.name)


def _unknown_format(name: str) -> BadInputError:
    return BadInputError(
        f"{name} is of no format that templates are read in; save them as {listed(sorted(READERS), 'or')}.",
        code="unknown-format",
    )


def _request(job: JobRecord) -> TemplatesRequest:
    return TemplatesRequest.model_validate_json(job.request)


def _result(job: JobRecord) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(job.result or "{}")
    return result
