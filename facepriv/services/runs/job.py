"""Runs as a kind of job."""

from __future__ import annotations

from facepriv.config import Settings
from facepriv.schemas.plans import JobPlan
from facepriv.schemas.requests import RunRequest
from facepriv.schemas.runs import RunSpec
from facepriv.services.jobs.kinds import KindWithTable
from facepriv.services.jobs.leased_job import Claim
from facepriv.services.runs.preparing import find_same_run, prepare_run
from facepriv.store import RunRecord, RunStore, Store

LOCATING, LEARNING, PERTURBING, SUMMING_UP = "finding landmarks", "learning", "perturbing", "comparing"
"""Stages of a run."""


class RunKind(KindWithTable):
    """Perturb images and judge what was stored."""

    request = RunRequest
    started = "run-started"

    def table(self, store: Store) -> RunStore:
        """Return the table of runs."""
        return store.runs

    def prepare(self, store: Store, settings: Settings, request: RunRequest) -> RunSpec:
        """Return the spec of a run."""
        return prepare_run(store, request)

    def plan(self, store: Store, settings: Settings, spec: RunSpec) -> JobPlan:
        """Return how long a run takes, stage by stage."""
        from facepriv.services.runs.estimate import plan_run

        return plan_run(store, settings, spec)

    def find_duplicate(self, store: Store, spec: RunSpec) -> RunRecord | None:
        """Return what `find_same_run` finds."""
        return find_same_run(store, spec)

    def execute(self, claim: Claim) -> None:
        """Execute a claimed run to its end."""
        # Importing what computes takes seconds, which those who only queue a run need not wait.
        from facepriv.services.runs.execution import RunExecution

        RunExecution(claim).execute()
