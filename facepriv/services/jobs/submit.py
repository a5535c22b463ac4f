"""Jobs put into the queue: checked, prepared and recorded in the access log in one place, whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from facepriv.config import Settings
from facepriv.schemas.requests import AuditRequest, ImportRequest, Request, RunRequest
from facepriv.services.jobs.kinds import kinds
from facepriv.types import Actor

if TYPE_CHECKING:
    from facepriv.store import AuditRecord, JobRecord, RunRecord, Store


@overload
def submit(store: Store, settings: Settings, request: RunRequest, actor: Actor) -> RunRecord: ...
@overload
def submit(store: Store, settings: Settings, request: AuditRequest, actor: Actor) -> AuditRecord: ...
@overload
def submit(store: Store, settings: Settings, request: ImportRequest, actor: Actor) -> JobRecord: ...
def submit(store: Store, settings: Settings, request: Request, actor: Actor) -> Any:
    """Put a job into the queue and write who did into the access log; a worker takes it up.

    Parameters
    ----------
    actor
        Who asks and from where, for the access log.

    Returns
    -------
    RunRecord, AuditRecord or JobRecord
        The job, or its run or audit.

    Raises
    ------
    UnknownNameError
        If something that the request names does not exist.
    ModelUnavailableError
        If a model's weights are missing.
    BadInputError
        If it cannot be done as it is asked for.
    """
    spec = kinds.create(request.kind).prepare(store, settings, request)
    return _create(store, settings, request, spec, actor)


@overload
def submit_once(store: Store, settings: Settings, request: RunRequest, actor: Actor) -> RunRecord: ...
@overload
def submit_once(store: Store, settings: Settings, request: AuditRequest, actor: Actor) -> AuditRecord: ...
@overload
def submit_once(store: Store, settings: Settings, request: ImportRequest, actor: Actor) -> JobRecord: ...
def submit_once(store: Store, settings: Settings, request: Any, actor: Actor) -> Any:
    """Return what did just what is asked for, or is to do it; put a job into the queue if there is none.

    Parameters, result and errors as of `submit`.
    """
    kind = kinds.create(request.kind)
    spec = kind.prepare(store, settings, request)
    return kind.find_duplicate(store, spec) or _create(store, settings, request, spec, actor)


def _create(store: Store, settings: Settings, request: Request, spec: Any, actor: Actor) -> Any:
    kind = kinds.create(request.kind)
    number = kind.create(store, settings, spec, request, actor)
    if kind.started:
        store.access.record(actor, kind.started, f"{request.kind} {number}")
    return kind.get(store, number)
