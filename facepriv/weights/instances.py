"""Model objects that exist once in a process and are used by one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedModel(Generic[T]):
    """A model made at first use, behind a lock.

    The networks' libraries promise nothing about calls from several threads, and a second copy costs memory, so
    parallelism comes from processes.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.RLock()
        self._made: list[T] = []

    @contextmanager
    def use(self) -> Iterator[T]:
        """Return the model, held by this thread until the block ends."""
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            yield self._made[0]
