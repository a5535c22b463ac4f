"""What was promised of jobs that somebody asked for on a page, and which ends they have not seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select, update

from facepriv.schemas.plans import JobPlan
from facepriv.store.engine import Database
from facepriv.store.fields import select_fields
from facepriv.store.records import JobRecord
from facepriv.store.rows import JobPlanRow, JobRow
from facepriv.store.trash import is_deleted
from facepriv.types import Actor

ENDED = ("complete", "failed", "previewed")
"""States that whoever asked is told of; who cancels a job knows."""
KEEP = timedelta(days=14)
"""How long an end that nobody looked at is told of."""
MOST = 50


class JobPlanStore:
    """Plans of jobs, and whose end was announced and seen. A job without a row here is nobody's to be told of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, job_id: int, plan: JobPlan | None) -> None:
        """Keep what was promised of a job; from now on whoever asked for it is told of its end."""
        with self._database.writing() as session:
            session.execute(insert(JobPlanRow).values(job_id=job_id, plan=plan))

    def set(self, job_id: int, plan: JobPlan) -> None:
        """Keep what can be promised of a job that is known by now."""
        with self._database.writing() as session:
            session.execute(update(JobPlanRow).where(JobPlanRow.job_id == job_id).values(plan=plan))

    def get(self, job_id: int) -> JobPlan | None:
        """Return what was promised of a job, None if nothing was."""
        with self._database.reading() as session:
            return session.scalar(select(JobPlanRow.plan).where(JobPlanRow.job_id == job_id))

    def unseen(self, actor: Actor) -> tuple[tuple[JobRecord, bool], ...]:
        """Return the jobs of a user that have ended and were not looked at, newest end first; whether announced."""
        query = (
            select_fields(JobRecord, JobRow)
            .add_columns(JobPlanRow.announced_at)
            .join(JobPlanRow, JobPlanRow.job_id == JobRow.id)
            .where(
                JobPlanRow.seen_at.is_(None),
                JobRow.actor == actor.name,
                JobRow.origin == actor.origin,
                JobRow.state.in_(ENDED),
                ~is_deleted(JobRow.id),
                JobRow.created_at > datetime.now(UTC) - KEEP,
            )
            .order_by(JobRow.id.desc())
            .limit(MOST)
        )
        with self._database.reading() as session:
            rows = [dict(row._mapping) for row in session.execute(query)]
        announced = [row.pop("announced_at") is not None for row in rows]
        return tuple((JobRecord(**row), told) for row, told in zip(rows, announced, strict=True))

    def announce(self, job_id: int) -> bool:
        """Note that the end of a job is being announced; return False if it was before."""
        return self._note(job_id, "announced_at")

    def see(self, job_id: int) -> bool:
        """Note that somebody looks at a job that has ended; return False if they had before."""
        return self._note(job_id, "seen_at")

    def _note(self, job_id: int, column: str) -> bool:
        with self._database.writing() as session:
            noted = session.scalar(
                update(JobPlanRow)
                .where(JobPlanRow.job_id == job_id, getattr(JobPlanRow, column).is_(None))
                .values({column: datetime.now(UTC)})
                .returning(JobPlanRow.job_id)
                .execution_options(synchronize_session=False)
            )
            return noted is not None
