"""Results that were shared, by link or with an officer, and what officers said about them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, false, func, or_, select, update

from facepriv.errors import UnknownNameError
from facepriv.store.engine import Database, add_row
from facepriv.store.fields import matching, record_of
from facepriv.store.records import Decision, RemarkRecord, ShareRecord
from facepriv.store.rows import AuditRow, RemarkRow, RunRow, ShareRow, UserRow
from facepriv.store.sessions import TOKEN_BYTES, secret_sha256
from facepriv.store.trash import is_deleted as is_in_trash

_DELETED = {
    ShareRow.run_id: select(RunRow.id).where(is_in_trash(RunRow.job_id)),
    ShareRow.audit_id: select(AuditRow.id).where(is_in_trash(AuditRow.job_id)),
}
"""What shares are about, and which of that was deleted and may be restored."""


class ShareStore:
    """Shares of runs and audits; they go with these, and are else kept when they are over, to be looked up.

    Those of a run or an audit that was deleted and may be restored show nothing, and are listed nowhere, until it is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        *,
        run_id: int | None,
        audit_id: int | None,
        expires_at: datetime,
        shared_by: str,
        link: bool = True,
        passphrase_hash: str | None = None,
        officer_id: int | None = None,
        faces: int = 0,
    ) -> tuple[ShareRecord, str | None]:
        """Keep a share; return it, and the token of its link if it has one, which is not kept."""
        token = secrets.token_urlsafe(TOKEN_BYTES) if link else None
        row = ShareRow(
            run_id=run_id,
            audit_id=audit_id,
            token_sha256=None if token is None else secret_sha256(token),
            passphrase_hash=passphrase_hash,
            officer_id=officer_id,
            faces=faces,
            shared_by=shared_by,
            created_at=datetime.now(UTC),
            expires_at=expires_at,
            views=0,
        )
        with self._database.writing() as session:
            session.add(row)
            session.flush()
            officer = None if officer_id is None else session.get_one(UserRow, officer_id)
            return share_record(row, officer), token

    def find(self, token: str) -> ShareRecord | None:
        """Return the share of a link's token, over or not; None if there is none."""
        return next(iter(self._list(ShareRow.token_sha256 == secret_sha256(token), deleted=True)), None)

    def get(self, share_id: int) -> ShareRecord:
        """Return a share by its number; raises UnknownNameError if there is none."""
        shares = self._list(ShareRow.id == share_id)
        if not shares:
            raise UnknownNameError(f"There is no share {share_id}; `facepriv shares` lists them.")
        return shares[0]

    def list(
        self, *, run_id: int | None = None, audit_id: int | None = None, officer_id: int | None = None
    ) -> tuple[ShareRecord, ...]:
        """Return shares, newest first, of one run or audit or for one officer if asked for."""
        return self._list(*matching(ShareRow, run_id=run_id, audit_id=audit_id, officer_id=officer_id))

    def viewed(self, share_id: int) -> None:
        """Count a view."""
        self._change(ShareRow.id == share_id, views=ShareRow.views + 1, viewed_at=datetime.now(UTC))

    def revoke(self, share_id: int) -> None:
        """End a share; one that was ended before keeps its time."""
        self._change(ShareRow.id == share_id, ShareRow.revoked_at.is_(None), revoked_at=datetime.now(UTC))

    def _change(self, *conditions: ColumnElement[bool], **values: Any) -> None:
        with self._database.writing() as session:
            session.execute(update(ShareRow).where(*conditions).values(**values))

    def _list(self, *conditions: ColumnElement[bool], deleted: bool = False) -> tuple[ShareRecord, ...]:
        gone = or_(*(column.in_(numbers) for column, numbers in _DELETED.items()))
        gone = func.coalesce(gone, false())  # without an audit, "is it among them" is NULL
        query = select(ShareRow, UserRow, gone).outerjoin(UserRow, UserRow.id == ShareRow.officer_id)
        hidden = [] if deleted else [~gone]
        with self._database.reading() as session:
            rows = session.execute(query.where(*conditions, *hidden).order_by(ShareRow.id.desc()))
            return tuple(share_record(row, officer, is_deleted=bool(off)) for row, officer, off in rows)


class RemarkStore:
    """Comments and sign-offs; they are added and never changed, and stay when what they are about is gone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        *,
        run_id: int | None,
        audit_id: int | None,
        about: str,
        author: str,
        text: str,
        decision: Decision | None = None,
        sha256: str | None = None,
    ) -> RemarkRecord:
        """Keep what somebody said; a decision comes with the hash of what was decided about."""
        row = RemarkRow(
            run_id=run_id,
            audit_id=audit_id,
            about=about,
            author=author,
            at=datetime.now(UTC),
            decision=decision,
            text=text,
            sha256=sha256,
        )
        return add_row(self._database, RemarkRecord, row)

    def list(self, *, run_id: int | None = None, audit_id: int | None = None) -> Sequence[RemarkRecord]:
        """Return what was said, oldest first, about one run or one audit if asked for."""
        query = select(RemarkRow).where(*matching(RemarkRow, run_id=run_id, audit_id=audit_id))
        with self._database.reading() as session:
            return tuple(record_of(RemarkRecord, row) for row in session.scalars(query.order_by(RemarkRow.id)))


def share_record(row: ShareRow, officer: UserRow | None, *, is_deleted: bool = False) -> ShareRecord:
    """Make a record of a share's row and that of the officer it is for, if it is for one."""
    name = None if officer is None else officer.name
    return record_of(ShareRecord, row, has_link=row.token_sha256 is not None, officer=name, is_deleted=is_deleted)
