"""Kinds of jobs: what each is asked for by, how it is prepared and how it is executed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from facepriv.config import Settings
from facepriv.registry import Registry
from facepriv.schemas.plans import JobPlan
from facepriv.schemas.requests import Request
from facepriv.services.jobs.leased_job import Claim
from facepriv.store import AuditStore, ProtectionStore, RunStore, Store, StudyStore
from facepriv.types import Actor


class Kind(ABC):
    """One kind of job. A new one is a request, a module with such a class, and a line in `kinds`."""

    request: ClassVar[type[Request]]
    started: ClassVar[str] = ""
    """What the access log calls putting one into the queue; empty for a kind that is logged once it has ended."""
    apart: ClassVar[bool] = False
    """Whether a light worker on the machine where its files lie does these, so that they never wait behind a run."""
    staging: ClassVar[str] = ""
    """Folder in the data folder where every job of this kind has a folder of its own, named by its request."""

    @abstractmethod
    def prepare(self, store: Store, settings: Settings, request: Any) -> Any:
        """Check a request and return it with all that it left open, ready to be stored; raises as documented."""

    @abstractmethod
    def create(self, store: Store, settings: Settings, spec: Any, request: Request, actor: Actor) -> int:
        """Put what was prepared into the queue and return its number: that of the run, the audit, or else the job."""

    @abstractmethod
    def get(self, store: Store, number: int) -> Any:
        """Return the record of this number."""

    def job_id(self, store: Store, number: int) -> int:
        """Return the number of the job in the queue: what has a table of its own has numbers of its own."""
        return number

    def plan(self, store: Store, settings: Settings, spec: Any) -> JobPlan | None:
        """Return how long what was prepared will take, stage by stage; None where that cannot be told."""
        return None

    @abstractmethod
    def find_duplicate(self, store: Store, spec: Any) -> Any:
        """Return the record of what did this very job, or is to do it; None if there is none."""

    def find_same(self, store: Store, spec: Any) -> Any:
        """Return the record of what waits, is under way or complete and is just this; None if there is none."""
        return None

    def find_here(self, store: Store, settings: Settings) -> list[int] | None:
        """Return the jobs that only workers of this data folder can do; None where any worker can do any."""
        return None

    @abstractmethod
    def execute(self, claim: Claim) -> None:
        """Do a job that was claimed, to its end."""


class KindWithTable(Kind):
    """A kind whose specs and results are in a table of its own beside that of all jobs."""

    @abstractmethod
    def table(self, store: Store) -> RunStore | AuditStore | ProtectionStore | StudyStore:
        """Return its table."""

    def create(self, store: Store, settings: Settings, spec: Any, request: Request, actor: Actor) -> int:
        """Put a spec into the queue and return its number."""
        return self.table(store).create(spec, request=request.model_dump_json(), actor=actor)

    def find_same(self, store: Store, spec: Any) -> Any:
        """Return a run, an audit, a protection or a study with this very spec."""
        number = self.table(store).find_same(spec)
        return None if number is None else self.get(store, number)

    def job_id(self, store: Store, number: int) -> int:
        """Return the number of its job in the queue."""
        return self.table(store).job_id(number)

    def get(self, store: Store, number: int) -> Any:
        """Return a run, an audit or a protection."""
        return self.table(store).get(number)


kinds: Registry[Kind] = Registry(
    "kind of job",
    "facepriv.jobs",
    {
        "run": "facepriv.services.runs.job:RunKind",
        "audit": "facepriv.services.audits.job:AuditKind",
        "protection": "facepriv.services.protections.job:ProtectionKind",
        "study": "facepriv.services.studies.job:StudyKind",
        "import": "facepriv.services.datasets.import_jobs:ImportKind",
        "templates": "facepriv.services.templates.job:TemplatesKind",
    },
)


def kinds_of_workers(*, apart: bool) -> list[str]:
    """Return the kinds that light workers do, or those that all others do."""
    return [name for name in kinds.names() if kinds.create(name).apart is apart]
