"""Runs and audits as kinds of jobs: each has a number, a spec and a result of its own beside its job."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.orm import Session

from facepriv.errors import UnknownNameError
from facepriv.schemas.audits import AuditSpec
from facepriv.schemas.runs import RunSpec
from facepriv.store.engine import Database
from facepriv.store.fields import select_fields
from facepriv.store.jobs import STUDY_PART, add_job
from facepriv.store.records import RUN_STATES, JobProgress, JobState
from facepriv.store.rows import DatasetRow, JobRow
from facepriv.types import Actor

Summary = TypeVar("Summary", bound=JobProgress)
Record = TypeVar("Record", bound=JobProgress)
Read = TypeVar("Read", bound=JobProgress)


class JobDetails(Generic[Summary, Record]):
    """What a kind of job has in a table of its own, read together with the job.

    Methods that take only a number raise UnknownNameError if there is no such row.
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

    def of_job(self, job_id: int) -> Record:
        """Return the one that a job carries out."""
        with self._database.reading() as session:
            number = session.scalar(select(self._row.id).where(self._row.job_id == job_id))
        if number is None:
            raise UnknownNameError(f"There is no job {job_id} of the kind {self._noun}.")
        return self.get(number)

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
            row = session.execute(self._select(record).where(self._row.id == number)).one_or_none()
            if row is None:
                raise self._unknown(session, number)
            return record(**row._mapping)

    def _list(
        self, conditions: Iterable[ColumnElement[bool]], states: Iterable[JobState], limit: int, offset: int
    ) -> tuple[Summary, ...]:
        query = self._select(self._summary).where(*conditions, *self._in_states(states))
        with self._database.reading() as session:
            rows = session.execute(query.order_by(self._row.id.desc()).limit(limit).offset(offset))
            return tuple(self._summary(**row._mapping) for row in rows)

    def _count(self, conditions: Iterable[ColumnElement[bool]], states: Iterable[JobState]) -> int:
        query = select(func.count(self._row.id)).join(JobRow, JobRow.id == self._row.job_id)
        with self._database.reading() as session:
            return session.scalar(query.where(*conditions, *self._in_states(states))) or 0

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

    def _require(self, session: Session, number: int) -> int:
        job_id: int | None = session.scalar(select(self._row.job_id).where(self._row.id == number))
        if job_id is None:
            raise self._unknown(session, number)
        return job_id

    def _unknown(self, session: Session, number: int) -> UnknownNameError:
        ids = session.scalars(select(self._row.id).order_by(self._row.id.desc()).limit(10)).all()
        exist = f"the latest are: {', '.join(map(str, ids))}." if ids else "there is none yet; start one first."
        return UnknownNameError(f"There is no {self._noun} {number}; {exist}")
