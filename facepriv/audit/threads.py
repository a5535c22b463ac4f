"""Work on pieces in threads, one core each."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

Piece = TypeVar("Piece")
Found = TypeVar("Found")

MOST_THREADS = 8


def no_check() -> None:
    """Check nothing."""


def map_in_threads(
    work: Callable[[Piece], Found],
    pieces: Iterable[Piece],
    take: Callable[[Found], None],
    *,
    check: Callable[[], None] = no_check,
) -> None:
    """Do ``work`` on every piece in as many threads as there are cores, and ``take`` what it gives, in order.

    BLAS works with one thread meanwhile: the pieces are the parallelism, and a product of matrices has the same bits
    whatever number of threads BLAS was set to. A few pieces at a time are under way.

    Parameters
    ----------
    work : pure, and mostly in code that lets other threads run.
    pieces : asked for one after the other, in the calling thread.
    take : called in the calling thread.
    check : called in the calling thread before every piece is taken; what it raises ends the work.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = min(cores, MOST_THREADS)
    under_way: deque[Future[Found]] = deque()
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        for piece in pieces:
            under_way.append(pool.submit(work, piece))
            if len(under_way) > 2 * threads:
                check()
                take(under_way.popleft().result())
        while under_way:
            check()
            take(under_way.popleft().result())
