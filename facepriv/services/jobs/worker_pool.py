"""The processes that compute for a worker: started when first needed, and ended with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import TracebackType
from typing import Any, ClassVar, Self

from facepriv.config import Settings
from facepriv.services.jobs.pool_process import MOST_LESSONS, JobRef, load_detector, start_process
from facepriv.services.jobs.processes import processes

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerPool(ABC):
    """Processes that compute, here or elsewhere; what they compute does not depend on who and how many they are.

    They are started when first needed and kept from run to run while runs wait. Starting one takes seconds: libraries
    are imported, weights checked and loaded.
    """

    lost: ClassVar[tuple[type[Exception], ...]]
    """What a call raises if a process was lost over it."""
    breaks: ClassVar[bool]
    """Whether a lost process takes all other calls along, so that nobody knows which call it was lost over."""

    @property
    @abstractmethod
    def width(self) -> int:
        """How many calls are computed at once."""

    @abstractmethod
    def submit(self, function: Callable[..., Any], /, *given: Any) -> Future[Any]:
        """Have a function called in one of the processes."""

    @abstractmethod
    def job(self, job: JobRef) -> Any:
        """Return what is handed over with every call so that a process knows what it works for."""

    @abstractmethod
    def steps(self) -> tuple[int, int]:
        """Return steps done and steps in all of the lessons under way, as far as known."""

    @abstractmethod
    def forget_steps(self) -> None:
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


class LocalPool(WorkerPool):
    """A pool of processes on this machine."""

    lost = (BrokenProcessPool,)
    breaks = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool: ProcessPoolExecutor | None = None
        self._context = multiprocessing.get_context("spawn")
        self._steps: Any = self._context.Array("q", 2 * MOST_LESSONS, lock=False)

    @property
    def width(self) -> int:
        """How many processes there are at most."""
        return processes(self._settings)

    def submit(self, function: Callable[..., Any], /, *given: Any) -> Future[Any]:
        """Have a function called in one of the processes; they are added as they are needed."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                max_workers=self.width,
                mp_context=self._context,
                initializer=start_process,
                initargs=(self._settings, self._steps),
            )
        with one_thread_each(), no_interrupt():
            return self._pool.submit(function, *given)

    def job(self, job: JobRef) -> JobRef:
        """Return the reference itself: a process here reads the rest in the database."""
        return job

    def steps(self) -> tuple[int, int]:
        """Return steps done and steps in all of the lessons under way."""
        return sum(self._steps[::2]), sum(self._steps[1::2])

    def forget_steps(self) -> None:
        """Forget the steps of lessons that are over."""
        self._steps[:] = [0] * (2 * MOST_LESSONS)

    def end(self, *, at_once: bool = False) -> None:
        """End the processes."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        # Public ways to end a pool's processes at once come with Python 3.14 only.
        started = list((pool._processes or {}).values())
        pool.shutdown(wait=not at_once, cancel_futures=True)
        if at_once:
            for process in started:
                process.terminate()


def make_pool(settings: Settings) -> WorkerPool:
    """Make the crew that the settings ask for: processes here, or those of a Dask cluster."""
    if settings.executor == "dask":
        from facepriv.services.jobs.dask_pool import DaskPool

        return DaskPool(settings)
    return LocalPool(settings)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let processes started inside the block use one thread for each library: the processes are the parallelism."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def no_interrupt() -> Iterator[None]:
    """Put Ctrl+C off while a pool may be starting a process.

    A start that is cut short leaves the new process without its instructions, and it says so with a traceback in the
    user's terminal. The mask is for the new process, which keeps it: the worker alone decides what becomes of a run.
    The handler is for this one, since another thread may still take the signal.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    came: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if came:
            signal.raise_signal(signal.SIGINT)
