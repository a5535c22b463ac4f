"""Failed tries of passwords and passphrases, so that nobody can go on guessing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select

from facepriv.store.engine import Database
from facepriv.store.models import AttemptRow

_KEPT = timedelta(days=1)


class AttemptStore:
    """Failures by what they were tried on. What that is stays unknown: a name field may hold a password by mistake."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def failed(self, keys: Sequence[str], *, now: datetime | None = None) -> None:
        """Note one failure under every key."""
        now = now or datetime.now(UTC)
        with self._database.writing() as session:
            session.execute(delete(AttemptRow).where(AttemptRow.at < now - _KEPT))
            session.add_all(AttemptRow(key_sha256=_hash(key), at=now) for key in keys)

    def since(self, key: str, moment: datetime) -> tuple[int, datetime | None]:
        """Count the failures under a key since a moment, and give the time of the first of them."""
        query = select(func.count(), func.min(AttemptRow.at)).where(
            AttemptRow.key_sha256 == _hash(key), AttemptRow.at >= moment
        )
        with self._database.reading() as session:
            number, first = session.execute(query).one()
            return number, first

    def forget(self, key: str) -> None:
        """Drop the failures under a key, as after a success."""
        with self._database.writing() as session:
            session.execute(delete(AttemptRow).where(AttemptRow.key_sha256 == _hash(key)))


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
