"""Audits as a kind of job."""

from __future__ import annotations

from facepriv.config import Settings
from facepriv.schemas.audits import AuditSpec
from facepriv.schemas.requests import AuditRequest
from facepriv.services.audits.preparing import find_same_audit, prepare_audit
from facepriv.services.jobs.kinds import Kind
from facepriv.services.jobs.leased_job import Report
from facepriv.services.jobs.worker_pool import WorkerPool
from facepriv.store import AuditRecord, AuditStore, Store


class AuditJob(Kind):
    """Measure what attackers learn."""

    request = AuditRequest

    def queue(self, store: Store) -> AuditStore:
        """Return the audits."""
        return store.audits

    def prepare(self, store: Store, request: AuditRequest) -> AuditSpec:
        """Return the spec of an audit."""
        return prepare_audit(store, request)

    def find_duplicate(self, store: Store, spec: AuditSpec) -> AuditRecord | None:
        """Return the newest complete audit with the same spec."""
        return find_same_audit(store, spec)

    def execute(
        self,
        store: Store,
        settings: Settings,
        job: AuditRecord,
        owner: str,
        *,
        pool: WorkerPool,
        on_progress: Report | None = None,
    ) -> None:
        """Execute a claimed audit to its end."""
        # Importing what computes takes seconds, which those who only queue an audit need not wait.
        from facepriv.services.audits.execution import execute_audit

        execute_audit(store, settings, job, owner, pool=pool, on_progress=on_progress)
