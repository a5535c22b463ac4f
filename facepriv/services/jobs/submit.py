"""Jobs put into the queue: checked, prepared and recorded in the access log in one place, whoever asks."""

from __future__ import annotations

from typing import Any, overload

from facepriv.config import Settings
from facepriv.errors import SameJobError
from facepriv.schemas.requests import (
    AuditRequest,
    ImportRequest,
    ProtectionRequest,
    Request,
    RunRequest,
    StudyRequest,
    TemplatesRequest,
)
from facepriv.services.jobs.kinds import kinds
from facepriv.store import AuditRecord, JobRecord, ProtectionRecord, RunRecord, Store, StudyRecord
from facepriv.types import Actor

SAME_STATES = {"waiting": "waits for a worker", "running": "is under way", "complete": "is complete"}


@overload
def submit(
    store: Store, settings: Settings, request: RunRequest, actor: Actor, once: bool = ..., *, again: bool = ...
) -> RunRecord: ...
@overload
def submit(
    store: Store, settings: Settings, request: AuditRequest, actor: Actor, once: bool = ..., *, again: bool = ...
) -> AuditRecord: ...
@overload
def submit(
    store: Store, settings: Settings, request: StudyRequest, actor: Actor, once: bool = ..., *, again: bool = ...
) -> StudyRecord: ...
@overload
def submit(
    store: Store, settings: Settings, request: ProtectionRequest, actor: Actor, once: bool = ..., *, again: bool = ...
) -> ProtectionRecord: ...
@overload
def submit(
    store: Store,
    settings: Settings,
    request: ImportRequest | TemplatesRequest,
    actor: Actor,
    once: bool = ...,
    *,
    again: bool = ...,
) -> JobRecord: ...
@overload
def submit(
    store: Store, settings: Settings, request: Request, actor: Actor, once: bool = ..., *, again: bool = ...
) -> Any: ...
def submit(
    store: Store, settings: Settings, request: Request, actor: Actor, once: bool = False, *, again: bool = True
) -> Any:
    """Put a job into the queue for a worker, write who did into the access log; return the job, or its run or audit.

    Parameters
    ----------
    actor
        Who asks and from where, for the access log.
    once
        Put none into the queue where one has done just what is asked for, or is to do it, and return that one.

    again
        Whether to put it into the queue although just this waits, is under way or is complete.

    Raises
    ------
    SameJobError
        If it does, and was not to be done ``again``.
    UnknownNameError
        If something that the request names does not exist.
    ModelUnavailableError
        If a model's weights are missing.
    BadInputError
        If it cannot be done as it is asked for.
    """
    kind = kinds.create(request.kind)
    spec = kind.prepare(store, settings, request)
    if once and (duplicate := kind.find_duplicate(store, spec)):
        return duplicate
    if not again and (same := kind.find_same(store, spec)) is not None:
        raise SameJobError(
            f"{request.kind.capitalize()} {same.id} has exactly these settings and {SAME_STATES[same.state]}.",
            kind=request.kind,
            number=same.id,
        )
    plan = kind.plan(store, settings, spec)
    number = kind.create(store, settings, spec, request, actor)
    store.job_plans.add(kind.job_id(store, number), plan)
    if kind.started:
        store.access.record(actor, kind.started, f"{request.kind} {number}")
    return kind.get(store, number)
