"""Purges that a kill interrupted: rows are gone and the log says so; files, journals and free pages are still there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import filelock

from facepriv.config import Settings, make_private_folder
from facepriv.services.jobs.left_behind import remove_left_behind
from facepriv.store import AccessRecord, Store
from facepriv.store.access import PURGE_BEGUN
from facepriv.types import Actor

DATASET_PURGED, TEMPLATES_PURGED = "dataset-purged", "templates-purged"
"""What the outcome of a purge is called in the access log."""
PURGE_UNFINISHED = "purge-unfinished"
"""The same of one after which deleted rows can still be read from the database's files; it counts as interrupted."""
_MANY = 1_000_000


@contextmanager
def purging(settings: Settings) -> Iterator[None]:
    """Hold the data folder's lock of purges, waiting for it: one that is under way is not an interrupted one."""
    make_private_folder(settings.home)
    with _lock(settings):
        yield


def find_interrupted(store: Store) -> tuple[AccessRecord, ...]:
    """Return the lines of the access log about purges of which no outcome is known, oldest first."""
    begun = store.access.list(action=PURGE_BEGUN, limit=_MANY)
    if not begun:
        return ()
    ended: dict[str, int] = {}
    for action in (DATASET_PURGED, TEMPLATES_PURGED):
        for line in store.access.list(action=action, limit=_MANY):
            ended[line.subject] = max(line.id, ended.get(line.subject, 0))
    return tuple(line for line in reversed(begun) if ended.get(line.subject, 0) < line.id)


def finish_purges(store: Store, settings: Settings) -> int:
    """Do what is left of interrupted purges, and write their outcome into the access log; return how many there were.

    Nothing is done while another process purges. Raises StoreError as `Store.collect_now` and `Store.erase_deleted`;
    then they stay unfinished.
    """
    if not find_interrupted(store):
        return 0
    make_private_folder(settings.home)
    try:
        with _lock(settings).acquire(timeout=0):
            interrupted = find_interrupted(store)
            if interrupted:
                store.collect_now()
                remove_left_behind(store, settings)
                store.erase_deleted()
            for line in interrupted:
                action = DATASET_PURGED if line.subject.startswith("dataset") else TEMPLATES_PURGED
                detail = "finished after an interruption"
                store.access.record(Actor(line.actor, line.origin), action, line.subject, detail)
            return len(interrupted)
    except filelock.Timeout:
        return 0


def _lock(settings: Settings) -> filelock.FileLock:
    return filelock.FileLock(settings.home / "purge.lock", mode=0o600)
