"""Measures computed in the processes of a leased job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from facepriv.measures.compute import MeasureTask, compute_task
from facepriv.services.jobs.leased_job import LeasedJob, retry_while_busy
from facepriv.services.jobs.pool_calls import Crashed
from facepriv.services.jobs.pool_process import Job, artifacts
from facepriv.store import Store
from facepriv.store.measures import Vector

_T = TypeVar("_T")


class LeasedPool:
    """The pool that `facepriv.measures.compute.compute` is given by a job, whose lease is kept meanwhile."""

    def __init__(self, job: LeasedJob) -> None:
        self._job = job

    def look_up(self, read: Callable[[], _T]) -> _T:
        """Return what a function reads in the database."""
        return self._job.run_in_thread(lambda check: read())

    def compute(self, tasks: Iterable[MeasureTask]) -> Iterator[tuple[MeasureTask, Mapping[str, Vector]]]:
        """Yield tasks with their vectors by name; none where the process was lost each time."""
        for task, vectors in self._job.compute_in_pool(compute_in_process, load_nothing, tasks):
            if isinstance(vectors, Crashed):
                names = ", ".join(measure.name for measure in task.measures)
                self._job.note(f"An image took its process down each time, so it was not measured ({names}).")
                vectors = {}
            yield task, vectors

    def save(self, write: Callable[[], None]) -> None:
        """Write to the database, waiting while it is locked or away."""
        retry_while_busy(write)
        retry_while_busy(lambda: self._job.store.jobs.progressed(self._job.job_id, self._job.owner))


def load_nothing(store: Store, number: int) -> None:
    """Read nothing, for work that needs to know nothing of its job."""


def compute_in_process(job: Job, tasks: Sequence[MeasureTask]) -> list[dict[str, Vector]]:
    """Call `facepriv.measures.compute.compute_task` in a worker's process."""
    files = artifacts()
    return [compute_task(files, task) for task in tasks]
