"""Studies: what jobs of that kind are to search, what they have done so far, and what they found."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select, update

from facepriv.errors import UnknownNameError
from facepriv.schemas.studies import StudyProgress, StudyResult, StudySpec
from facepriv.store.engine import Database
from facepriv.store.fields import matching
from facepriv.store.job_details import JobDetails
from facepriv.store.jobs import add_job, complete, delete_job, set_held
from facepriv.store.leftovers import Leftovers, doom
from facepriv.store.records import JobState, StudyRecord, StudySummary
from facepriv.store.rows import AuditRow, DatasetRow, JobRow, LearningRow, RunImageRow, RunRow, StudyRow, StudyRunRow
from facepriv.types import UNNAMED, Actor


class StudyStore(JobDetails[StudySummary, StudyRecord]):
    """Studies of one database; what becomes of their jobs is `JobStore`'s matter.

    Contract. What `save_progress` has written stays over any kill. Methods that take ``owner`` do nothing but raise
    LeaseLostError unless the study's job is running and that owner's. The spec never changes. Records are detached.
    """

    _row, _noun = StudyRow, "study"
    _summary, _record = StudySummary, StudyRecord

    def __init__(self, database: Database, leftovers: Leftovers) -> None:
        super().__init__(database)
        self._leftovers = leftovers

    def create(self, spec: StudySpec, *, request: str = "{}", actor: Actor = UNNAMED) -> int:
        """Put a study into the queue and return its number; ``request`` and ``actor`` as for `JobStore.create`.

        Raises UnknownNameError if the data set does not exist with the content of the spec.
        """
        with self._database.writing() as session:
            dataset = session.scalar(
                select(DatasetRow.id).where(
                    DatasetRow.id == spec.dataset.id,
                    DatasetRow.content_sha256 == spec.dataset.content_sha256,
                    DatasetRow.ready,
                )
            )
            if dataset is None:
                raise UnknownNameError(f"There is no data set {spec.dataset.name!r} with the content of the spec.")
            job_id = add_job(session, self._noun, request, actor=actor, total=len(spec.settings))
            row = StudyRow(job_id=job_id, dataset_id=dataset, spec=spec, progress=StudyProgress())
            session.add(row)
            session.flush()
            return row.id

    def list(
        self, *, dataset_id: int | None = None, states: Iterable[JobState] = (), limit: int = 50, offset: int = 0
    ) -> tuple[StudySummary, ...]:
        """Return studies of a data set and in one of these states, if asked for, without specs and results.

        Newest first, a page at a time.
        """
        return self._list(matching(StudyRow, dataset_id=dataset_id), states, limit, offset)

    def count(self, *, dataset_id: int | None = None, states: Iterable[JobState] = ()) -> int:
        """Count the studies that `list` would return without a limit."""
        return self._count(matching(StudyRow, dataset_id=dataset_id), states)

    def save_progress(self, number: int, owner: str, progress: StudyProgress) -> None:
        """Keep what was done so far; raises LeaseLostError."""
        with self._database.writing() as session:
            set_held(session, self._job(number), owner, losses=0)
            session.execute(update(StudyRow).where(StudyRow.id == number).values(progress=progress))

    def finish(self, number: int, owner: str, result: StudyResult) -> None:
        """Make a study complete with its result; a cancel that came too late is ignored. Raises LeaseLostError."""
        with self._database.writing() as session:
            complete(session, self._job(number), owner)
            session.execute(update(StudyRow).where(StudyRow.id == number).values(result=result))

    def delete(self, number: int) -> None:
        """Remove a study with its runs, their audits and their files, see `Leftovers`.

        Raises
        ------
        StoreError
            If a worker is at it, or the artifacts are another database's. Also if a file cannot be removed, when the
            study is gone already; `Store.collect` takes the file later.
        """
        self._leftovers.ownership.require()
        runs = select(StudyRunRow.run_id).where(StudyRunRow.study_id == number)
        with self._database.writing(alone=True) as session:
            job_id = self._require(session, number)
            files = [
                sha256
                for table in (RunImageRow, LearningRow)
                for sha256 in session.scalars(select(table.artifact_sha256).where(table.run_id.in_(runs)))
            ]
            parts = [
                *session.scalars(select(AuditRow.job_id).where(AuditRow.run_id.in_(runs))),
                *session.scalars(select(RunRow.job_id).where(RunRow.id.in_(runs))),
            ]
            delete_job(session, job_id, f"Study {number}")
            session.execute(delete(JobRow).where(JobRow.id.in_(parts)))
            doom(session, files)
        self._leftovers.remove(files)
