"""Take up waiting jobs, one after the other, and clear away leftovers while none waits."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack

from facepriv.config import Settings
from facepriv.errors import FaceprivError, StorageFullError, StoreBusyError
from facepriv.services.jobs.kinds import kinds as registry
from facepriv.services.jobs.kinds import kinds_of_workers
from facepriv.services.jobs.leased_job import Report
from facepriv.services.jobs.presence import Presence
from facepriv.services.jobs.worker_pool import WorkerPool, make_pool
from facepriv.store import JobRecord, Store, open_store

_log = logging.getLogger(__name__)
POLL_SECONDS = 1.0
KEEP_POOL_SECONDS = 60.0
"""How long idle processes are kept for what may come next: they hold memory, and take seconds to start."""
COLLECT_SECONDS = 3600.0
"""How often a worker without a run looks for files that nobody needs any more."""


def run_worker(
    settings: Settings,
    *,
    kinds: Collection[str] | None = None,
    run_id: int | None = None,
    audit_id: int | None = None,
    job_id: int | None = None,
    until_idle: bool = False,
    should_stop: Callable[[float], bool] = lambda idle: False,
    on_progress: Report | None = None,
    pool: WorkerPool | None = None,
    ready: bool = False,
    poll_seconds: float = POLL_SECONDS,
    collect_seconds: float = COLLECT_SECONDS,
) -> int:
    """Take up waiting jobs, one after the other, and clear away leftovers at the start and while none waits.

    Any number of workers may serve one database; what a worker that was killed has left is taken up at once where it
    ran on this machine with this data folder, else when its lease has ended.

    Parameters
    ----------
    kinds
        Take up jobs of these kinds only; by default of all that need no worker apart.
    run_id, audit_id, job_id
        Take up this run, audit or job only.
    until_idle
        Return as soon as none waits, instead of asking again every second.
    should_stop
        Asked while nothing is under way, with the seconds since something was.
    pool
        Processes to compute with, which stay; by default some of its own, which end when nothing waits for a minute.
    ready
        Start the processes at once instead of when something waits.
    poll_seconds, collect_seconds
        Time between two looks for work while none waits, and for files that nobody needs any more.

    Returns
    -------
    int
        Number of jobs that were taken up.
    """
    with open_store(settings) as store, Presence(settings) as presence, ExitStack() as stack:
        workers = pool if pool is not None else stack.enter_context(make_pool(settings))
        worker = _Worker(store, settings, presence, workers, on_progress, kinds or kinds_of_workers(apart=False))
        if ready:
            worker.get_ready()
        taken = 0
        only = job_id
        if run_id is not None:
            only = store.runs.job_id(run_id)
        elif audit_id is not None:
            only = store.audits.job_id(audit_id)
        # Who asks for a certain one wants it taken up before anybody else does.
        collected = time.monotonic() if only is not None else worker.collect()
        busy = time.monotonic()
        while True:
            did = worker.take_up(only)
            if did:
                taken += 1
                busy = time.monotonic()
                continue
            idle = time.monotonic() - busy
            if should_stop(idle) or (did is not None and (until_idle or only is not None)):
                return taken
            if idle >= KEEP_POOL_SECONDS and pool is None:
                workers.end()
            if time.monotonic() - collected >= collect_seconds:
                collected = worker.collect()
            time.sleep(poll_seconds)


class _Worker:
    """Looks for work and does it."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        presence: Presence,
        pool: WorkerPool,
        on_progress: Report | None,
        kinds: Collection[str],
    ) -> None:
        self._store = store
        self._settings = settings
        self._presence = presence
        self._pool = pool
        self._on_progress = on_progress
        self._kinds = kinds

    def get_ready(self) -> None:
        """Start the processes; where that does not work, whoever needs them will be told."""
        try:
            self._pool.get_ready()
        except FaceprivError as error:
            _log.warning("%s", error)

    def take_up(self, only: int | None) -> bool | None:
        """Do the oldest job that waits; return whether there was one.

        None where that cannot be told: a database that is locked, away or full is no end, and the caller tries again.

        Parameters
        ----------
        only
            Number of the one job that may be taken up; None for any.
        """
        owner, store = self._presence.owner, self._store
        try:
            job = self._claim(only)
            if job is None:
                return False
            kind = registry.create(job.kind)
            kind.execute(store, self._settings, job, owner, pool=self._pool, on_progress=self._on_progress)
        except (StoreBusyError, StorageFullError, OSError) as error:
            _log.warning("%s", error)
            return None
        return True

    def _claim(self, only: int | None) -> JobRecord | None:
        jobs = self._store.jobs
        gone = self._presence.gone(jobs.owners())
        anywhere = []
        for name in self._kinds:
            here = registry.create(name).find_here(self._store, self._settings)
            if here is None:
                anywhere.append(name)
            for number in here or ():
                if only in (None, number) and (job := jobs.claim(self._presence.owner, only=number, gone=gone)):
                    return job
        return jobs.claim(self._presence.owner, kinds=anywhere, only=only, gone=gone) if anywhere else None

    def collect(self) -> float:
        """Clear away what interrupted imports, runs and workers have left; return when."""
        try:
            self._store.collect()
            self._presence.tidy(self._store.jobs.owners())
        except (FaceprivError, OSError) as error:
            # Runs do not depend on it, and the next worker tries again.
            _log.warning("Leftovers could not be cleared away: %s", error)
        return time.monotonic()
