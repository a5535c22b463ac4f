"""One function called for many items in a pool: handed out in chunks, and again where a process was lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice
from typing import Any, Generic, TypeVar

from facepriv.errors import FaceprivError, StoreBusyError
from facepriv.services.jobs.pool_process import compute_chunk
from facepriv.services.jobs.worker_pool import WorkerPool
from facepriv.stopwatch import NOTHING, Taken

MAX_CRASHED_IN_A_ROW = 3
"""Items given up one after the other until the work is: it is not the items, then."""
_I = TypeVar("_I", bound=Hashable)


class Crashed:
    """In place of a result: the process was lost each time that it was at this item."""


CRASHED = Crashed()


class PoolCalls(Generic[_I]):
    """The calls of one function, as of `LeasedJob.compute_in_pool`, for many items of what `WorkerPool.job` returned.

    At most ``largest_chunk`` items are handed out at once, by default as many as the pool allows; ``note`` is called
    with a sentence when a process was lost.
    """

    def __init__(
        self,
        pool: WorkerPool,
        function: Callable[[Any, Sequence[_I]], list[Any]],
        job: Any,
        items: Iterable[_I],
        *,
        largest_chunk: int | None = None,
        note: Callable[[str], None],
    ) -> None:
        self.busy: StoreBusyError | None = None
        """Why calls that ended last have to be made again, if the artifact store was away."""
        self.taken: dict[str, Taken] = {}
        """What the pieces of the calls took in the processes, by name."""
        self._pool = pool
        self._call = (compute_chunk, function, job)
        self._largest_chunk = largest_chunk or pool.pace.largest_chunk
        self._note = note
        self._left = iter(items)
        self._again: deque[list[_I]] = deque()
        self._size = 1
        self._under_way: dict[Future[Any], list[_I]] = {}
        self._suspects: dict[_I, int] = {}
        """Items over which a process may have been lost, each handed out alone since, and how often it was lost so."""
        self._crashed_in_a_row = 0

    def hand_out(self) -> bool:
        """Hand out chunks until every process has enough; return whether any is under way."""
        # Where a loss is blamed on bystanders, too, each suspect is tried with nothing beside it.
        alone = self._suspects and self._pool.blames_bystanders
        most = 1 if alone else self._pool.pace.ahead * self._pool.width
        while len(self._under_way) < most:
            chunk = self._again.popleft() if self._again else list(islice(self._left, self._size))
            if not chunk:
                break
            self._under_way[self._pool.submit(*self._call, chunk)] = chunk
        return bool(self._under_way)

    def wait(self, seconds: float) -> list[tuple[_I, Any]]:
        """Wait for calls to end; return items with their results, `CRASHED` for one that is given up.

        Raises FaceprivError if several items in a row took their processes down, or the connection to them was lost.
        """
        self.busy = None
        results: list[tuple[_I, Any]] = []
        done, _ = wait(self._under_way, timeout=seconds, return_when=FIRST_COMPLETED)
        for future in done:
            results += self._results(self._under_way.pop(future), future)
        return results

    def _results(self, chunk: list[_I], future: Future[Any]) -> list[tuple[_I, Any]]:
        if future.cancelled():
            raise FaceprivError(
                "The processes that compute were expected to answer, but the connection to them was lost; see that the "
                "cluster's scheduler runs, and resume."
            )
        try:
            results, seconds, taken = future.result()
        except self._pool.lost:
            return self._suspect(chunk) if chunk[0] not in self._suspects else self._try_again(chunk[0])
        except StoreBusyError as error:
            self._again.appendleft(chunk)
            self.busy = error
            return []
        for what, each in taken.items():
            self.taken[what] = self.taken.get(what, NOTHING).plus(each)
        fitting = int(self._pool.pace.chunk_seconds * len(chunk) / max(seconds, 1e-9))
        self._size = max(1, min(self._largest_chunk, fitting))
        self._crashed_in_a_row = 0
        for item in chunk:
            self._suspects.pop(item, None)
        return list(zip(chunk, results, strict=True))

    def _suspect(self, chunk: list[_I]) -> list[tuple[_I, Any]]:
        self._note("A process that computes was lost; what it was at is computed again, one by one.")
        self._suspects.update(dict.fromkeys(chunk, 0))
        self._again.extendleft([item] for item in reversed(chunk))
        return []

    def _try_again(self, item: _I) -> list[tuple[_I, Any]]:
        self._suspects[item] += 1
        if self._suspects[item] < self._pool.max_crashes:
            self._note("A process that computes was lost; what it was at is computed again.")
            self._again.appendleft([item])
            return []
        del self._suspects[item]
        self._crashed_in_a_row += 1
        if self._crashed_in_a_row >= MAX_CRASHED_IN_A_ROW:
            raise FaceprivError(
                "Processes that compute are lost again and again, perhaps for lack of memory; look at what the worker "
                "logged, allow fewer processes (FACEPRIV_WORKERS=1), and resume."
            )
        return [(item, CRASHED)]
