"""A process that computes: its settings, and the job it works for, which came along or is read in the database once.

Nothing here writes to the database: a process reads what it works on, reads and writes artifact files, and hands
results back. It may work for one run or audit after another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facepriv.config import Settings
from facepriv.imaging.acquire import find_faces
from facepriv.stopwatch import take
from facepriv.store import ArtifactStore, Store, open_artifacts, open_store

MAX_LESSONS = 2
"""Lessons that are under way at once at most."""

ReportSteps = Callable[[int, int, int], None]
"""Called with the part of a lesson, steps done and steps in all."""


@dataclass(frozen=True)
class JobRef:
    """What a worker has its processes work for: how to read it, which one, and whose attempt at it."""

    load: Callable[[Store, int], Any]
    number: int
    owner: str
    attempt: int

    @property
    def ref(self) -> JobRef:
        """The reference itself, as a `PortableJob` has it."""
        return self


@dataclass(frozen=True, eq=False, repr=False)
class PortableJob:
    """A job with all that its processes need to know, for those that do not reach the database.

    Libraries that carry it write down how it looks, so it shows nothing of what it holds.
    """

    ref: JobRef
    settings: Settings
    content: Any
    set_up_process: Callable[[PortableJob], None]
    """Sets a process up for the job, as `answer_calls` does in a pool."""


Job = JobRef | PortableJob

_settings: list[Settings] = []
_contents: dict[JobRef, Any] = {}
"""What the present job is about, one entry."""
_report_steps: list[ReportSteps] = []
"""Who hears how far lessons are."""
_lock = threading.RLock()


def set_up_process(settings: Settings, report_steps: ReportSteps) -> None:
    """Let this process compute with one thread for each library, so that no result depends on their number."""
    import cv2
    from threadpoolctl import threadpool_limits

    cv2.setNumThreads(1)
    threadpool_limits(1)
    _settings[:] = [settings]
    _report_steps[:] = [report_steps]


def load_detector() -> None:
    """Load what takes longest to load and every run needs: libraries and the detector with its landmarks."""
    find_faces(np.zeros((80, 80, 3), dtype=np.uint8))


def process_settings() -> Settings:
    """Return the settings that this process computes with."""
    return _settings[0]


def artifacts() -> ArtifactStore:
    """Return the artifacts that this process reads and writes."""
    return open_artifacts(process_settings())


def report_steps(part: int, done: int, total: int) -> None:
    """Report to the worker how far a lesson is."""
    for report in _report_steps:
        report(part, done, total)


def get_content(job: Job) -> Any:
    """Return what a job is about; a process that has worked for another forgets that one."""
    with _lock:
        ref = job.ref
        if ref not in _contents:
            _contents.clear()
            if isinstance(job, PortableJob):
                _contents[ref] = job.content
            else:
                with open_store(process_settings()) as store:
                    _contents[ref] = ref.load(store, ref.number)
        return _contents[ref]


def compute_chunk(function: Callable[[Job, Sequence[Any]], list[Any]], job: Job, items: Sequence[Any]) -> Any:
    """Call a function for some items of a job; return its results, the seconds that it took, and of what pieces."""
    start = time.perf_counter()
    take()
    if isinstance(job, PortableJob):
        with _lock:
            job.set_up_process(job)
    results = function(job, items)
    return results, time.perf_counter() - start, take()
