"""Failed tries of passwords and passphrases, so that nobody can go on guessing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from facepriv.store.engine import Database
from facepriv.store.rows import AttemptRow
from facepriv.store.sessions import secret_sha256

_KEPT = timedelta(days=1)
_SKEW = timedelta(minutes=5)
"""How far clocks of dashboards at one database may differ; what is dated later was noted by a clock that was wrong."""


class AttemptStore:
    """Failures by what they were tried on. What that is stays unknown: a name field may hold a password by mistake."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def failed(self, limits: Mapping[str, int], since: datetime, *, now: datetime | None = None) -> datetime | None:
        """Note one failure under every key, unless there are as many of any since a moment as its limit.

        Of many at once, no more are noted than the limits allow. Where none was noted, return when the first of these
        many was. Failures dated in the future, as by a clock that was wrong, count for nothing.
        """
        now = now or datetime.now(UTC)
        # Alone: no other is noted between counting and noting.
        with self._database.writing(alone=True) as session:
            for key, most in limits.items():
                number, first = _between(session, key, since, now + _SKEW)
                if number >= most:
                    return first
            wrong = or_(AttemptRow.at < now - _KEPT, AttemptRow.at > now + _KEPT)
            session.execute(delete(AttemptRow).where(wrong))
            session.add_all(AttemptRow(key_sha256=secret_sha256(key), at=now) for key in limits)
        return None

    def take_back(self, key: str) -> None:
        """Drop the newest failure under a key: it was none."""
        tries = select(AttemptRow.id).where(AttemptRow.key_sha256 == secret_sha256(key))
        newest = tries.order_by(AttemptRow.id.desc()).limit(1)
        with self._database.writing() as session:
            session.execute(delete(AttemptRow).where(AttemptRow.id.in_(newest)))

    def forget(self, key: str) -> None:
        """Drop the failures under a key, as after a success."""
        with self._database.writing() as session:
            session.execute(delete(AttemptRow).where(AttemptRow.key_sha256 == secret_sha256(key)))


def _between(session: Session, key: str, since: datetime, until: datetime) -> tuple[int, datetime | None]:
    mine = AttemptRow.key_sha256 == secret_sha256(key), AttemptRow.at >= since, AttemptRow.at <= until
    number, first = session.execute(select(func.count(), func.min(AttemptRow.at)).where(*mine)).one()
    return number, first
