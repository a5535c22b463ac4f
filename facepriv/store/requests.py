"""What officers ask for before they sign, what auditors answer, and how far everybody has read."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import and_, func, select

from facepriv.store.engine import Database, add_row, put_rows
from facepriv.store.fields import record_of
from facepriv.store.records import RequestKind, RequestRecord
from facepriv.store.rows import RequestReadRow, RequestRow


class RequestStore:
    """Threads of requests and answers; lines are added and never changed, and stay when their results are gone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        *,
        run_id: int | None,
        audit_id: int | None,
        about: str,
        author: str,
        kind: RequestKind,
        text: str,
        sha256: str,
    ) -> RequestRecord:
        """Add a line to the thread ``about``, with the hash of the results as they are now."""
        row = RequestRow(
            run_id=run_id,
            audit_id=audit_id,
            about=about,
            author=author,
            at=datetime.now(UTC),
            kind=kind,
            text=text,
            sha256=sha256,
        )
        return add_row(self._database, RequestRecord, row)

    def thread(self, about: str) -> tuple[RequestRecord, ...]:
        """Return a thread, oldest line first."""
        query = select(RequestRow).where(RequestRow.about == about).order_by(RequestRow.id)
        with self._database.reading() as session:
            return tuple(record_of(RequestRecord, row) for row in session.scalars(query))

    def of_results(self, *, run_id: int | None = None, audit_id: int | None = None) -> tuple[str, ...]:
        """Return the threads about a run or an audit, those first that began first."""
        column, number = (RequestRow.run_id, run_id) if run_id is not None else (RequestRow.audit_id, audit_id)
        query = select(RequestRow.about).where(column == number).group_by(RequestRow.about)
        with self._database.reading() as session:
            return tuple(session.scalars(query.order_by(func.min(RequestRow.id))))

    def unread(
        self, reader: str, kinds: Collection[RequestKind], about: Collection[str] | None = None
    ) -> tuple[RequestRecord, ...]:
        """Return the lines of these kinds by others that somebody has not read, newest first; of some threads only."""
        seen = and_(RequestReadRow.thread == RequestRow.about, RequestReadRow.reader == reader)
        query = (
            select(RequestRow)
            .outerjoin(RequestReadRow, seen)
            .where(
                RequestRow.kind.in_(kinds),
                RequestRow.author != reader,
                RequestRow.id > func.coalesce(RequestReadRow.up_to, 0),
                *([] if about is None else [RequestRow.about.in_(about)]),
            )
            .order_by(RequestRow.id.desc())
        )
        with self._database.reading() as session:
            return tuple(record_of(RequestRecord, row) for row in session.scalars(query))

    def read(self, reader: str, about: str) -> None:
        """Note that somebody has read a thread to its end."""
        with self._database.writing() as session:
            last = session.scalar(select(func.max(RequestRow.id)).where(RequestRow.about == about))
            put_rows(session, RequestReadRow, [{"reader": reader, "thread": about, "up_to": last or 0}])
