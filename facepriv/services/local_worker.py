"""One worker process on this machine: started when it is needed, ended once its server is gone and no run waits."""

from __future__ import annotations

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


def ensure_worker(settings: Settings) -> None:
    """Start a local worker for this data folder unless one is alive.

    It ends once this process is gone and no run waits any more. Where several are started at once, one stays.
    """
    if worker_is_alive(settings):
        return
    with open(log_path(settings), "ab", opener=_for_owner) as log:
        subprocess.Popen(
            [sys.executable, "-m", "facepriv", "worker", "--parent", str(os.getpid())],
            env={**os.environ, **settings.environment()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def serve_local(settings: Settings, *, parent: int | None = None, until_idle: bool = False) -> bool:
    """Be the local worker of this data folder.

    Parameters
    ----------
    parent
        Process whose end ends the worker, after the run it is at and all that wait.

    Returns
    -------
    bool
        False if another local worker was there already.
    """
    try:
        with _lock(settings).acquire(timeout=START_SECONDS):
            run_worker(
                settings, until_idle=until_idle, should_stop=lambda: parent is not None and os.getppid() != parent
            )
    except filelock.Timeout:
        return False
    return True
