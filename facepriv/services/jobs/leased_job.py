"""Work that a worker holds by a lease: signs of life while it computes, and an end that is always written down."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeVar

from facepriv.config import Settings
from facepriv.errors import CancelledError, FaceprivError, StorageFullError, StoreBusyError, StoreError
from facepriv.measures.compute import Measure, MeasureTask, MeasuringPool, compute, compute_task
from facepriv.measures.faults import log_fault, unexpected
from facepriv.measures.stored_faces import StoredFace
from facepriv.services.jobs.pool_calls import Crashed, PoolCalls
from facepriv.services.jobs.pool_process import Job, JobRef, artifacts
from facepriv.services.jobs.speeds import ALONE, REST, keep_speeds
from facepriv.services.jobs.worker_pool import WorkerPool
from facepriv.stopwatch import NOTHING, Taken, piece
from facepriv.store import JobRecord, LeaseLostError, Store
from facepriv.store.measures import Vector

Report = Callable[[int, str, int, int], None]
"""Called with the number of the run or audit, stage, steps done and steps in all."""

PATIENCE_SECONDS = 600.0
"""How long to wait for a database that is locked or away, or for an artifact store that is."""
PAUSE_HEARTBEATS = 5
"""Heartbeats between two tries at an artifact store that is away."""
_T = TypeVar("_T")
_I = TypeVar("_I", bound=Hashable)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim:
    """A job that a worker has taken up, and all that it is done with."""

    store: Store
    settings: Settings
    job: JobRecord
    owner: str
    """The worker."""
    pool: WorkerPool
    on_progress: Report | None = None


class LeasedJob(ABC):
    """One job under way, which a worker holds; ``number`` is that of the run, the audit, or else the job."""

    noun: ClassVar[str]
    """What people call such a job."""

    def __init__(self, claim: Claim, number: int) -> None:
        self.store, self.settings, self.pool = claim.store, claim.settings, claim.pool
        self.job, self.job_id, self.owner = claim.job, claim.job.id, claim.owner
        self.number = number
        self.title = f"{self.noun} {number}"
        self._on_progress = claim.on_progress
        self._progress: tuple[str, int, int] = ("", 0, 0)
        self._last_heartbeat = time.monotonic()
        self._begun = time.perf_counter()
        self._calls: list[dict[str, Taken]] = []
        self.alone = 0.0
        """Seconds that this process was at something while nothing else of the job went on."""

    def execute(self) -> None:
        """Do the job to its end, whatever it is; the reason of a failure is stored.

        One failure, however unexpected, does not end the worker that others wait for.
        """
        jobs, job_id, owner = self.store.jobs, self.job_id, self.owner
        try:
            # Whatever the end was, what another worker has taken over is that worker's to end.
            with suppress(LeaseLostError):
                try:
                    self.work()
                    self._keep_speeds()
                except LeaseLostError:
                    raise
                except CancelledError:
                    retry_while_busy(lambda: jobs.mark_cancelled(job_id, owner))
                except FaceprivError as error:
                    self._fail(str(error))
                except Exception as error:
                    log_fault(_log, f"{self.title.capitalize()} stopped unexpectedly", error)
                    self._fail(unexpected(f"The {self.noun} stopped", error))
        except (KeyboardInterrupt, SystemExit):
            # Where even this fails, the lock that the worker lets go tells others that it is gone.
            with suppress(FaceprivError):
                jobs.release(job_id, owner)
            raise

    def _fail(self, sentence: str) -> None:
        # A disk that is full has no room for this line either.
        over = (StoreBusyError, StorageFullError)
        retry_while_busy(lambda: self.store.jobs.fail(self.job_id, self.owner, sentence), over=over)

    @abstractmethod
    def work(self) -> None:
        """Compute the result and store it."""

    def compute_in_pool(
        self,
        function: Callable[[Any, Sequence[Any]], list[Any]],
        load: Callable[[Store, int], Any],
        items: Iterable[_I],
        *,
        one_by_one: bool = False,
        progress: Callable[[], tuple[str, int, int]] | None = None,
    ) -> Iterator[tuple[_I, Any]]:
        """Yield items with their results as they are done, with a heartbeat at least every second.

        Items are handed out in chunks. One at which its process dies again and again has `CRASHED` for a result.

        Raises FaceprivError if several items in a row take their processes down.

        Parameters
        ----------
        function
            Called in a process with the job and some items; returns a result for each.
        load
            Reads what the processes need to know of the job, by its number.
        one_by_one
            Never hand out several at once, for long ones.
        progress
            Called while calls are under way; returns stage, steps done and steps in all.
        """
        job = self.pool.job(JobRef(load, self.number, self.owner, self.job.attempts))
        largest = 1 if one_by_one else None
        calls = PoolCalls(self.pool, function, job, items, largest_chunk=largest, note=self.note)
        self._calls.append(calls.taken)
        away_since: float | None = None
        while calls.hand_out():
            results = calls.wait(self.pool.pace.heartbeat_seconds)
            yield from results
            if calls.busy is not None:
                away_since = self._wait_for_artifacts(calls.busy, away_since)
            elif results:
                away_since = None
            else:
                self.heartbeat(*(self._progress if progress is None else progress()))

    def compute_measures(
        self, images: Mapping[_I, StoredFace], measures: Sequence[Measure], stage: str, *, skip_damaged: bool = False
    ) -> dict[str, dict[_I, Vector]]:
        """Return measures of stored images; see `facepriv.measures.compute.compute`."""
        progress = partial(self.heartbeat, stage)
        return compute(self.store, images, measures, LeasedPool(self), progress, skip_damaged=skip_damaged)

    def _wait_for_artifacts(self, error: StoreBusyError, since: float | None) -> float:
        """Wait some heartbeats for an artifact store that is away; return since when it is. Raises it in the end."""
        since = time.monotonic() if since is None else since
        if time.monotonic() - since > PATIENCE_SECONDS:
            raise error
        _log.warning("%s Trying again.", error)
        for _ in range(PAUSE_HEARTBEATS):
            time.sleep(self.pool.pace.heartbeat_seconds)
            self.heartbeat(*self._progress)
        return since

    def run_in_thread(self, work: Callable[[Callable[[], None]], _T]) -> _T:
        """Compute in a thread of this process, so that the lease is kept and a wish to cancel is heard meanwhile.

        The work is given a check to call now and then, which raises once the work is not wanted any more. Raises
        CancelledError as soon as the user wants it cancelled, even if the thread goes on until its next check.
        """
        unwanted = threading.Event()
        future: Future[_T] = Future()

        def check() -> None:
            if unwanted.is_set():
                raise CancelledError("It was cancelled.")

        def compute() -> None:
            try:
                future.set_result(work(check))
            except BaseException as error:
                future.set_exception(error)

        begun = time.perf_counter()
        # A daemon, so that no worker that is told to end waits for it.
        threading.Thread(target=compute, daemon=True).start()
        try:
            while not wait([future], timeout=self.pool.pace.heartbeat_seconds).done:
                self.heartbeat(*self._progress)
            return future.result()
        finally:
            unwanted.set()
            self.count_time(time.perf_counter() - begun)

    def count_time(self, seconds: float) -> None:
        """Count what this process itself was at while nothing else of the job went on."""
        self.alone += seconds

    def count_piece(self, what: str, steps: float, seconds: float) -> None:
        """Count steps of a piece of work that this process itself did."""
        self._calls.append({what: Taken(steps, steps, seconds * max(1, self.pool.width))})

    @property
    def work_and_size(self) -> tuple[str, float]:
        """What the stopwatch calls such a job, and how many images or templates it is about."""
        return self.noun, 1.0

    def _keep_speeds(self) -> None:
        """Keep what the pieces of a whole job took, for the estimates of later ones; nothing depends on it."""
        if self.job.attempts > 1:
            return
        work, size = self.work_and_size
        pieces = {piece(ALONE, work): Taken(1.0, size, self.alone)}
        for calls in self._calls:
            for what, taken in calls.items():
                pieces[what] = pieces.get(what, NOTHING).plus(taken)
        computed = sum(taken.seconds for calls in self._calls for taken in calls.values()) / max(1, self.pool.width)
        rest = max(0.0, time.perf_counter() - self._begun - computed - self.alone)
        pieces[piece(REST, work)] = Taken(1.0, 1.0, rest)
        with suppress(FaceprivError):
            keep_speeds(self.store, pieces)

    def heartbeat(self, stage: str, done: int, total: int) -> None:
        """Tell the queue that the worker is alive and how far it is, if it is time to.

        Raises CancelledError if the user wants the job cancelled.
        """
        now = time.monotonic()
        new_stage_or_end = stage != self._progress[0] or done == total
        self._progress = (stage, done, total)
        if new_stage_or_end or now - self._last_heartbeat >= self.pool.pace.report_seconds:
            seconds = now - self._last_heartbeat
            if retry_while_busy(
                lambda: self.store.jobs.heartbeat(self.job_id, self.owner, stage, done, total, seconds=seconds)
            ):
                raise CancelledError("It was cancelled.")
            self._last_heartbeat = now
        if self._on_progress is not None:
            self._on_progress(self.number, stage, done, total)

    def note(self, text: str) -> None:
        """Add a line to what becomes of it, and to the worker's own log."""
        _log.warning("%s: %s", self.title.capitalize(), text)
        retry_while_busy(lambda: self.store.jobs.note(self.job_id, self.owner, text))


class LeasedPool(MeasuringPool):
    """The pool that `facepriv.measures.compute.compute` is given by a job, whose lease is kept meanwhile."""

    def __init__(self, job: LeasedJob) -> None:
        super().__init__(job.store)
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
        retry_while_busy(lambda: self.store.jobs.progressed(self._job.job_id, self._job.owner))


def load_nothing(store: Store, number: int) -> None:
    """Read nothing, for work that needs to know nothing of its job."""


def compute_in_process(job: Job, tasks: Sequence[MeasureTask]) -> list[dict[str, Vector]]:
    """Call `facepriv.measures.compute.compute_task` in a worker's process."""
    files = artifacts()
    return [compute_task(files, task) for task in tasks]


def retry_while_busy(act: Callable[[], _T], *, over: tuple[type[StoreError], ...] = (StoreBusyError,)) -> _T:
    """Write to the database, waiting while it is locked or away, or over other trouble that is named.

    Raises StoreError if it is so for longer than `PATIENCE_SECONDS`.
    """
    until, pause, logged = time.monotonic() + PATIENCE_SECONDS, 0.5, False
    while True:
        try:
            return act()
        except over as error:
            if time.monotonic() > until:
                raise
            if not logged:
                _log.warning("%s Trying again.", error)
                logged = True
            time.sleep(pause)
            pause = min(2 * pause, 10.0)
