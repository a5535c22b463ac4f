"""Take up waiting jobs, one after the other, and clear away leftovers while none waits."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass

from facepriv.config import Settings
from facepriv.errors import FaceprivError, StorageFullError, StoreBusyError
from facepriv.services.jobs.deletion import empty_trash
from facepriv.services.jobs.interrupted_purges import finish_purges
from facepriv.services.jobs.kinds import kinds as registry
from facepriv.services.jobs.kinds import kinds_of_workers
from facepriv.services.jobs.leased_job import Claim, Report
from facepriv.services.jobs.left_behind import remove_left_behind
from facepriv.services.jobs.presence import Presence
from facepriv.services.jobs.worker_pool import WorkerPool, make_pool
from facepriv.store import JobRecord, Store, open_store

_log = logging.getLogger(__name__)
POLL_SECONDS = 1.0
"""How often a worker looks for work while none waits."""
KEEP_POOL_SECONDS = 60.0
"""How long idle processes are kept for what may come next: they hold memory, and take seconds to start."""
COLLECT_SECONDS = 3600.0
"""How often a worker without a run looks for files that nobody needs any more."""


def run_worker(
    settings: Settings,
    *,
    kinds: Collection[str] | None = None,
    job_id: int | None = None,
    until_idle: bool = False,
    should_stop: Callable[[float], bool] = lambda idle: False,
    on_progress: Report | None = None,
    pool: WorkerPool | None = None,
    ready: bool = False,
) -> int:
    """Take up waiting jobs, one after the other, and clear away leftovers at the start and while none waits.

    Any number of workers may serve one database; what a worker that was killed has left is taken up at once where it
    ran on this machine with this data folder, else when its lease has ended. Returns the number of jobs taken up.

    Parameters
    ----------
    kinds
        Take up jobs of these kinds only; by default of all that need no worker apart.
    job_id
        Take up this job only.
    until_idle
        Return as soon as none waits, instead of asking again every second.
    should_stop
        Asked while nothing is under way, with the seconds since something was.
    pool
        Processes to compute with, which stay; by default some of its own, which end when nothing waits for a minute.
    ready
        Start the processes at once instead of when something waits.
    """
    with open_store(settings) as store, Presence(settings) as presence, ExitStack() as stack:
        workers = pool if pool is not None else stack.enter_context(make_pool(settings))
        worker = _Worker(
            store, settings, presence, workers, on_progress, kinds or kinds_of_workers(apart=False), job_id
        )
        if ready:
            worker.get_ready()
        taken = 0
        worker.sweep()
        # Who asks for a certain one wants it taken up before anybody else does.
        collected = time.monotonic() if job_id is not None else worker.collect()
        busy = time.monotonic()
        while True:
            did = worker.take_up()
            if did:
                taken += 1
                busy = time.monotonic()
                continue
            idle = time.monotonic() - busy
            if should_stop(idle) or (did is not None and (until_idle or job_id is not None)):
                return taken
            if idle >= KEEP_POOL_SECONDS and pool is None:
                workers.end()
            if time.monotonic() - collected >= COLLECT_SECONDS:
                worker.sweep()
                collected = worker.collect()
            time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class _Worker:
    """Looks for work and does it."""

    store: Store
    settings: Settings
    presence: Presence
    pool: WorkerPool
    on_progress: Report | None
    kinds: Collection[str]
    only: int | None
    """Number of the one job that may be taken up; None for any."""

    def get_ready(self) -> None:
        """Start the processes; where that does not work, whoever needs them hears of it."""
        try:
            self.pool.get_ready()
        except FaceprivError as error:
            _log.warning("%s", error)

    def take_up(self) -> bool | None:
        """Do the oldest job that waits; return whether there was one.

        None where that is not known: a database that is locked, away or full is no end, and the caller tries again.
        """
        try:
            job = self._claim()
            if job is None:
                return False
            claim = Claim(self.store, self.settings, job, self.presence.owner, self.pool, self.on_progress)
            registry.create(job.kind).execute(claim)
        except (StoreBusyError, StorageFullError, OSError) as error:
            _log.warning("%s", error)
            return None
        return True

    def _claim(self) -> JobRecord | None:
        jobs, owner = self.store.jobs, self.presence.owner
        gone = self.presence.gone(jobs.owners())
        anywhere = []
        for name in self.kinds:
            here = registry.create(name).find_here(self.store, self.settings)
            if here is None:
                anywhere.append(name)
            for number in here or ():
                if self.only in (None, number) and (job := jobs.claim(owner, only=number, gone=gone)):
                    return job
        return jobs.claim(owner, kinds=anywhere, only=self.only, gone=gone) if anywhere else None

    def sweep(self) -> None:
        """Remove what killed processes have left in temporary folders, and finish interrupted purges.

        What was deleted a day ago goes for good.
        """
        try:
            empty_trash(self.store)
            remove_left_behind(self.store, self.settings)
            finish_purges(self.store, self.settings)
        except (FaceprivError, OSError) as error:
            _log.warning("What killed processes left could not be cleared away: %s", error)

    def collect(self) -> float:
        """Clear away what interrupted imports, runs and workers have left; return when."""
        try:
            self.store.collect()
            self.presence.tidy(self.store.jobs.owners())
        except (FaceprivError, OSError) as error:
            # Runs do not depend on it, and the next worker tries again.
            _log.warning("Leftovers could not be cleared away: %s", error)
        return time.monotonic()
