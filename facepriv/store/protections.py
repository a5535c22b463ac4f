"""Trials of protections: what jobs of that kind are to try on a template set, and what they found."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, delete, or_, select, update
from sqlalchemy.orm import Session

from facepriv.errors import StoreError, UnknownNameError
from facepriv.schemas.protections import ProtectionResult, ProtectionSpec
from facepriv.store.fields import matching, select_fields
from facepriv.store.job_details import JobDetails
from facepriv.store.jobs import add_job, complete, delete_job, is_idle
from facepriv.store.records import JobState, ProtectionRecord, ProtectionSummary
from facepriv.store.rows import JobRow, ProtectionRow, TemplateSetRow
from facepriv.types import UNNAMED, Actor


class ProtectionStore(JobDetails[ProtectionSummary, ProtectionRecord]):
    """Trials of one database; what becomes of their jobs is `JobStore`'s matter.

    The spec never changes. Records are detached.
    """

    _row, _noun = ProtectionRow, "protection"
    _summary, _record = ProtectionSummary, ProtectionRecord

    def create(self, spec: ProtectionSpec, *, request: str = "{}", actor: Actor = UNNAMED) -> int:
        """Put a trial into the queue and return its number; ``request`` and ``actor`` as for `JobStore.create`.

        Raises UnknownNameError if a template set does not exist with the content of the spec.
        """
        with self._database.writing() as session:
            for ref in (spec.templates, spec.fit_on, spec.learn_from):
                if ref is not None and not session.scalar(
                    select(TemplateSetRow.id).where(
                        TemplateSetRow.id == ref.id,
                        TemplateSetRow.rows_sha256 == ref.rows_sha256,
                        TemplateSetRow.records_sha256 == ref.records_sha256,
                        TemplateSetRow.ready,
                    )
                ):
                    raise UnknownNameError(f"There is no template set {ref.name!r} with the content of the spec.")
            row = ProtectionRow(
                job_id=add_job(session, self._noun, request, actor=actor, total=1 + len(spec.tried)),
                template_set_id=spec.templates.id,
                fit_on_id=None if spec.fit_on is None else spec.fit_on.id,
                learn_from_id=None if spec.learn_from is None else spec.learn_from.id,
                method=spec.method,
                spec=spec,
            )
            session.add(row)
            session.flush()
            return row.id

    def list(
        self, *, template_set_id: int | None = None, states: Iterable[JobState] = (), limit: int = 50, offset: int = 0
    ) -> tuple[ProtectionSummary, ...]:
        """Return trials on a template set and in one of these states, if asked for, without specs and results.

        Newest first, a page at a time.
        """
        return self._list(matching(ProtectionRow, template_set_id=template_set_id), states, limit, offset)

    def count(self, *, states: Iterable[JobState] = ()) -> int:
        """Count trials in one of these states, if asked for."""
        return self._count([], states)

    def finish(self, number: int, owner: str, result: ProtectionResult) -> None:
        """Make a trial complete with its result; a cancel that came too late is ignored. Raises LeaseLostError."""
        with self._database.writing() as session:
            complete(session, self._job(number), owner)
            session.execute(update(ProtectionRow).where(ProtectionRow.id == number).values(result=result))

    def delete(self, number: int) -> None:
        """Remove a trial; raises StoreError if a worker is at it."""
        with self._database.writing() as session:
            delete_job(session, self._require(session, number), f"Protection {number}")

    def _select(self, record: type) -> Any:
        return (
            select_fields(record, ProtectionRow, JobRow, template_set_name=TemplateSetRow.name)
            .join(JobRow, JobRow.id == ProtectionRow.job_id)
            .join(TemplateSetRow, TemplateSetRow.id == ProtectionRow.template_set_id)
        )


def trials_of(set_ids: Iterable[int] | ScalarSelect[int]) -> ColumnElement[bool]:
    """Return the condition that a trial knew any of these sets."""
    columns = (ProtectionRow.template_set_id, ProtectionRow.fit_on_id, ProtectionRow.learn_from_id)
    return or_(*(column.in_(set_ids) for column in columns))


def delete_trials(session: Session, *set_ids: int) -> None:
    """Remove the trials that knew any of these sets, inside a transaction; raises StoreError if a worker is at one."""
    rows = session.execute(
        select(ProtectionRow.id, ProtectionRow.job_id, is_idle(datetime.now(UTC)).label("idle"))
        .join(JobRow, JobRow.id == ProtectionRow.job_id)
        .where(trials_of(set_ids))
    ).all()
    busy = [row.id for row in rows if not row.idle]
    if busy:
        raise StoreError(f"Protection {busy[0]} is being worked on; cancel it and try again once it has stopped.")
    session.execute(delete(JobRow).where(JobRow.id.in_([row.job_id for row in rows])))
