"""Audits as a kind of job."""

from __future__ import annotations

from facepriv.config import Settings
from facepriv.schemas.audits import AuditSpec
from facepriv.schemas.requests import AuditRequest
from facepriv.services.audits.preparing import find_same_audit, prepare_audit
from facepriv.services.jobs.kinds import KindWithTable
from facepriv.services.jobs.leased_job import Claim
from facepriv.store import AuditRecord, AuditStore, Store


class AuditKind(KindWithTable):
    """Measure what attackers learn."""

    request = AuditRequest
    started = "audit-started"

    def table(self, store: Store) -> AuditStore:
        """Return the table of audits."""
        return store.audits

    def prepare(self, store: Store, settings: Settings, request: AuditRequest) -> AuditSpec:
        """Return the spec of an audit."""
        return prepare_audit(store, request)

    def find_duplicate(self, store: Store, spec: AuditSpec) -> AuditRecord | None:
        """Return what `find_same_audit` finds."""
        return find_same_audit(store, spec)

    def execute(self, claim: Claim) -> None:
        """Execute a claimed audit to its end."""
        # Importing what computes takes seconds, which those who only queue an audit need not wait.
        from facepriv.services.audits.execution import AuditExecution

        AuditExecution(claim).execute()
