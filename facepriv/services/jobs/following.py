"""Follow a run, an audit or a protection that workers do, from any process, until it has ended."""

from __future__ import annotations

import time
from collections.abc import Iterator

from facepriv.config import Settings
from facepriv.errors import FaceprivError
from facepriv.services.jobs.local_worker import ensure_worker, worker_faults
from facepriv.store import (
    AuditStore,
    AuditSummary,
    ProtectionStore,
    ProtectionSummary,
    RunStore,
    RunSummary,
    StudyStore,
    StudySummary,
)

LOOK_SECONDS = 0.5
LINGER_SECONDS = 20.0
"""How long a worker that a command started waits for more."""
MOST_FAULTS = 3
"""Workers in a row that may fail at their start before what waits is given up."""


def follow(
    queue: RunStore | AuditStore | ProtectionStore | StudyStore, settings: Settings, number: int
) -> Iterator[RunSummary | AuditSummary | ProtectionSummary | StudySummary]:
    """Yield how far it is, twice a second, the last time when it has ended; a worker is started where none is alive.

    Raises UnknownNameError if it does not exist, FaceprivError if workers end with a fault as soon as they are started.
    """
    while True:
        now = queue.summary(number)
        yield now
        if now.state not in ("waiting", "running"):
            return
        ensure_worker(settings, linger=LINGER_SECONDS)
        faults = worker_faults(settings)
        if now.state == "waiting" and faults is not None and faults.in_a_row >= MOST_FAULTS and not faults.trying:
            raise FaceprivError(faults.sentence)
        time.sleep(LOOK_SECONDS)
