"""Audits as a kind of job."""

from __future__ import annotations

from facepriv.config import Settings
from facepriv.schemas.audits import AuditSpec
from facepriv.schemas.requests import AuditRequest, Request
from facepriv.services.audits.preparing import find_same_audit, prepare_audit
from facepriv.services.jobs.kinds import Kind
from facepriv.services.jobs.leased_job import Report
from facepriv.services.jobs.worker_pool import WorkerPool
from facepriv.store import AuditRecord, JobRecord, Store
from facepriv.types import Actor


class AuditKind(Kind):
    """Measure what attackers learn."""

    request = AuditRequest
    started = "audit-started"

    def prepare(self, store: Store, settings: Settings, request: AuditRequest) -> AuditSpec:
        """Return the spec of an audit."""
        return prepare_audit(store, request)

    def create(self, store: Store, settings: Settings, spec: AuditSpec, request: Request, actor: Actor) -> int:
        """Put an audit into the queue and return its number."""
        return store.audits.create(spec, request=request.model_dump_json(), actor=actor)

    def get(self, store: Store, number: int) -> AuditRecord:
        """Return an audit."""
        return store.audits.get(number)

    def find_duplicate(self, store: Store, spec: AuditSpec) -> AuditRecord | None:
        """Return the newest complete audit with the same spec."""
        return find_same_audit(store, spec)

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
        """Execute a claimed audit to its end."""
        # Importing what computes takes seconds, which those who only queue an audit need not wait.
        from facepriv.services.audits.execution import execute_audit

        execute_audit(store, settings, store.audits.of_job(job.id), owner, pool=pool, on_progress=on_progress)
