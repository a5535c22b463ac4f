"""Leak audits: what jobs of that kind are to measure, and what they found."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from facepriv.errors import BadInputError, UnknownNameError
from facepriv.schemas.audits import AuditResult, AuditSpec
from facepriv.store.fields import matching
from facepriv.store.job_details import JobDetails
from facepriv.store.jobs import complete, delete_job
from facepriv.store.records import AuditRecord, AuditSummary, JobState
from facepriv.store.rows import AuditRow, DatasetRow, JobRow, RunRow, StudyRunRow
from facepriv.store.trash import is_deleted
from facepriv.types import UNNAMED, Actor


class AuditStore(JobDetails[AuditSummary, AuditRecord]):
    """Audits of one database; what becomes of their jobs is `JobStore`'s matter.

    The spec never changes. Records are detached.
    """

    _row, _noun = AuditRow, "audit"
    _summary, _record = AuditSummary, AuditRecord

    def create(self, spec: AuditSpec, *, request: str = "{}", actor: Actor = UNNAMED, of_study: bool = False) -> int:
        """Put an audit into the queue and return its number; ``request`` and ``actor`` as for `JobStore.create`.

        One that is a study's, as its run is, is taken up by that study only.

        Raises
        ------
        UnknownNameError
            If the data set, the one that attackers learn from, or the run does not exist.
        BadInputError
            If the spec has no image, or the run is not complete or of another data set.
        """
        if not spec.image_ids:
            raise BadInputError("An audit needs at least one image, but its spec has none; choose some.")
        with self._database.writing() as session:
            dataset = session.scalar(select(DatasetRow).where(DatasetRow.id == spec.dataset.id, DatasetRow.ready))
            if dataset is None or dataset.content_sha256 != spec.dataset.content_sha256:
                raise UnknownNameError(f"There is no data set {spec.dataset.name!r} with the content of the spec.")
            people = spec.learn_from
            if people is not None and not session.scalar(
                select(DatasetRow.id).where(
                    DatasetRow.id == people.dataset.id,
                    DatasetRow.content_sha256 == people.dataset.content_sha256,
                    DatasetRow.ready,
                )
            ):
                raise UnknownNameError(f"There is no data set {people.dataset.name!r} with the content of the spec.")
            if spec.run_id is not None:
                run = session.execute(
                    select(JobRow.state, RunRow.dataset_id)
                    .join(JobRow, JobRow.id == RunRow.job_id)
                    .where(RunRow.id == spec.run_id, ~is_deleted())
                ).one_or_none()
                if run is None:
                    raise UnknownNameError(f"There is no run {spec.run_id}.")
                if run.state != "complete" or run.dataset_id != dataset.id:
                    raise BadInputError(
                        f"A complete run on {spec.dataset.name} was expected, but run {spec.run_id} is {run.state}"
                        f"{'' if run.dataset_id == dataset.id else ' and on another data set'}; choose another run."
                    )
            return self._add(session, spec, request, actor, of_study=of_study, run_id=spec.run_id)

    def list(
        self,
        *,
        dataset_id: int | None = None,
        run_id: int | None = None,
        states: Iterable[JobState] = (),
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[AuditSummary, ...]:
        """Return audits of a data set, of a run and in one of these states, if asked for, without specs and results.

        Newest first, a page at a time. Those of a study's runs are returned only where that run is asked for.
        """
        hidden = [] if run_id is not None else [of_no_study()]
        conditions = [*matching(AuditRow, dataset_id=dataset_id, run_id=run_id), *hidden]
        return self._list(conditions, states, limit, offset)

    def newest_of_runs(self) -> dict[int, AuditSummary]:
        """Return the newest complete audit of every run that has one, by the number of the run."""
        complete = (JobRow.state == "complete", AuditRow.run_id.is_not(None), ~is_deleted())
        newest = (
            select(func.max(AuditRow.id))
            .join(JobRow, JobRow.id == AuditRow.job_id)
            .where(*complete)
            .group_by(AuditRow.run_id)
        )
        query = self._select(AuditSummary).where(AuditRow.id.in_(newest))
        with self._database.reading() as session:
            found = [AuditSummary(**row._mapping) for row in session.execute(query)]
        return {audit.run_id: audit for audit in found if audit.run_id is not None}

    def count(
        self, *, dataset_id: int | None = None, of_run: bool | None = None, states: Iterable[JobState] = ()
    ) -> int:
        """Count audits: of a data set, of a run's images or of those as they are, in one of these states, if asked.

        Those of a study's runs are not counted.
        """
        kinds = [] if of_run is None else [AuditRow.run_id.is_not(None) == of_run]
        return self._count([*matching(AuditRow, dataset_id=dataset_id), *kinds, of_no_study()], states)

    def finish(self, number: int, owner: str, result: AuditResult) -> None:
        """Make the audit complete with its result; a cancel that came too late is ignored. Raises LeaseLostError."""
        with self._database.writing() as session:
            complete(session, self._job(number), owner)
            session.execute(update(AuditRow).where(AuditRow.id == number).values(result=result))

    def delete(self, number: int) -> None:
        """Remove an audit, but nothing that was measured for it; raises StoreError if a worker is at it.

        One that was deleted and may be restored goes as well; it cannot be restored any more.
        """
        with self._database.writing() as session:
            delete_job(session, self._require(session, number, deleted=True), f"Audit {number}")

    def _whole(self, session: Session, number: int) -> str | None:
        run = select(RunRow.id).join(AuditRow, AuditRow.run_id == RunRow.id)
        deleted = session.scalar(run.where(AuditRow.id == number, is_deleted(RunRow.job_id)))
        return None if deleted is None else f"run {deleted}"


def of_no_study() -> ColumnElement[bool]:
    """Return the condition that an audit is not of a study's run."""
    return or_(AuditRow.run_id.is_(None), AuditRow.run_id.not_in(select(StudyRunRow.run_id)))
