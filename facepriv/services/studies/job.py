"""Studies as a kind of job."""

from __future__ import annotations

from facepriv.config import Settings
from facepriv.schemas.requests import StudyRequest
from facepriv.schemas.studies import StudySpec
from facepriv.services.jobs.kinds import KindWithTable
from facepriv.services.jobs.leased_job import Claim
from facepriv.services.studies.preparing import find_same_study, prepare_study
from facepriv.store import Store, StudyRecord, StudyStore

MEASURING, SEARCHING, CONFIRMING = "measuring", "searching", "confirming"
"""Stages of a study; the steps of its search are settings."""


class StudyKind(KindWithTable):
    """Search for what reaches a goal."""

    request = StudyRequest
    started = "study-started"

    def table(self, store: Store) -> StudyStore:
        """Return the table of studies."""
        return store.studies

    def prepare(self, store: Store, settings: Settings, request: StudyRequest) -> StudySpec:
        """Return the spec of a study."""
        return prepare_study(store, request)

    def find_duplicate(self, store: Store, spec: StudySpec) -> StudyRecord | None:
        """Return what `find_same_study` finds."""
        return find_same_study(store, spec)

    def execute(self, claim: Claim) -> None:
        """Execute a claimed study to its end."""
        # Importing what computes takes seconds, which those who only queue a study need not wait.
        from facepriv.services.studies.execution import StudyExecution

        StudyExecution(claim).execute()
