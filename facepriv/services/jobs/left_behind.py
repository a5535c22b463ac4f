"""What processes that were killed have left in temporary folders: original files, names of people, templates."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from facepriv import scratch
from facepriv.config import Settings
from facepriv.own_models.stored import FOLDER, NEW
from facepriv.services.jobs.kinds import kinds
from facepriv.store import JobRecord, Store

_MANY = 1_000_000
_Place = tuple[Path, str, Callable[[str], bool]]
"""A folder of temporary folders, what their names begin with, and whether one of a name is needed though not held."""


def find_left_behind(store: Store, settings: Settings) -> tuple[str, ...]:
    """Return the files that `remove_left_behind` would remove."""
    return tuple(str(file) for place in _places(store, settings) for file in scratch.left_files(*place))


def remove_left_behind(store: Store, settings: Settings) -> int:
    """Remove temporary folders that no process holds, and folders of jobs that are not in the queue any more.

    Return how many files that were. Others may work meanwhile.
    """
    return sum(scratch.remove_left(*place) for place in _places(store, settings))


def _needs_folder(job: JobRecord) -> bool:
    """Return whether somebody may go on with a job, though nobody holds its folder."""
    # A command holds the folder of what it asks to be confirmed; if it was killed, nobody is asked any more.
    is_asked_for = job.state == "previewed" and job.origin != "command line"
    return is_asked_for or job.state not in ("previewed", "complete")


def _places(store: Store, settings: Settings) -> Iterator[_Place]:
    def is_needed(kind: str, folder: str) -> bool:
        jobs = store.jobs.list(kinds=[kind], limit=_MANY)
        is_queued = any(_needs_folder(job) and json.loads(job.request).get("folder") == folder for job in jobs)
        return is_queued or not store.ownership.holds()  # a wrong database knows of no job

    yield settings.temporary, "", lambda name: False
    yield settings.home / FOLDER, NEW, lambda name: False
    for name in kinds.names():
        staging = kinds.create(name).staging
        if staging:
            yield settings.home / staging, "", partial(is_needed, name)
