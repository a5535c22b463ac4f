"""Jobs cancelled and resumed, with a line in the access log of who wanted it so."""

from __future__ import annotations

from facepriv.services.jobs.kinds import kinds
from facepriv.store import JobState, Store
from facepriv.types import Actor


def cancel(store: Store, kind: str, number: int, actor: Actor) -> JobState:
    """Ask to cancel the run, audit or other job of this number, and return the state that it then has."""
    state = store.jobs.cancel(kinds.create(kind).job_id(store, number))
    store.access.record(actor, f"{kind}-cancelled", f"{kind} {number}")
    return state


def resume(store: Store, kind: str, number: int, actor: Actor) -> JobState:
    """Put the run, audit or other job of this number back into the queue, and return the state that it then has."""
    state = store.jobs.resume(kinds.create(kind).job_id(store, number))
    store.access.record(actor, f"{kind}-resumed", f"{kind} {number}")
    return state
