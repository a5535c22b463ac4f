"""One worker process on this machine: started when it is needed, ended once its server is gone and no run waits."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import filelock

from facepriv.config import Settings
from facepriv.services.worker import run_worker

START_SECONDS = 2.0
"""How long a starting worker asks for its place, which a mere look at it (`worker_is_alive`) takes for a moment."""


def _lock(settings: Settings) -> filelock.FileLock:
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    return filelock.FileLock(settings.home / "worker.lock", mode=0o600)


def log_path(settings: Settings) -> Path:
    """Give the file that a local worker's messages go to; they name no image."""
    return settings.home / "worker.log"


def worker_is_alive(settings: Settings) -> bool:
    """Say whether a local worker serves this data folder."""
    lock = _lock(settings)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    lock.release()
    return False


def _for_owner(path: str, flags: int) -> int:
    handle = os.open(path, flags, 0o600)
    os.fchmod(handle, 0o600)  # a file of an earlier version may be open to others
    return handle


def ensure_worker(
    settings: Settings, *, linger: float | None = None, ready: bool = False
) -> subprocess.Popen[bytes] | None:
    """Start a local worker for this data folder unless one is alive or the settings want none started.

    It ends once this process is gone and nothing waits any more. Where several are started at once, one stays.

    Parameters
    ----------
    linger
        It also ends when nothing was under way for so many seconds.
    ready
        Let it start its processes at once instead of when something waits.

    Returns
    -------
    subprocess.Popen or None
        What was started; None where nothing was.
    """
    if not settings.auto_worker or worker_is_alive(settings):
        return None
    options = ["--local", "--parent", str(os.getpid())]
    options += [] if linger is None else ["--linger", str(linger)]
    options += ["--ready"] if ready else []
    with open(log_path(settings), "ab", opener=_for_owner) as log:
        return subprocess.Popen(
            [sys.executable, "-m", "facepriv", "worker", *options],
            env={**os.environ, **settings.environment()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def serve_local(
    settings: Settings,
    *,
    parent: int | None = None,
    until_idle: bool = False,
    linger: float = math.inf,
    ready: bool = False,
) -> bool:
    """Be the local worker of this data folder.

    Parameters
    ----------
    parent
        Process whose end ends the worker, after what it is at and all that waits.
    linger, ready
        As for `ensure_worker`.

    Returns
    -------
    bool
        False if another local worker was there already.
    """

    def should_stop(idle: float) -> bool:
        return idle >= linger or (parent is not None and os.getppid() != parent)

    try:
        with _lock(settings).acquire(timeout=START_SECONDS):
            run_worker(settings, until_idle=until_idle, should_stop=should_stop, ready=ready)
    except filelock.Timeout:
        return False
    return True
