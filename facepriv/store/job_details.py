"""Runs and audits as kinds of jobs: each has a number, a spec and a result of its own beside its job.

One that was deleted can be restored for a day; until then only what says so sees it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.orm import Session

from facepriv.errors import BadInputError, DeletedError, StoreError, UnknownNameError
from facepriv.schemas.audits import AuditSpec
from facepriv.schemas.runs import RunSpec
from facepriv.store.engine import Database
from facepriv.store.fields import select_fields
from facepriv.store.jobs import STUDY_PART, add_job, is_idle
from facepriv.store.records import RUN_STATES, Deleted, JobProgress, JobState
from facepriv.store.rows import DatasetRow, JobRow, TrashRow
from facepriv.store.trash import RESTORABLE_FOR, discard, is_deleted, restore
from facepriv.types import Actor

GOOD: tuple[JobState, ...] = ("waiting", "running", "complete")
"""States of what has come to its result, or is to."""
Summary = TypeVar("Summary", bound=JobProgress)
Record = TypeVar("Record", bound=JobProgress)
Read = TypeVar("Read", bound=JobProgress)


class JobDetails(Generic[Summary, Record]):
    """What a kind of job has in a table of its own, read together with the job.

    Methods that take only a number raise UnknownNameError if there is no such row, and DeletedError, which is one, if
    it was deleted and may be restored. Lists and counts leave that out.
    """

    _row: ClassVar[Any]
    _noun: ClassVar[str]
    _summary: type[Summary]
    _record: type[Record]

    def __init__(self, database: Database) -> None:
        self._database = database

    def job_id(self, number: int) -> int:
        """Return the number of its job."""
        with self._database.reading() as session:
            return self._require(session, number)

    def summary(self, number: int) -> Summary:
        """Return it without its spec and result, which cost much more to read: for whoever asks again and again."""
        return self._read(self._summary, number)

    def get(self, number: int) -> Record:
        """Return it with its spec and, if complete, its result."""
        return self._read(self._record, number)

    def find_same(self, spec: Any) -> int | None:
        """Return the number of the newest with this very spec that waits, is under way or complete; None without one.

        What belongs to a study is left out.
        """
        query = (
            select(self._row.id)
            .join(JobRow, JobRow.id == self._row.job_id)
            .where(JobRow.kind == self._noun, JobRow.state.in_(GOOD), self._row.spec == spec, ~is_deleted(JobRow.id))
            .order_by(self._row.id.desc())
            .limit(1)
        )
        with self._database.reading() as session:
            number: int | None = session.scalar(query)
            return number

    def of_job(self, job_id: int) -> Record:
        """Return the one that a job carries out."""
        with self._database.reading() as session:
            number = session.scalar(select(self._row.id).where(self._row.job_id == job_id))
        if number is None:
            raise UnknownNameError(f"There is no job {job_id} of the kind {self._noun}.")
        return self.get(number)

    def discard(self, number: int, *, by: str) -> Deleted:
        """Delete it so that `restore` can bring it back for a day, as it was; audits of a run go and come with it.

        Raises StoreError if a worker is at it, or at one of these audits.
        """
        with self._database.writing(alone=True) as session:
            job_id = self._require(session, number)
            parts = self._parts(session, number)
            held = ~is_idle(datetime.now(UTC))
            busy = set(session.scalars(select(JobRow.id).where(JobRow.id.in_([job_id, *parts]), held)))
            if job_id in busy:
                raise StoreError(
                    f"{self._noun.capitalize()} {number} is being worked on; cancel it and delete it once it has "
                    "stopped."
                )
            if busy:
                raise StoreError(
                    f"An audit of {self._noun} {number} is being worked on; cancel it and delete the {self._noun} once "
                    "it has stopped."
                )
            discard(session, job_id, parts, by)
        return next(one for one in self.deleted() if one.number == number)

    def restore(self, number: int) -> None:
        """Bring back what was deleted, with all that was deleted with it; leave alone what was not deleted.

        Raises UnknownNameError if there is none of this number any more, and BadInputError with code ``part-deleted``
        if it was deleted with something else, which must be restored first.
        """
        with self._database.writing(alone=True) as session:
            job_id = self._require(session, number, deleted=True)
            whole = self._whole(session, number)
            if whole is not None:
                raise BadInputError(
                    f"{self._noun.capitalize()} {number} belongs to {whole}, which was deleted; restore {whole} first.",
                    code="part-deleted",
                )
            restore(session, job_id)

    def deleted(self) -> tuple[Deleted, ...]:
        """Return what was deleted and may be restored, the newest first; what went with something else is left out."""
        query = (
            select(self._row.id, self._row.dataset_id, DatasetRow.name, TrashRow.deleted_at, TrashRow.deleted_by)
            .join(TrashRow, TrashRow.job_id == self._row.job_id)
            .join(DatasetRow, DatasetRow.id == self._row.dataset_id)
            .where(TrashRow.with_job_id.is_(None))
            .order_by(TrashRow.deleted_at.desc(), self._row.id.desc())
        )
        with self._database.reading() as session:
            return tuple(
                Deleted(
                    noun=self._noun,
                    number=number,
                    dataset_id=dataset_id,
                    dataset_name=name,
                    deleted_at=at,
                    deleted_by=by,
                    until=at + RESTORABLE_FOR,
                )
                for number, dataset_id, name, at, by in session.execute(query)
            )

    def _parts(self, session: Session, number: int) -> Sequence[int]:
        """Return the jobs that are deleted and restored with it."""
        return ()

    def _whole(self, session: Session, number: int) -> str | None:
        """Name what was deleted and has it as a part; None if there is none."""
        return None

    def _add(
        self,
        session: Session,
        spec: RunSpec | AuditSpec,
        request: str,
        actor: Actor,
        *,
        of_study: bool = False,
        **columns: object,
    ) -> int:
        """Put one into the queue, and return its number; what is a study's only that study takes up."""
        images = len(spec.image_ids)
        kind = of_study * STUDY_PART + self._noun
        job_id = add_job(session, kind, request, actor=actor, total=images)
        row = self._row(job_id=job_id, dataset_id=spec.dataset.id, spec=spec, images=images, **columns)
        session.add(row)
        session.flush()
        number: int = row.id
        return number

    def _read(self, record: type[Read], number: int) -> Read:
        with self._database.reading() as session:
            row = session.execute(self._select(record).where(self._row.id == number, ~is_deleted())).one_or_none()
            if row is None:
                raise self._unknown(session, number)
            return record(**row._mapping)

    def _list(
        self, conditions: Iterable[ColumnElement[bool]], states: Iterable[JobState], limit: int, offset: int
    ) -> tuple[Summary, ...]:
        query = self._select(self._summary).where(*conditions, *self._in_states(states), ~is_deleted())
        with self._database.reading() as session:
            rows = session.execute(query.order_by(self._row.id.desc()).limit(limit).offset(offset))
            return tuple(self._summary(**row._mapping) for row in rows)

    def _count(self, conditions: Iterable[ColumnElement[bool]], states: Iterable[JobState]) -> int:
        query = select(func.count(self._row.id)).join(JobRow, JobRow.id == self._row.job_id)
        with self._database.reading() as session:
            return session.scalar(query.where(*conditions, *self._in_states(states), ~is_deleted())) or 0

    def _in_states(self, states: Iterable[JobState]) -> list[ColumnElement[bool]]:
        wanted = tuple(states)
        for state in wanted:
            if state not in RUN_STATES:
                raise UnknownNameError(
                    f"There is no {self._noun} state {state!r}; choose among: {', '.join(RUN_STATES)}."
                )
        return [JobRow.state.in_(wanted)] if wanted else []

    def _select(self, record: type) -> Any:
        row = self._row
        return (
            select_fields(record, row, JobRow, dataset_name=DatasetRow.name)
            .join(JobRow, JobRow.id == row.job_id)
            .join(DatasetRow, DatasetRow.id == row.dataset_id)
        )

    def _job(self, number: int) -> ScalarSelect[int]:
        return select(self._row.job_id).where(self._row.id == number).scalar_subquery()

    def _require(self, session: Session, number: int, *, deleted: bool = False) -> int:
        """Return its job; ``deleted`` says that it may have been deleted and not be gone yet."""
        visible = [] if deleted else [~is_deleted(self._row.job_id)]
        job_id: int | None = session.scalar(select(self._row.job_id).where(self._row.id == number, *visible))
        if job_id is None:
            raise self._unknown(session, number)
        return job_id

    def _unknown(self, session: Session, number: int) -> UnknownNameError:
        of_it = select(TrashRow).join(self._row, self._row.job_id == TrashRow.job_id).where(self._row.id == number)
        gone = session.scalar(of_it)
        if gone is not None:
            until = gone.deleted_at + RESTORABLE_FOR
            return DeletedError(
                f"{self._noun.capitalize()} {number} was deleted by {gone.deleted_by}; it can be restored until "
                f"{until:%Y-%m-%d %H:%M} UTC."
            )
        visible = select(self._row.id).where(~is_deleted(self._row.job_id))
        ids = session.scalars(visible.order_by(self._row.id.desc()).limit(10)).all()
        exist = f"the latest are: {', '.join(map(str, ids))}." if ids else "there is none yet; start one first."
        return UnknownNameError(f"There is no {self._noun} {number}; {exist}")
