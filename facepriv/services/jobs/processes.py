"""How many processes compute on this machine."""

from __future__ import annotations

import os

from facepriv.config import Settings


def processes(settings: Settings) -> int:
    """Return the number of processes that perturb images."""
    if settings.workers:
        return settings.workers
    # Where the system says which cores this process may use, those count, not all there are.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
