"""Jobs put into the queue: checked, prepared and recorded in the access log in one place, whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from facepriv.schemas.requests import AuditRequest, Request, RunRequest
from facepriv.services.jobs.kinds import kinds

if TYPE_CHECKING:
    from facepriv.store import AuditRecord, RunRecord, Store


@overload
def submit(store: Store, request: RunRequest, actor: str) -> RunRecord: ...
@overload
def submit(store: Store, request: AuditRequest, actor: str) -> AuditRecord: ...
def submit(store: Store, request: Request, actor: str) -> Any:
    """Put a job into the queue and write who did into the access log; a worker takes it up.

    Parameters
    ----------
    actor
        Who asks, for the access log.

    Raises
    ------
    UnknownNameError
        If something that the request names does not exist.
    ModelUnavailableError
        If a model's weights are missing.
    BadInputError
        If it cannot be done as it is asked for.
    """
    return _create(store, request, kinds.create(request.kind).prepare(store, request), actor)


@overload
def find_duplicate(store: Store, request: RunRequest) -> RunRecord | None: ...
@overload
def find_duplicate(store: Store, request: AuditRequest) -> AuditRecord | None: ...
def find_duplicate(store: Store, request: Request) -> Any:
    """Find a job that did just what is asked for, or is to do it; None if there is none. Errors as of `submit`."""
    kind = kinds.create(request.kind)
    return kind.find_duplicate(store, kind.prepare(store, request))


@overload
def submit_once(store: Store, request: RunRequest, actor: str) -> RunRecord: ...
@overload
def submit_once(store: Store, request: AuditRequest, actor: str) -> AuditRecord: ...
def submit_once(store: Store, request: Any, actor: str) -> Any:
    """Return a job that did just what is asked for, or is to do it; put one into the queue if there is none."""
    kind = kinds.create(request.kind)
    spec = kind.prepare(store, request)
    return kind.find_duplicate(store, spec) or _create(store, request, spec, actor)


def _create(store: Store, request: Request, spec: Any, actor: str) -> Any:
    queue = kinds.create(request.kind).queue(store)
    record = queue.get(queue.create(spec))
    store.access.record(actor, f"{request.kind}-started", f"{request.kind} {record.id}")
    return record
