"""Jobs put into the queue: checked, prepared and recorded in the access log in one place, whoever asks."""

from __future__ import annotations

from typing import Any, overload

from facepriv.config import Settings
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


@overload
def submit(store: Store, settings: Settings, request: RunRequest, actor: Actor, once: bool = ...) -> RunRecord: ...
@overload
def submit(store: Store, settings: Settings, request: AuditRequest, actor: Actor, once: bool = ...) -> AuditRecord: ...
@overload
def submit(store: Store, settings: Settings, request: StudyRequest, actor: Actor, once: bool = ...) -> StudyRecord: ...
@overload
def submit(
    store: Store, settings: Settings, request: ProtectionRequest, actor: Actor, once: bool = ...
) -> ProtectionRecord: ...
@overload
def submit(
    store: Store, settings: Settings, request: ImportRequest | TemplatesRequest, actor: Actor, once: bool = ...
) -> JobRecord: ...
def submit(store: Store, settings: Settings, request: Request, actor: Actor, once: bool = False) -> Any:
    """Put a job into the queue for a worker, write who did into the access log; return the job, or its run or audit.

    Parameters
    ----------
    actor
        Who asks and from where, for the access log.
    once
        Put none into the queue where one has done just what is asked for, or is to do it, and return that one.

    Raises
    ------
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
    number = kind.create(store, settings, spec, request, actor)
    if kind.started:
        store.access.record(actor, kind.started, f"{request.kind} {number}")
    return kind.get(store, number)
