"""Runs and audits deleted so that they can be restored for a day, restored, and deleted for good after it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from facepriv.errors import UnknownNameError
from facepriv.services.jobs.kinds import KindWithTable, kinds
from facepriv.store import AuditStore, Deleted, RunStore, Store
from facepriv.types import UNNAMED, Actor

RESTORABLE = ("run", "audit")
"""What can be restored; everything else is deleted for good at once."""


def discard(store: Store, noun: str, number: int, actor: Actor) -> Deleted:
    """Delete a run or an audit so that it can be restored for a day, and record who did.

    Lists, pages and shares do not show it any more from now on. Raises as `JobDetails.discard`.
    """
    deleted = table_of(store, noun).discard(number, by=actor.name)
    store.access.record(
        actor, f"{noun}-deleted", f"{noun} {number}", f"restorable until {deleted.until:%Y-%m-%d %H:%M}"
    )
    return deleted


def restore(store: Store, noun: str, number: int, actor: Actor) -> None:
    """Bring a deleted run or audit back as it was, its shares too, and record who did; raises as its store."""
    table_of(store, noun).restore(number)
    store.access.record(actor, f"{noun}-restored", f"{noun} {number}")


def delete_now(store: Store, noun: str, number: int, actor: Actor) -> None:
    """Delete a run or an audit for good, deleted before or not, with its files, and record who did."""
    table_of(store, noun).delete(number)
    store.access.record(actor, f"{noun}-deleted", f"{noun} {number}", "for good")


def list_deleted(store: Store) -> tuple[Deleted, ...]:
    """Return what was deleted and may be restored, runs and audits, the newest first."""
    both = [*store.runs.deleted(), *store.audits.deleted()]
    return tuple(sorted(both, key=lambda one: one.deleted_at, reverse=True))


def empty_trash(store: Store, *, now: datetime | None = None) -> int:
    """Delete for good what can no longer be restored, record it under the name of who deleted it; return how much.

    Raises StoreError if a file cannot be removed; `Store.collect` takes it later.
    """
    moment = now or datetime.now(UTC)
    erased = 0
    for one in list_deleted(store):
        if one.until > moment:
            continue
        with suppress(UnknownNameError):  # another process was faster, or an audit went with its run
            table_of(store, one.noun).delete(one.number)
            actor = Actor(one.deleted_by, UNNAMED.origin)
            store.access.record(actor, f"{one.noun}-erased", f"{one.noun} {one.number}", "could be restored for a day")
            erased += 1
    return erased


def table_of(store: Store, noun: str) -> RunStore | AuditStore:
    """Return the table of runs or of audits; raises UnknownNameError for anything else."""
    described = kinds.create(noun) if noun in RESTORABLE else None
    table = described.table(store) if isinstance(described, KindWithTable) else None
    if not isinstance(table, RunStore | AuditStore):
        raise UnknownNameError(
            f"Only runs and audits have notes and can be restored once deleted, and {noun!r} is none."
        )
    return table
