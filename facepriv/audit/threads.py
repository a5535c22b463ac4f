"""A function mapped over items in threads, one core each."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_THREADS = 8


def no_check() -> None:
    """Check nothing."""


def map_in_threads(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    take: Callable[[Result], None],
    *,
    check: Callable[[], None] = no_check,
) -> None:
    """Call ``function`` on every item in as many threads as there are cores, and ``take`` its results in order.

    BLAS uses one thread meanwhile: the items are the parallelism, and a product of matrices has the same bits whatever
    number of threads BLAS was set to. A few items at a time are being computed.

    Parameters
    ----------
    function : pure, and mostly in code that lets other threads run.
    items : taken one after the other, in the calling thread.
    take : called in the calling thread.
    check : called in the calling thread before every result is taken; what it raises ends the work.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = min(cores, MOST_THREADS)
    pending: deque[Future[Result]] = deque()
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > 2 * threads:
                check()
                take(pending.popleft().result())
        while pending:
            check()
            take(pending.popleft().result())
