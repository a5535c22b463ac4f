"""Runs as a kind of job."""

from __future__ import annotations

from facepriv.config import Settings
from facepriv.schemas.requests import RunRequest
from facepriv.schemas.runs import RunSpec
from facepriv.services.jobs.kinds import Kind
from facepriv.services.jobs.leased_job import Report
from facepriv.services.jobs.worker_pool import WorkerPool
from facepriv.services.runs.preparing import find_same_run, prepare_run
from facepriv.store import RunRecord, RunStore, Store


class RunJob(Kind):
    """Perturb images and judge what was stored."""

    request = RunRequest

    def queue(self, store: Store) -> RunStore:
        """Return the runs."""
        return store.runs

    def prepare(self, store: Store, request: RunRequest) -> RunSpec:
        """Return the spec of a run."""
        return prepare_run(store, request)

    def find_duplicate(self, store: Store, spec: RunSpec) -> RunRecord | None:
        """Return a run that did this very job, or else one that is to go on with it."""
        return find_same_run(store, spec)

    def execute(
        self,
        store: Store,
        settings: Settings,
        job: RunRecord,
        owner: str,
        *,
        pool: WorkerPool,
        on_progress: Report | None = None,
    ) -> None:
        """Execute a claimed run to its end."""
        # Importing what computes takes seconds, which those who only queue a run need not wait.
        from facepriv.services.runs.execution import execute

        execute(store, settings, job, owner, pool=pool, on_progress=on_progress)
