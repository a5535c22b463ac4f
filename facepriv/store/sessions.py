"""Sign-ins that the server remembers, and can end."""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, delete, update

from facepriv.store.engine import Database
from facepriv.store.fields import select_fields
from facepriv.store.records import SessionRecord
from facepriv.store.rows import SessionRow, UserRow

LIFETIME = timedelta(hours=12)
"""How long a session lasts at most."""
IDLE = timedelta(hours=2)
"""How long it lasts unused; a page that is open and asks for progress uses it."""
_NOTED = timedelta(minutes=1)
"""How exactly its last use is kept: noting every request would write to the database at every one."""
_KEPT = timedelta(days=30)
TOKEN_BYTES = 32


def secret_sha256(secret: str) -> str:
    """Return what the database holds of a token, or of what somebody typed: enough to find it, not to use it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def make_page_key() -> str:
    """Return a new secret for the pages of one session; only they and the browser's storage for them hold it."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_of(page_key: str) -> str:
    """Return the token of the session of a page's key, which tells nothing about the key.

    Browsers send the token, in a cookie, to every server of one host name whatever its port; the key they keep for one
    origin. So whoever holds the key holds the token, and not the other way round.
    """
    digest = hashlib.sha256(b"facepriv session of page key " + page_key.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class SessionStore:
    """Sessions of users. A session is over once it is revoked, too old or too long unused, or its user is disabled."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, user_id: int, *, key: str | None = None, now: datetime | None = None) -> str:
        """Begin a session; return its token, which is not kept: that of a page's key, without one a random token."""
        now = now or datetime.now(UTC)
        token = token_of(make_page_key() if key is None else key)
        with self._database.writing() as session:
            session.execute(delete(SessionRow).where(SessionRow.expires_at < now - _KEPT))
            session.add(
                SessionRow(
                    user_id=user_id,
                    token_sha256=secret_sha256(token),
                    created_at=now,
                    seen_at=now,
                    expires_at=now + LIFETIME,
                )
            )
        return token

    def holder(self, token: str, *, note: bool = True, now: datetime | None = None) -> SessionRecord | None:
        """Return the living session of a token, and note its use unless told not to; None if there is none."""
        return self._living(SessionRow.token_sha256 == secret_sha256(token), note, now)

    def living(self, session_id: int, *, now: datetime | None = None) -> SessionRecord | None:
        """Return a session by its number as `holder` does by its token."""
        return self._living(SessionRow.id == session_id, True, now)

    def of_user(self, name_key: str, *, now: datetime | None = None) -> tuple[SessionRecord, ...]:
        """Return the living sessions of a user, newest first."""
        return self._list(now or datetime.now(UTC), UserRow.key == name_key)

    def revoke(self, session_id: int) -> None:
        """End one session."""
        self._revoke(SessionRow.id == session_id)

    def revoke_all(self, user_id: int, *, but: int | None = None) -> int:
        """End all sessions of a user, but one if asked; return how many."""
        return self._revoke(SessionRow.user_id == user_id, *([] if but is None else [SessionRow.id != but]))

    def _living(self, condition: ColumnElement[bool], note: bool, now: datetime | None) -> SessionRecord | None:
        now = now or datetime.now(UTC)
        record = next(iter(self._list(now, condition)), None)
        if record is not None and note and now - record.seen_at >= _NOTED:
            with self._database.writing() as session:
                session.execute(update(SessionRow).where(SessionRow.id == record.id).values(seen_at=now))
        return record

    def _list(self, now: datetime, condition: ColumnElement[bool]) -> tuple[SessionRecord, ...]:
        living = (
            SessionRow.revoked_at.is_(None),
            SessionRow.expires_at > now,
            SessionRow.seen_at > now - IDLE,
            UserRow.disabled_at.is_(None),
        )
        query = select_fields(SessionRecord, SessionRow, UserRow, user=UserRow.name)
        query = query.join(UserRow, UserRow.id == SessionRow.user_id).where(condition, *living)
        with self._database.reading() as session:
            return tuple(SessionRecord(**row._mapping) for row in session.execute(query.order_by(SessionRow.id.desc())))

    def _revoke(self, *conditions: ColumnElement[bool]) -> int:
        mine = [SessionRow.revoked_at.is_(None), *conditions]
        with self._database.writing() as session:
            now = datetime.now(UTC)
            ended = update(SessionRow).where(*mine).values(revoked_at=now).returning(SessionRow.id)
            return len(session.execute(ended).all())
