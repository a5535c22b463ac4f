"""Worker processes on this machine: started when needed, ended once their server is gone and nothing waits.

One serves a data folder with runs and audits; a light one, apart, with what must not wait behind them, as imports.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import filelock

from facepriv.config import Settings
from facepriv.exported_files import open_private
from facepriv.services.jobs.presence import is_held
from facepriv.wording import count

START_SECONDS = 2.0
"""How long a starting worker asks for its place, which a mere look at it (`worker_is_alive`) takes for a moment."""
SOON_SECONDS = 60.0
"""A worker that ends with a fault within so many seconds of its start is taken to be unable to start."""
BACK_OFF_SECONDS = (5.0, 10.0, 20.0, 40.0, 60.0)
"""How long none is started after the first, second ... such fault in a row; the last of them from then on."""


class WorkerStarts:
    """The workers that this process has started for one data folder, one at a time."""

    def __init__(self, log: Path) -> None:
        self.in_a_row = 0
        """How many ended with a fault soon after their start, one after the other."""
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._started = self._not_before = -math.inf

    @property
    def trying(self) -> bool:
        """Whether one is on its way or at work."""
        return self._process is not None and self._process.poll() is None

    @property
    def sentence(self) -> str:
        """Tell of the faults in one sentence."""
        which = "it" if self.in_a_row == 1 else f"{count(self.in_a_row, 'worker')} in a row"
        return (
            "A worker was expected to start on this machine, but "
            f"{which} ended with a fault; correct what the end of {self._log} tells."
        )

    def allowed(self) -> bool:
        """Return whether another may be started now: none is on its way or at work, nor did any fail just now."""
        if self.trying:
            return False
        now = time.monotonic()
        if self._process is not None:
            failed = self._process.returncode != 0 and now - self._started < SOON_SECONDS
            self._process = None
            self.in_a_row = self.in_a_row + 1 if failed else 0
            if failed:
                self._not_before = now + BACK_OFF_SECONDS[min(self.in_a_row, len(BACK_OFF_SECONDS)) - 1]
        return now >= self._not_before

    def note(self, process: subprocess.Popen[bytes]) -> None:
        """Take down that one was started."""
        self._process, self._started = process, time.monotonic()


_starts: dict[Path, WorkerStarts] = {}  # by the lock of the place
_starting = threading.Lock()  # every session of a server asks, from a thread of its own


def _lock_path(settings: Settings, apart: bool) -> Path:
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    return (settings.home / ("light-worker.lock" if apart else "worker.lock")).absolute()


def log_path(settings: Settings) -> Path:
    """Return the file that a local worker's messages go to; they name no image."""
    return settings.home / "worker.log"


def worker_is_alive(settings: Settings, *, apart: bool = False) -> bool:
    """Return whether a local worker, or the light one, serves this data folder."""
    return is_held(_lock_path(settings, apart))


def ensure_worker(settings: Settings, *, apart: bool = False, linger: float | None = None, ready: bool = False) -> None:
    """Start a local worker for this data folder unless one is alive or the settings want none started.

    It ends once this process is gone and nothing waits any more. Where several processes start one at once, one stays.
    However often it is asked, a process has only one on its way, and after one that failed at its start
    (`worker_faults`) it waits before it starts the next.

    Parameters
    ----------
    apart
        Start the light one, which is started whatever the settings: no other worker does its kinds of jobs.
    linger
        It also ends when nothing was under way for so many seconds.
    ready
        Let it start its processes at once instead of when something waits.
    """
    if not settings.auto_worker and not apart:
        return
    with _starting:
        starts = _starts.setdefault(_lock_path(settings, apart), WorkerStarts(log_path(settings)))
        if starts.allowed() and not worker_is_alive(settings, apart=apart):
            starts.note(_start(settings, apart=apart, linger=linger, ready=ready))


def worker_faults(settings: Settings, *, apart: bool = False) -> WorkerStarts | None:
    """Return the workers that this process started, if the last ones failed at their start; None where one serves."""
    with _starting:
        starts = _starts.get(_lock_path(settings, apart))
        if starts is None or not starts.in_a_row or worker_is_alive(settings, apart=apart):
            return None
        return starts


def _start(settings: Settings, *, apart: bool, linger: float | None, ready: bool) -> subprocess.Popen[bytes]:
    options = ["--local", "--parent", str(os.getpid())]
    options += [] if linger is None else ["--linger", str(linger)]
    options += ["--ready"] * ready + ["--apart"] * apart
    with open_private(log_path(settings), "ab") as log:
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
    apart: bool = False,
    parent: int | None = None,
    until_idle: bool = False,
    linger: float = math.inf,
    ready: bool = False,
) -> bool:
    """Be the local worker of this data folder; return False if another one was there already.

    Parameters
    ----------
    parent
        Process whose end ends the worker, after what it is at and all that waits.
    apart, linger, ready
        As for `ensure_worker`.
    """
    # Takes seconds, which those who only start one need not wait.
    from facepriv.services.jobs.kinds import kinds_of_workers
    from facepriv.services.jobs.worker import run_worker

    def should_stop(idle: float) -> bool:
        return idle >= linger or (parent is not None and os.getppid() != parent)

    try:
        with filelock.FileLock(_lock_path(settings, apart), mode=0o600).acquire(timeout=START_SECONDS):
            kinds = kinds_of_workers(apart=apart)
            if apart:
                settings = settings.model_copy(update={"executor": "processes"})
            run_worker(settings, kinds=kinds, until_idle=until_idle, should_stop=should_stop, ready=ready)
    except filelock.Timeout:
        return False
    return True
