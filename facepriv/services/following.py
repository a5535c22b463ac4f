"""Follow a run or an audit that workers do, from any process, until it has ended."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

from facepriv.config import Settings
from facepriv.errors import FaceprivError
from facepriv.services.local_worker import ensure_worker, log_path
from facepriv.store import AuditSummary, RunSummary
from facepriv.store.audits import AuditStore
from facepriv.store.runs import RunStore

LOOK_SECONDS = 0.5
LINGER_SECONDS = 20.0
"""How long a worker that a command started waits for more."""
MOST_STARTS = 3
"""Workers in a row that may end with a fault before anything is taken up."""


def follow(queue: RunStore | AuditStore, settings: Settings, number: int) -> Iterator[RunSummary | AuditSummary]:
    """Yield how far it is, twice a second, the last time when it has ended; a worker is started where none is alive.

    Raises
    ------
    UnknownNameError
        If it does not exist.
    FaceprivError
        If workers end as soon as they are started.
    """
    started: list[subprocess.Popen[bytes]] = []
    while True:
        now = queue.summary(number)
        yield now
        if now.state not in ("waiting", "running"):
            return
        worker = ensure_worker(settings, linger=LINGER_SECONDS)
        if worker is not None:
            started.append(worker)
        if now.state == "waiting" and sum(bool(one.poll()) for one in started) >= MOST_STARTS:
            raise FaceprivError(
                f"A worker was expected to take it up, but {MOST_STARTS} in a row ended with a fault; see "
                f"{log_path(settings)}."
            )
        time.sleep(LOOK_SECONDS)
