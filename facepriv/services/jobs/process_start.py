"""What a process of the local pool does first; nothing heavy is imported before libraries know their threads."""

from __future__ import annotations

import os
import pickle
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from facepriv.config import Settings

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def answer_calls(calls: Connection, settings: Settings, steps: Any, pool_end: Connection) -> None:
    """Be a process of a pool: one thread for each library, one call after the other until the pool ends.

    Parameters
    ----------
    calls
        Gives a function with its arguments, and takes its result, or None, and the error that it raised, or None.
    steps
        Shared integers: steps done and steps in all of every lesson under way, two for each.
    pool_end
        Closed at its other end when the pool is ended at once, and by the system when the worker is killed.
    """
    threading.Thread(target=_end_with_pool, args=(pool_end,), daemon=True).start()
    # The processes are the parallelism.
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    from facepriv.services.jobs.pool_process import set_up_process

    def report(part: int, done: int, total: int) -> None:
        steps[2 * part : 2 * part + 2] = (done, total)

    set_up_process(settings, report)
    with suppress(EOFError, OSError):
        while True:
            function, given = calls.recv()
            try:
                answer = pickle.dumps((function(*given), None))
            except Exception as error:
                answer = pickle.dumps((None, error))
            calls.send_bytes(answer)


def _end_with_pool(pool_end: Connection) -> None:
    with suppress(EOFError, OSError):
        pool_end.recv()
    os._exit(1)
