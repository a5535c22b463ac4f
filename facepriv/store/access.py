"""The access log: who saw or exported what, and when."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from facepriv.store.engine import Database
from facepriv.store.models import AccessRow
from facepriv.store.records import AccessRecord


class AccessLog:
    """Lines that are added and never changed or removed; this class has no way to do either.

    Lines name data sets, runs and images by id only, so that the log itself holds no personal data of subjects.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, actor: str, action: str, subject: str = "", detail: str = "") -> AccessRecord:
        """Add a line with the present time; once this returns, the line survives a power cut."""
        row = AccessRow(at=datetime.now(UTC), actor=actor, action=action, subject=subject, detail=detail)
        with self._database.writing() as session:
            session.add(row)
            session.flush()
            return _record(row)

    def list(
        self, *, actor: str | None = None, action: str | None = None, limit: int = 100, offset: int = 0
    ) -> tuple[AccessRecord, ...]:
        """Give lines, newest first, of one actor or action if asked for."""
        query = select(AccessRow).order_by(AccessRow.id.desc()).limit(limit).offset(offset)
        if actor is not None:
            query = query.where(AccessRow.actor == actor)
        if action is not None:
            query = query.where(AccessRow.action == action)
        with self._database.reading() as session:
            return tuple(map(_record, session.scalars(query)))


def _record(row: AccessRow) -> AccessRecord:
    return AccessRecord(
        id=row.id, at=row.at, actor=row.actor, action=row.action, subject=row.subject, detail=row.detail
    )
