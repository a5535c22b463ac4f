"""A stopwatch for the pieces that work consists of: how long each took in this thread, until somebody asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

SEPARATOR = "|"
"""Between the words of a piece's name, the general one first: ``score|dlib-gender``."""


class Taken(NamedTuple):
    """What pieces of one name took together."""

    steps: float
    scale: float
    """Sum over the steps of what a step's time grows with, such as pixels."""
    seconds: float

    def plus(self, other: Taken) -> Taken:
        """Return both together."""
        return Taken(self.steps + other.steps, self.scale + other.scale, self.seconds + other.seconds)


clock = time.perf_counter
"""Seconds as they pass for whoever waits."""
NOTHING = Taken(0.0, 0.0, 0.0)


class _Thread(threading.local):
    def __init__(self) -> None:
        self.taken: dict[str, Taken] = {}


_thread = _Thread()


def piece(*words: str) -> str:
    """Return the name of a piece."""
    return SEPARATOR.join(words)


@contextmanager
def timed(what: str, scale: float = 1.0) -> Iterator[None]:
    """Time a block as one step of a piece; one that raises is not counted, since it was not done."""
    start = clock()
    yield
    note(what, Taken(1.0, scale, clock() - start))


def note(what: str, taken: Taken) -> None:
    """Add what was timed otherwise."""
    _thread.taken[what] = _thread.taken.get(what, NOTHING).plus(taken)


def take() -> dict[str, Taken]:
    """Return what was timed in this thread since the last call."""
    taken, _thread.taken = _thread.taken, {}
    return taken
