"""The processes that compute for a worker: started when first needed, and ended with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from facepriv.config import Settings
from facepriv.services.judging import MOST_LESSONS, load_detector, start_process
from facepriv.services.runs import processes

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Crew:
    """The processes that compute, started when first needed and kept from run to run while runs wait.

    Starting one takes seconds: libraries are imported, weights checked and loaded.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool: ProcessPoolExecutor | None = None
        self._context = multiprocessing.get_context("spawn")
        self.steps: Any = self._context.Array("q", 2 * MOST_LESSONS, lock=False)
        """Steps done and steps in all of every lesson under way."""

    def pool(self) -> ProcessPoolExecutor:
        """Give the pool; processes are added as they are needed."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                max_workers=processes(self._settings),
                mp_context=self._context,
                initializer=start_process,
                initargs=(self._settings, self.steps),
            )
        return self._pool

    def get_ready(self) -> None:
        """Start the processes ahead of the first run, while something else is being done."""
        pool = self.pool()
        with one_thread_each(), no_interrupt():
            for _ in range(processes(self._settings)):
                pool.submit(load_detector)

    def end(self, *, at_once: bool = False) -> None:
        """End the processes: once they are done with what they are at, or at once."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        # Public ways to end a pool's processes at once come with Python 3.14 only.
        started = list((pool._processes or {}).values())
        pool.shutdown(wait=not at_once, cancel_futures=True)
        if at_once:
            for process in started:
                process.terminate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(at_once=error is not None)


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
