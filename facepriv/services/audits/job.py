"""Audits as a kind of job."""

from __future__ import annotations

from facepriv.config import Settings
from facepriv.schemas.audits import AuditSpec
from facepriv.schemas.plans import JobPlan
from facepriv.schemas.requests import AuditRequest
from facepriv.services.audits.preparing import find_same_audit, prepare_audit
from facepriv.services.jobs.kinds import KindWithTable
from facepriv.services.jobs.leased_job import Claim
from facepriv.stopwatch import piece
from facepriv.store import AuditRecord, AuditStore, Store

MEASURING, PREPARING, ATTACKING, SUMMING_UP = "measuring", "preparing the attacks", "attacking", "summing up"
"""Stages of an audit."""


def name_work(spec: AuditSpec) -> str:
    """Return what the stopwatch calls such an audit."""
    return "short audit" if spec.brief else "audit" if spec.run_id is None else "audit of a run"


def attack_work(attacker: str, *, in_full: bool) -> str:
    """Return what the stopwatch calls one attacker's attempt on one draw of a release."""
    return piece("attack", attacker, "in full" if in_full else "in short")


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

    def plan(self, store: Store, settings: Settings, spec: AuditSpec) -> JobPlan:
        """Return how long an audit takes, stage by stage."""
        from facepriv.services.audits.estimate import plan_audit

        return plan_audit(store, settings, spec)

    def find_duplicate(self, store: Store, spec: AuditSpec) -> AuditRecord | None:
        """Return what `find_same_audit` finds."""
        return find_same_audit(store, spec)

    def execute(self, claim: Claim) -> None:
        """Execute a claimed audit to its end."""
        # Importing what computes takes seconds, which those who only queue an audit need not wait.
        from facepriv.services.audits.execution import AuditExecution

        AuditExecution(claim).execute()
