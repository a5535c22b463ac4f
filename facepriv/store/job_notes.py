"""Names, notes and tags of runs and audits, and the few figures of each that lists show."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import select

from facepriv.store.engine import Database, put_rows
from facepriv.store.fields import record_of, values_of
from facepriv.store.records import JobNotes
from facepriv.store.rows import JobFiguresRow, JobNoteRow

_BATCH = 500


class JobNoteStore:
    """What people wrote about runs and audits, by the number of the job; it goes with them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, job_id: int, notes: JobNotes) -> None:
        """Write name, notes and tags in place of those of before."""
        with self._database.writing() as session:
            put_rows(session, JobNoteRow, [values_of(JobNotes, notes, job_id=job_id)])

    def get(self, job_id: int) -> JobNotes:
        """Return them; empty ones where nobody wrote any."""
        return self.list([job_id]).get(job_id, JobNotes())

    def list(self, job_ids: Collection[int] | None = None) -> dict[int, JobNotes]:
        """Return those of these jobs, or of all, that somebody wrote about, by the number of the job."""
        found: dict[int, JobNotes] = {}
        for some in _batches(job_ids):
            query = select(JobNoteRow) if some is None else select(JobNoteRow).where(JobNoteRow.job_id.in_(some))
            with self._database.reading() as session:
                found |= {row.job_id: record_of(JobNotes, row) for row in session.scalars(query)}
        return found


class JobFiguresStore:
    """Figures of runs and audits that were read from specs and results once; whoever reads them knows their version."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, version: int, figures: Mapping[int, Mapping[str, Any]]) -> None:
        """Keep the figures of jobs, by the number of the job."""
        rows = [{"job_id": job, "version": version, "figures": dict(found)} for job, found in figures.items()]
        with self._database.writing() as session:
            put_rows(session, JobFiguresRow, rows)

    def list(self, version: int, job_ids: Collection[int]) -> dict[int, dict[str, Any]]:
        """Return the figures of those of these jobs that some of this version are known of."""
        found: dict[int, dict[str, Any]] = {}
        for some in _batches(job_ids):
            query = select(JobFiguresRow.job_id, JobFiguresRow.figures)
            of_them = (JobFiguresRow.version == version, JobFiguresRow.job_id.in_(some or ()))
            with self._database.reading() as session:
                found |= {row.job_id: row.figures for row in session.execute(query.where(*of_them))}
        return found


def _batches(numbers: Collection[int] | None) -> Iterable[list[int] | None]:
    """Yield numbers some hundred at a time, since a database takes only so many; None for all stays None."""
    if numbers is None:
        yield None
        return
    listed = list(numbers)
    for start in range(0, len(listed), _BATCH):
        yield listed[start : start + _BATCH]
