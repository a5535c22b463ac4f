"""Processes that begin at once, for tests of stores."""

from __future__ import annotations

import multiprocessing
from typing import Any

SPAWN = multiprocessing.get_context("spawn")
_barriers: list[Any] = []


def hold_barrier(barrier: Any) -> None:
    """Keep what the processes of a pool wait at."""
    _barriers[:] = [barrier]


def wait_for_others() -> None:
    """Wait, in a process of the fixture ``pool``, until all four are here."""
    _barriers[0].wait(60)
