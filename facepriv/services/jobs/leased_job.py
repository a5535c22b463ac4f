"""Work that a worker holds by a lease: signs of life while it computes, and an end that is always written down."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from itertools import islice
from typing import Any, Generic, TypeVar

from facepriv.config import Settings
from facepriv.errors import CancelledError, FaceprivError, StorageFullError, StoreBusyError, StoreError
from facepriv.measures.faults import log_fault
from facepriv.services.jobs.pool_process import JobRef, run_timed
from facepriv.services.jobs.worker_pool import WorkerPool
from facepriv.store import LeaseLostError, Store
from facepriv.store.queue import QueueStore

Report = Callable[[int, str, int, int], None]
"""Called with the number of the run or audit, stage, steps done and steps in all."""

HEARTBEAT_SECONDS = 1.0
"""Longest time between two signs of life, and so between a wish to cancel and its being heard."""
TELL_SECONDS = 0.5
"""Least time between two signs of life within a stage."""
CHUNK_SECONDS, LARGEST_CHUNK = 0.5, 16
"""What is handed to a process at a time: as many items as take about so long, but at most so many."""
AHEAD = 4
"""Chunks handed out for each process: so many that none waits for the worker to write down what was done."""
MOST_CRASHES = 3
"""How often a single item may take its process down until it is given up."""
MOST_CRASHED_IN_A_ROW = 3
"""Items given up one after the other until the work is: it is not the items, then."""
PATIENCE_SECONDS = 600.0
"""How long to wait for a database that is locked or away, or for an artifact store that is."""
PAUSE_BEATS = 5
"""Heartbeats between two tries at an artifact store that is away."""
_T = TypeVar("_T")
_I = TypeVar("_I", bound=Hashable)
_log = logging.getLogger(__name__)


class Crashed:
    """In place of a result: the process was lost each time that it was at this item."""


CRASHED = Crashed()


class LeasedJob:
    """One run or audit under way."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        queue: QueueStore,
        number: int,
        owner: str,
        pool: WorkerPool,
        on_progress: Report | None,
    ) -> None:
        self.store = store
        self.settings = settings
        self.queue = queue
        self.number = number
        self.owner = owner
        self.pool = pool
        self.on_progress = on_progress
        self._last: tuple[str, int, int] = ("", 0, 0)
        self._beaten = time.monotonic()

    def compute_in_pool(
        self,
        function: Callable[[Any, Sequence[Any]], list[Any]],
        ref: JobRef,
        items: Iterable[_I],
        *,
        one_by_one: bool = False,
        progress: Callable[[], tuple[str, int, int]] | None = None,
    ) -> Iterator[tuple[_I, Any]]:
        """Yield items with their results as they are done, with a heartbeat at least every second.

        Items are handed out in chunks. One over which its process is lost, again and again, has `CRASHED` for a result;
        the others that were under way then are computed anew.

        Parameters
        ----------
        function
            Called in a process with the job and some items; gives a result for each.
        one_by_one
            Never hand out several at once, for long ones.
        progress
            Gives stage, steps done and steps in all while calls are under way, if they tell.

        Raises
        ------
        FaceprivError
            If several items in a row take their processes down.
        """
        job = self.pool.job(ref)
        chunks = _Chunks(items, 1 if one_by_one else LARGEST_CHUNK)
        waiting: dict[Future[Any], list[_I]] = {}
        crashes: Counter[_I] = Counter()
        given_up = 0
        away: float | None = None
        while True:
            lost, busy = self._hand_out((run_timed, function, job), chunks, waiting), None
            if not waiting and not lost:
                return
            done, _ = wait(waiting, timeout=0 if lost else HEARTBEAT_SECONDS, return_when=FIRST_COMPLETED)
            if not done and not lost:
                self.heartbeat(*(self._last if progress is None else progress()))
            for future in done:
                if future.cancelled():
                    raise FaceprivError(
                        "The processes that compute were expected to answer, but the connection to them was lost; see "
                        "that the cluster's scheduler runs, and resume."
                    )
                error = future.exception()
                if isinstance(error, self.pool.lost):
                    lost.append(waiting[future])
                    continue
                chunk = waiting.pop(future)
                if isinstance(error, StoreBusyError):
                    chunks.again([chunk])
                    busy = error
                    continue
                results, seconds = future.result()
                chunks.took(len(chunk), seconds)
                given_up, away = 0, None
                yield from zip(chunk, results, strict=True)
            if busy is not None:
                away = self._wait_for_artifacts(busy, away)
            if not lost:
                continue
            alone = chunks.alone
            if self.pool.breaks:
                # All calls are lost with one process; those handed out first were under way.
                under_way = [*waiting.values(), *(chunk for chunk in lost if chunk not in waiting.values())]
                self.pool.end(at_once=True)
                waiting.clear()
                chunks.again(under_way[self.pool.width :])
                lost = under_way[: self.pool.width]
            else:
                for future in [future for future, chunk in waiting.items() if chunk in lost]:
                    del waiting[future]
            if not alone:
                self.note("A process that computes was lost; what it was at is computed again, one by one.")
                chunks.suspect(item for chunk in lost for item in chunk)
                continue
            (item,) = lost[0]
            crashes[item] += 1
            # A cluster has tried elsewhere already by the time it tells of a loss.
            if self.pool.breaks and crashes[item] < MOST_CRASHES:
                self.note("A process that computes was lost; what it was at is computed again.")
                chunks.suspect([item])
                continue
            given_up += 1
            if given_up >= MOST_CRASHED_IN_A_ROW:
                raise FaceprivError(
                    "Processes that compute are lost again and again, perhaps for lack of memory; look at what the "
                    "worker logged, allow fewer processes (FACEPRIV_WORKERS=1), and resume."
                )
            yield item, CRASHED

    def _hand_out(
        self, call: tuple[Any, ...], chunks: _Chunks[_I], waiting: dict[Future[Any], list[_I]]
    ) -> list[list[_I]]:
        """Hand out chunks until each process has enough; return those that could not be, since a process was lost."""
        ahead = AHEAD * self.pool.width
        while len(waiting) < ahead:
            chunk = chunks.next(nothing_else=not waiting)
            if not chunk:
                break
            try:
                waiting[self.pool.submit(*call, chunk)] = chunk
            except self.pool.lost:
                if not waiting:
                    # It was lost while nothing was under way, and so over nothing.
                    self.pool.end(at_once=True)
                    if chunks.alone:
                        chunks.suspect(chunk)
                    else:
                        chunks.again([chunk])
                    continue
                return [chunk]
        return []

    def _wait_for_artifacts(self, error: StoreBusyError, since: float | None) -> float:
        """Wait a while for an artifact store that is away since a time, None for now; return since when it is.

        Raises
        ------
        StoreBusyError
            The error itself, if that is too long.
        """
        begun = time.monotonic() if since is None else since
        if time.monotonic() - begun > PATIENCE_SECONDS:
            raise error
        _log.warning("%s Trying again.", error)
        for _ in range(PAUSE_BEATS):
            time.sleep(HEARTBEAT_SECONDS)
            self.heartbeat(*self._last)
        return begun

    def run_in_thread(self, work: Callable[[Callable[[], None]], _T]) -> _T:
        """Compute in a thread of this process, so that the lease is kept and a wish to cancel is heard meanwhile.

        Parameters
        ----------
        work
            Called with a check that it is to call now and then, and that raises once the work is not wanted any more.

        Raises
        ------
        CancelledError
            As soon as the user wants it cancelled, even if the thread goes on until its next check.
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

        # A daemon, so that no worker that is told to end waits for it.
        threading.Thread(target=compute, daemon=True).start()
        try:
            while not wait([future], timeout=HEARTBEAT_SECONDS).done:
                self.heartbeat(*self._last)
            return future.result()
        finally:
            unwanted.set()

    def heartbeat(self, stage: str, done: int, total: int) -> None:
        """Say that the worker is alive and how far it is; raise if the user wants it cancelled."""
        now = time.monotonic()
        news = stage != self._last[0] or done == total
        self._last = (stage, done, total)
        if news or now - self._beaten >= TELL_SECONDS:
            seconds = now - self._beaten
            if retry_while_busy(
                lambda: self.queue.heartbeat(self.number, self.owner, stage, done, total, seconds=seconds)
            ):
                raise CancelledError("It was cancelled.")
            self._beaten = now
        if self.on_progress is not None:
            self.on_progress(self.number, stage, done, total)

    def note(self, text: str) -> None:
        """Add a line to what becomes of it, and to the worker's own log."""
        _log.warning("%s %d: %s", type(self).__name__.strip("_"), self.number, text)
        retry_while_busy(lambda: self.queue.note(self.number, self.owner, text))


class _Chunks(Generic[_I]):
    """What is still to be handed out: suspects alone, then what was lost with them, then the rest in chunks."""

    def __init__(self, items: Iterable[_I], largest: int) -> None:
        self._left = iter(items)
        self._again: deque[list[_I]] = deque()
        self._suspects: deque[_I] = deque()
        self._largest = largest
        self._size = 1
        self.alone = False
        """Whether what was handed out last is a suspect with nothing beside it."""

    def next(self, *, nothing_else: bool) -> list[_I]:
        """Return the next chunk; none where there is none, or where it or what is under way has to be alone.

        Parameters
        ----------
        nothing_else
            Whether nothing is under way.
        """
        if nothing_else:
            self.alone = bool(self._suspects)
            if self.alone:
                return [self._suspects.popleft()]
        if self.alone or self._suspects:
            return []
        if self._again:
            return self._again.popleft()
        return list(islice(self._left, self._size))

    def took(self, items: int, seconds: float) -> None:
        """Learn how long some items took."""
        self._size = max(1, min(self._largest, int(CHUNK_SECONDS * items / max(seconds, 1e-9))))

    def again(self, chunks: Iterable[list[_I]]) -> None:
        """Put chunks back, to be handed out before what is left."""
        self._again.extendleft(reversed(list(chunks)))

    def suspect(self, items: Iterable[_I]) -> None:
        """Put items back, to be handed out one by one with nothing beside them."""
        self._suspects.extendleft(reversed(list(items)))


def retry_while_busy(
    act: Callable[[], _T],
    patience: float = PATIENCE_SECONDS,
    *,
    over: tuple[type[StoreError], ...] = (StoreBusyError,),
) -> _T:
    """Write to the database, waiting while it is locked or away, or over other trouble that is named.

    Raises
    ------
    StoreError
        If it is so for longer than ``patience`` seconds.
    """
    until, pause, told = time.monotonic() + patience, 0.5, False
    while True:
        try:
            return act()
        except over as error:
            if time.monotonic() > until:
                raise
            if not told:
                _log.warning("%s Trying again.", error)
                told = True
            time.sleep(pause)
            pause = min(2 * pause, 10.0)


def execute_leased(queue: QueueStore, number: int, owner: str, noun: str, work: Callable[[], None]) -> None:
    """Do claimed work to its end, whatever it is; the reason of a failure is stored.

    One failure, however unexpected, does not end the worker that others wait for.

    Parameters
    ----------
    work
        Computes and writes down the result.
    """

    def fail(sentence: str) -> None:
        # A disk that is full has no room for this line either.
        retry_while_busy(lambda: queue.fail(number, owner, sentence), over=(StoreBusyError, StorageFullError))

    try:
        # Whatever the end was, what another worker has taken over is that worker's to end.
        with suppress(LeaseLostError):
            try:
                work()
            except LeaseLostError:
                raise
            except CancelledError:
                retry_while_busy(lambda: queue.mark_cancelled(number, owner))
            except FaceprivError as error:
                fail(str(error))
            except Exception as error:
                log_fault(_log, f"{noun.capitalize()} {number} stopped unexpectedly", error)
                fail(
                    f"The {noun} stopped at an unexpected {type(error).__name__}, a fault of facepriv or of a plug-in; "
                    "report it with what the worker logged."
                )
    except (KeyboardInterrupt, SystemExit):
        # Where even this fails, the lock that the worker lets go tells others that it is gone.
        with suppress(FaceprivError):
            queue.release(number, owner)
        raise
