"""Kinds of jobs: what each is asked for by, how it is prepared and how it is executed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from facepriv.config import Settings
from facepriv.registry import Registry
from facepriv.schemas.requests import Request
from facepriv.services.jobs.leased_job import Report
from facepriv.services.jobs.worker_pool import WorkerPool
from facepriv.store import Store


class Kind(ABC):
    """One kind of job. A new one is a request, a module with such a class, and a line in `kinds`."""

    request: ClassVar[type[Request]]

    @abstractmethod
    def queue(self, store: Store) -> Any:
        """Return the store of what its jobs have beside their place in the queue: ``create``, ``get``, ``of_job``."""

    @abstractmethod
    def prepare(self, store: Store, request: Any) -> Any:
        """Return what is to be stored: a request that was checked, with all that it left open; raises as documented."""

    @abstractmethod
    def find_duplicate(self, store: Store, spec: Any) -> Any:
        """Return a job with the same spec that is complete, or under way; None if there is none."""

    @abstractmethod
    def execute(
        self,
        store: Store,
        settings: Settings,
        job: Any,
        owner: str,
        *,
        pool: WorkerPool,
        on_progress: Report | None = None,
    ) -> None:
        """Do a job that was claimed, to its end."""


kinds: Registry[Kind] = Registry(
    "kind of job",
    "facepriv.jobs",
    {"run": "facepriv.services.runs.job:RunJob", "audit": "facepriv.services.audits.job:AuditJob"},
)
"""All kinds that a worker takes up; `JobStore.claim` says in which order."""
