"""Jobs cancelled and resumed, with a line in the access log of who wanted it so."""

from __future__ import annotations

from facepriv.services.jobs.kinds import KindWithTable, kinds
from facepriv.store import JobState, Store
from facepriv.types import Actor


def cancel(store: Store, kind: str, number: int, actor: Actor) -> JobState:
    """Ask to cancel the run, audit or other job of this number, and return the state that it then has."""
    state = store.jobs.cancel(_job_id(store, kind, number))
    store.access.record(actor, f"{kind}-cancelled", f"{kind} {number}")
    return state


def resume(store: Store, kind: str, number: int, actor: Actor) -> JobState:
    """Put the run, audit or other job of this number back into the queue, and return the state that it then has."""
    state = store.jobs.resume(_job_id(store, kind, number))
    store.access.record(actor, f"{kind}-resumed", f"{kind} {number}")
    return state


def _job_id(store: Store, kind: str, number: int) -> int:
    """Return the number in the queue: what has a table of its own has numbers of its own."""
    described = kinds.create(kind)
    return described.table(store).job_id(number) if isinstance(described, KindWithTable) else number
