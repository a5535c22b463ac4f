"""Trials of protections as a kind of job."""

from __future__ import annotations

from facepriv.config import Settings
from facepriv.schemas.plans import JobPlan
from facepriv.schemas.protections import ProtectionChoice, ProtectionSpec
from facepriv.schemas.requests import ProtectionRequest
from facepriv.services.jobs.kinds import KindWithTable
from facepriv.services.jobs.leased_job import Claim
from facepriv.services.jobs.planning import Stage, make_plan
from facepriv.services.jobs.speeds import Piece, get_speeds, rest
from facepriv.services.jobs.worker_pool import processes
from facepriv.services.protections.preparing import find_same_protection, prepare_protection
from facepriv.stopwatch import piece
from facepriv.store import ProtectionRecord, ProtectionStore, Store

JUDGING = "judging"
"""Stage of a trial, whose steps are protections."""


def trial_work(choice: ProtectionChoice | None) -> str:
    """Return what the stopwatch calls judging templates under a protection, or as they are."""
    return piece("protect", "none" if choice is None else choice.name)


class ProtectionKind(KindWithTable):
    """Try protections on a template set."""

    request = ProtectionRequest
    started = "protection-started"

    def table(self, store: Store) -> ProtectionStore:
        """Return the table of trials."""
        return store.protections

    def prepare(self, store: Store, settings: Settings, request: ProtectionRequest) -> ProtectionSpec:
        """Return the spec of a trial."""
        return prepare_protection(store, request)

    def plan(self, store: Store, settings: Settings, spec: ProtectionSpec) -> JobPlan:
        """Return how long a trial takes."""
        templates = store.template_sets.get(spec.templates.id).templates
        trials = [Piece.of(trial_work(choice), 1, templates * spec.partings) for choice in (None, *spec.tried)]
        stages = [Stage(JUDGING, tuple(trials), len(trials))]
        return make_plan(get_speeds(store), stages, rest=rest("protection"), width=processes(settings))

    def find_duplicate(self, store: Store, spec: ProtectionSpec) -> ProtectionRecord | None:
        """Return what `find_same_protection` finds."""
        return find_same_protection(store, spec)

    def execute(self, claim: Claim) -> None:
        """Execute a claimed trial to its end."""
        # Importing what computes takes seconds, which those who only queue a trial need not wait.
        from facepriv.services.protections.execution import ProtectionExecution

        ProtectionExecution(claim).execute()
