"""A pool on a Dask cluster: the same calls as in a local pool, in processes that the cluster's owner has started."""

from __future__ import annotations

import atexit
import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any

from facepriv.config import Settings, get_settings
from facepriv.errors import FaceprivError, StoreBusyError
from facepriv.scratch import spooling_into
from facepriv.services.jobs.pool_process import JobRef, PortableJob, set_up_process
from facepriv.services.jobs.worker_pool import Pace, WorkerPool
from facepriv.store import open_store

CONNECT_SECONDS = 10.0


class DaskPool(WorkerPool):
    """The processes of a Dask cluster, reached by the address of its scheduler.

    They need the same facepriv and libraries as the worker and the artifacts under the same address; the database
    they need not reach, since everything else comes along with the job.
    """

    blames_bystanders = True
    # The cluster has tried elsewhere already by the time it tells of a loss.
    max_crashes = 1

    def __init__(self, settings: Settings, pace: Pace | None = None) -> None:
        try:
            import distributed
        except ImportError as error:
            raise FaceprivError(
                "The package distributed was expected for --executor dask, but it is not installed; install what "
                "requirements-cluster.txt lists."
            ) from error
        super().__init__(settings, pace)
        self._distributed = distributed
        self._client: Any = None
        self._steps: dict[int, tuple[int, int]] = {}
        self._jobs: dict[JobRef, Any] = {}
        self.lost = (distributed.KilledWorker,)

    @property
    def width(self) -> int:
        """Threads of all processes of the cluster, as many as there are at the moment."""
        try:
            threads: int = sum(self._connected().nthreads().values())
        except OSError as error:
            raise self._unreachable(error) from error
        return max(1, threads)

    def submit(self, function: Callable[..., Any], /, *given: Any) -> Future[Any]:
        """Have a function called in one of the cluster's processes."""
        future: Future[Any] = self._connected().get_executor(pure=False).submit(function, *given)
        return future

    def job(self, job: JobRef) -> Any:
        """Send everything that a job is about to the cluster, once, in such a way that a lost copy is made again."""
        if job not in self._jobs:
            # Only what they need: the database's URL, which may hold a password, is not among it.
            needed = self.settings.model_dump(include={"home", "artifacts_url", "max_pixels"})
            settings = Settings(**needed, database=None)
            with open_store(self.settings) as store:
                portable = PortableJob(job, settings, job.load(store, job.number), set_up_on_cluster)
            client = self._connected()
            self._jobs = {job: client.submit(_take_in, portable, pure=False)}
            client.subscribe_topic(_topic(job), self._hear)
        return self._jobs[job]

    def steps(self) -> tuple[int, int]:
        """Return steps done and steps in all of the lessons under way, as the cluster's processes tell."""
        steps = list(self._steps.values())
        return sum(done for done, _ in steps), sum(total for _, total in steps)

    def reset_steps(self) -> None:
        """Forget the steps of lessons that are over."""
        self._steps.clear()

    def end(self, *, at_once: bool = False) -> None:
        """Leave the cluster; what it still computes is not wanted any more."""
        client, self._client = self._client, None
        self._jobs.clear()
        self._steps.clear()
        if client is not None:
            with contextlib.suppress(Exception):
                client.close(timeout=CONNECT_SECONDS)

    def _connected(self) -> Any:
        if self._client is not None and self._client.status != "running":
            self.end(at_once=True)
        if self._client is None:
            try:
                self._client = self._distributed.Client(
                    self.settings.scheduler, timeout=CONNECT_SECONDS, set_as_default=False, name="facepriv"
                )
            except (OSError, ValueError, TimeoutError) as error:
                raise self._unreachable(error) from error
        return self._client

    def _unreachable(self, error: Exception) -> StoreBusyError:
        return StoreBusyError(
            f"A Dask scheduler was expected at {self.settings.scheduler or 'an address that was not given'}, "
            f"but it cannot be reached ({type(error).__name__}); start it, or correct --scheduler."
        )

    def _hear(self, event: tuple[Any, tuple[int, int, int]]) -> None:
        _, (part, done, total) = event
        self._steps[part] = done, total


def _take_in(job: PortableJob) -> PortableJob:
    """Hold a job in one of the cluster's processes, from which the others get it."""
    return job


def _topic(job: JobRef) -> str:
    return f"facepriv-steps {job.owner} {job.number} {job.attempt}"


def set_up_on_cluster(job: PortableJob) -> None:
    """Set up a process of the cluster for a job: it tells how far its lessons are through the scheduler."""

    def report(part: int, done: int, total: int) -> None:
        from distributed import get_worker

        get_worker().log_event(_topic(job.ref), (part, done, total))

    set_up_process(job.settings, report)
    _spool_privately(get_settings().temporary)


@cache
def _spool_privately(temporary: Path) -> None:
    """Keep temporary files of this process in the data folder of its machine until it ends."""
    spooling = spooling_into(temporary)
    spooling.__enter__()
    atexit.register(spooling.__exit__, None, None, None)
