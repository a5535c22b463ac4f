"""Work that a worker holds by a lease: signs of life while it computes, and an end that is always written down."""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar

from facepriv.config import Settings
from facepriv.errors import CancelledError, FaceprivError
from facepriv.services.crew import Crew, no_interrupt
from facepriv.store import LeaseLostError, Store
from facepriv.store.queue import QueueStore

Report = Callable[[int, str, int, int], None]
"""Called with the number of the run or audit, stage, steps done and steps in all."""

HEARTBEAT_SECONDS = 1.0
WINDOW = 200
"""Calls that are in a pool's queue at most: waiting for one of them takes time in proportion to them all."""
_K = TypeVar("_K")
_log = logging.getLogger(__name__)


def new_owner() -> str:
    """Make up a name for a worker that no other has."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


class LeasedWork:
    """One run or audit under way."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        queue: QueueStore,
        number: int,
        owner: str,
        crew: Crew,
        on_progress: Report | None,
    ) -> None:
        self.store = store
        self.settings = settings
        self.queue = queue
        self.number = number
        self.owner = owner
        self.crew = crew
        self.on_progress = on_progress

    def outlast(self, future: Future[Any]) -> None:
        """Keep the lease until a thread has ended; a wish to cancel counts then, since no thread can be stopped."""
        cancelled: CancelledError | None = None
        while not wait([future], timeout=HEARTBEAT_SECONDS).done:
            try:
                self.beat(*self._last)
            except CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled

    def in_windows(
        self,
        pool: ProcessPoolExecutor,
        calls: Iterable[tuple[_K, tuple[Any, ...]]],
        progress: Callable[[], tuple[str, int, int]] | None = None,
    ) -> Iterator[tuple[_K, Any]]:
        """Yield keys and results of calls as they are done, with a heartbeat at least every second.

        Parameters
        ----------
        progress
            Gives stage, steps done and steps in all while calls are under way, if they tell.
        """
        left = iter(calls)
        waiting: dict[Future[Any], _K] = {}
        while True:
            for key, call in islice(left, WINDOW - len(waiting)):
                with no_interrupt():
                    waiting[pool.submit(*call)] = key
            if not waiting:
                return
            done, _ = wait(waiting, timeout=HEARTBEAT_SECONDS, return_when=FIRST_COMPLETED)
            if not done:
                self.beat(*(self._last if progress is None else progress()))
            for future in done:
                yield waiting.pop(future), future.result()

    _last: tuple[str, int, int] = ("", 0, 0)

    def beat(self, stage: str, done: int, total: int) -> None:
        """Say that the worker is alive and how far it is; raise if the user wants it cancelled."""
        self._last = (stage, done, total)
        if self.queue.heartbeat(self.number, self.owner, stage, done, total):
            raise CancelledError("It was cancelled.")
        if self.on_progress is not None:
            self.on_progress(self.number, stage, done, total)


def carry_out(queue: QueueStore, number: int, owner: str, noun: str, work: Callable[[], None]) -> None:
    """Do claimed work to its end, whatever it is; the reason of a failure is stored.

    One failure, however unexpected, does not end the worker that others wait for.

    Parameters
    ----------
    work
        Computes and writes down the result.
    """
    # Whatever the end was, what another worker has taken over is that worker's to end.
    with suppress(LeaseLostError):
        try:
            work()
        except LeaseLostError:
            return
        except CancelledError:
            queue.mark_cancelled(number, owner)
        except FaceprivError as error:
            queue.fail(number, owner, str(error))
        except BrokenProcessPool:
            queue.fail(
                number,
                owner,
                f"A process that computes was ended from outside, perhaps for lack of memory; start the {noun} again "
                "with fewer processes (FACEPRIV_WORKERS=1).",
            )
        except (KeyboardInterrupt, SystemExit):
            with suppress(LeaseLostError):
                queue.release(number, owner)
            raise
        except Exception as error:
            _log.exception("%s %d stopped unexpectedly.", noun.capitalize(), number)
            queue.fail(
                number,
                owner,
                f"The {noun} stopped at an unexpected {type(error).__name__}, a fault of facepriv or of a plug-in; "
                "report it with what the worker logged.",
            )
