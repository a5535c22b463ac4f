"""The processes that compute for a worker: started when first needed, and ended with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, ClassVar, Self

from facepriv.config import Settings
from facepriv.services.jobs.pool_process import MAX_LESSONS, JobRef, load_detector
from facepriv.services.jobs.process_start import answer_calls


@dataclass(frozen=True)
class Pace:
    """How calls are handed to a pool, and how often whoever waits for them gives a sign of life."""

    chunk_seconds: float = 0.5
    """A chunk holds as many items as take about so long ..."""
    largest_chunk: int = 16
    """... but at most so many."""
    ahead: int = 4
    """Chunks handed out for each process: so many that none waits for the worker to write down what was done."""
    heartbeat_seconds: float = 1.0
    """Longest time between two signs of life, and so between a wish to cancel and its being heard."""
    report_seconds: float = 0.5
    """Least time between two signs of life within a stage."""


def processes(settings: Settings) -> int:
    """Return how many processes compute on this machine."""
    if settings.workers:
        return settings.workers
    # Where the system says which cores this process may use, those count, not all there are.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class WorkerPool(ABC):
    """Processes that compute, here or elsewhere; what they compute does not depend on who and how many they are.

    They are started when first needed and kept from run to run while runs wait. Starting one takes seconds: libraries
    are imported, weights checked and loaded.
    """

    lost: tuple[type[Exception], ...]
    """What a call raises if a process was lost over it."""
    blames_bystanders: ClassVar[bool]
    """Whether calls that only waited for a process that was lost count as lost, too."""
    max_crashes: ClassVar[int]
    """How often an item that was handed out alone may lose its process until it is given up."""

    def __init__(self, settings: Settings, pace: Pace | None = None) -> None:
        self.settings = settings
        self.pace = pace or Pace()

    @property
    @abstractmethod
    def width(self) -> int:
        """How many calls are computed at once."""

    @abstractmethod
    def submit(self, function: Callable[..., Any], /, *given: Any) -> Future[Any]:
        """Have a function called in one of the processes."""

    @abstractmethod
    def job(self, job: JobRef) -> Any:
        """Return what every call is given, so that a process knows its job."""

    @abstractmethod
    def steps(self) -> tuple[int, int]:
        """Return steps done and steps in all of the lessons under way, as far as known."""

    @abstractmethod
    def reset_steps(self) -> None:
        """Forget the steps of lessons that are over."""

    @abstractmethod
    def end(self, *, at_once: bool = False) -> None:
        """End the processes: once they are done with what they are at, or at once. The next call starts new ones."""

    def get_ready(self) -> None:
        """Start the processes ahead of the first run, while something else is being done."""
        for _ in range(self.width):
            self.submit(load_detector)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(at_once=error is not None)


class ProcessLostError(Exception):
    """A process died over a call."""


class LocalPool(WorkerPool):
    """Processes on this machine: one that dies takes only its own call along, and the next call starts another.

    Each belongs to a thread, which hands it one call after the other.
    """

    lost = (ProcessLostError,)
    blames_bystanders = False
    max_crashes = 3

    def __init__(self, settings: Settings, pace: Pace | None = None) -> None:
        super().__init__(settings, pace)
        self._context = multiprocessing.get_context("spawn")
        self._steps: Any = self._context.Array("q", 2 * MAX_LESSONS, lock=False)
        self._threads: ThreadPoolExecutor | None = None

    @property
    def width(self) -> int:
        """How many processes there are at most."""
        return processes(self.settings)

    def submit(self, function: Callable[..., Any], /, *given: Any) -> Future[Any]:
        """Have a function called in one of the processes; they are added as they are needed."""
        if self._threads is None:
            pool_end, self._keep_open = self._context.Pipe(duplex=False)
            self._process = _ProcessOfThread(self.settings, self._steps, pool_end)
            self._threads = ThreadPoolExecutor(self.width)
        return self._threads.submit(self._process.call, function, *given)

    def job(self, job: JobRef) -> JobRef:
        """Return the reference itself: a process here reads the rest in the database."""
        return job

    def steps(self) -> tuple[int, int]:
        """Return steps done and steps in all of the lessons under way."""
        return sum(self._steps[::2]), sum(self._steps[1::2])

    def reset_steps(self) -> None:
        """Forget the steps of lessons that are over."""
        self._steps[:] = [0] * (2 * MAX_LESSONS)

    def end(self, *, at_once: bool = False) -> None:
        """End the processes."""
        threads, self._threads = self._threads, None
        if threads is None:
            return
        if at_once:
            self._keep_open.close()
        threads.shutdown(cancel_futures=True)
        self._keep_open.close()


class _ProcessOfThread(threading.local):
    """The process that belongs to the present thread, started when it is first needed and after a loss."""

    def __init__(self, settings: Settings, steps: Any, pool_end: Connection) -> None:
        self._given = (settings, steps, pool_end)
        self._calls: Connection | None = None

    def call(self, function: Callable[..., Any], /, *given: Any) -> Any:
        """Call a function in the process. Raises ProcessLostError if the process dies."""
        try:
            calls = self._calls or self._start()
            calls.send((function, given))
            result, error = calls.recv()
        except (EOFError, OSError) as lost:
            self._calls = None
            raise ProcessLostError("A process that computes was lost.") from lost
        if error is not None:
            raise error
        return result

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        calls, other_end = context.Pipe()
        # Inherited by the process: Ctrl+C reaches all of a terminal, but the worker alone decides what it means. The
        # tracker's start would undo it, so it comes first.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        context.Process(target=answer_calls, args=(other_end, *self._given), daemon=True).start()
        # Without a copy here, the end of the process is the end of the pipe, even amid a result.
        other_end.close()
        self._calls = calls
        return calls


def make_pool(settings: Settings) -> WorkerPool:
    """Make the pool that the settings ask for: processes here, or those of a Dask cluster."""
    if settings.executor == "dask":
        from facepriv.services.jobs.dask_pool import DaskPool

        return DaskPool(settings)
    return LocalPool(settings)
