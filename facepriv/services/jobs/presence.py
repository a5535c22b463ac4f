"""Which workers of this machine are alive, as shown by locks that the system lets go however a process ends."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import filelock

from facepriv.config import Settings

GRACE_SECONDS = 60.0
"""How long a worker that starts may take from making its lock to holding it."""


def count_alive(settings: Settings) -> int:
    """Count the workers of this machine that serve this data folder."""
    return sum(is_held(path) for path in _folder(settings).glob("*.lock"))


class Presence:
    """A worker's name and its sign of life, for the length of a block.

    The name holds host and process id for people and a random part that no other worker has. On one machine a worker
    that was killed is known to be gone at once; of one on another machine only its lease tells.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder = _folder(settings)
        self._host = socket.gethostname()
        self.owner = f"{self._host}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._lock = self._lock_of(self.owner)

    def __enter__(self) -> Self:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock.acquire(timeout=GRACE_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The file stays until the next `tidy`: whoever finds it free knows that this worker is gone, even if it could
        # not give back what it held.
        self._lock.release()

    def gone(self, owners: Iterable[str]) -> list[str]:
        """Return those workers of this machine and data folder that have ended."""
        others = [owner for owner in owners if owner.startswith(f"{self._host}:") and owner != self.owner]
        signs = {owner: Path(self._lock_of(owner).lock_file) for owner in others}
        # Of another data folder's worker on the same database nothing is known; one of ours that ended in good order
        # has given back what it held.
        return [owner for owner, sign in signs.items() if sign.exists() and not is_held(sign)]

    def tidy(self, held: Iterable[str]) -> None:
        """Remove the signs of workers that have ended and hold nothing any more."""
        kept = {self._lock_of(owner).lock_file for owner in (*held, self.owner)}
        for path in self._folder.glob("*.lock"):
            if str(path) in kept or path.stat().st_mtime > time.time() - GRACE_SECONDS:
                continue
            if not is_held(path):
                path.unlink(missing_ok=True)

    def _lock_of(self, owner: str) -> filelock.FileLock:
        return filelock.FileLock(self._folder / f"{owner.rpartition(':')[2]}.lock", mode=0o600)


def _folder(settings: Settings) -> Path:
    return settings.home / "workers"


def is_held(path: Path) -> bool:
    """Return whether a process that lives holds a lock file, which takes it for a moment."""
    lock = filelock.FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    lock.release()
    return False
