"""Runs as a kind of job."""

from __future__ import annotations

from facepriv.config import Settings
from facepriv.schemas.requests import Request, RunRequest
from facepriv.schemas.runs import RunSpec
from facepriv.services.jobs.kinds import Kind
from facepriv.services.jobs.leased_job import Report
from facepriv.services.jobs.worker_pool import WorkerPool
from facepriv.services.runs.preparing import find_same_run, prepare_run
from facepriv.store import JobRecord, RunRecord, Store
from facepriv.types import Actor


class RunKind(Kind):
    """Perturb images and judge what was stored."""

    request = RunRequest
    started = "run-started"

    def prepare(self, store: Store, settings: Settings, request: RunRequest) -> RunSpec:
        """Return the spec of a run."""
        return prepare_run(store, request)

    def create(self, store: Store, settings: Settings, spec: RunSpec, request: Request, actor: Actor) -> int:
        """Put a run into the queue and return its number."""
        return store.runs.create(spec, request=request.model_dump_json(), actor=actor)

    def get(self, store: Store, number: int) -> RunRecord:
        """Return a run."""
        return store.runs.get(number)

    def find_duplicate(self, store: Store, spec: RunSpec) -> RunRecord | None:
        """Return a run that did this very job, or else one that is to go on with it."""
        return find_same_run(store, spec)

    def execute(
        self,
        store: Store,
        settings: Settings,
        job: JobRecord,
        owner: str,
        *,
        pool: WorkerPool,
        on_progress: Report | None = None,
    ) -> None:
        """Execute a claimed run to its end."""
        # Importing what computes takes seconds, which those who only queue a run need not wait.
        from facepriv.services.runs.execution import execute

        execute(store, settings, store.runs.of_job(job.id), owner, pool=pool, on_progress=on_progress)
