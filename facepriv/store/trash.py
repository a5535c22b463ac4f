"""What was deleted and may be restored for a day; nobody sees it meanwhile, and then it is gone for good."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, insert, or_, select, update
from sqlalchemy.orm import Session

from facepriv.store.rows import JobRow, TrashRow

RESTORABLE_FOR = timedelta(hours=24)
"""How long what was deleted may be restored."""


def is_deleted(job_id: Any = JobRow.id) -> ColumnElement[bool]:
    """Return the condition that a job, given by its column, is among what was deleted."""
    return exists().where(TrashRow.job_id == job_id)


def discard(session: Session, job_id: int, parts: Iterable[int], by: str) -> datetime:
    """Put an idle job among what was deleted, with others that go and come back with it; return when that was.

    Parts that were deleted before, by themselves, stay so by themselves. What was lost by its worker is taken from it.
    """
    now = datetime.now(UTC)
    known = set(session.scalars(select(TrashRow.job_id)))
    rows = [
        {"job_id": each, "deleted_at": now, "deleted_by": by, "with_job_id": None if each == job_id else job_id}
        for each in dict.fromkeys([job_id, *parts])
        if each not in known
    ]
    session.execute(insert(TrashRow), rows)
    session.execute(
        update(JobRow)
        .where(JobRow.id.in_([row["job_id"] for row in rows]), JobRow.state == "running")
        .values(state="waiting", owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )
    return now


def restore(session: Session, job_id: int) -> None:
    """Take a job, and what was deleted with it, back from what was deleted."""
    session.execute(delete(TrashRow).where(or_(TrashRow.job_id == job_id, TrashRow.with_job_id == job_id)))
