"""The access log: who saw or exported what, and when, as a chain of hashes.

Each line's hash covers the line and the hash of the one before. A changed, removed, moved or slipped-in line breaks the
chain from there on, unless whoever did it computed all later hashes too: to notice that, or that the last lines were
cut off, a later hash must have been noted elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from facepriv.store.engine import Database
from facepriv.store.fields import matching, record_of
from facepriv.store.inspection import is_log_protected
from facepriv.store.records import AccessRecord
from facepriv.store.rows import AccessRow
from facepriv.types import Actor

_CHAIN_LOCK = int.from_bytes(b"fp-chain", "big")
"""Number of PostgreSQL's advisory lock on the chain's end; SQLite has one writer at a time anyway."""
_BATCH = 1000
SELDOM_SECONDS = 60.0
"""For how long equal refusals of strangers are summed up to one line."""
_MOST_SELDOM = 1000
PURGE_BEGUN = "purge-begun"
"""What deletes the rows of a purge is called in the log; another line tells the outcome."""
START = "0" * 64
"""Stands for the hash of the line before the first."""


@dataclass(frozen=True, kw_only=True)
class ChainState:
    """What a walk along the access log's chain of hashes found."""

    lines: int
    last: str
    """Hash of the last line, in hexadecimal; zeros where there is no line."""
    broken_at: int | None
    """Number of the first line that does not follow from the one before; None if all do."""
    expected_at: int | None
    """Number of the line whose hash was expected to be among them; None if none was, or it was not found."""
    protected: bool
    """Whether the database refuses to change or remove lines."""


class AccessLog:
    """Lines that are added and never changed or removed; this class has no way to do either.

    Lines name data sets, runs and images by id only, so that the log itself holds no personal data of subjects.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seldom: dict[tuple[Actor, str, str, str], tuple[float | None, int]] = {}
        self._seldom_lock = threading.Lock()

    def record(self, actor: Actor, action: str, subject: str = "", detail: str = "") -> AccessRecord:
        """Add a line with the present time; once this returns, the line survives a power cut."""
        with self._database.writing() as session:
            return add_line(session, actor, action, subject, detail)

    def record_seldom(self, actor: Actor, action: str, subject: str = "", detail: str = "") -> AccessRecord | None:
        """Add a line unless the same was added less than `SELDOM_SECONDS` ago by this process.

        What came meanwhile is counted and told with the next, so that a stranger cannot fill the log.
        """
        said, now = (actor, action, subject, detail), time.monotonic()
        if len(self._seldom) > _MOST_SELDOM:
            self.sum_up()
        with self._seldom_lock:
            last, untold = self._seldom.get(said, (None, 0))
            told_now = last is None or now - last >= SELDOM_SECONDS
            self._seldom[said] = (now, 0) if told_now else (last, untold + 1)
        if not told_now:
            return None
        return self.record(actor, action, subject, _summed(detail, untold + 1))

    def sum_up(self) -> None:
        """Add the lines of what `record_seldom` has counted and not told yet, as at the end of a server."""
        with self._seldom_lock:
            counted, self._seldom = self._seldom, {}
        for (actor, action, subject, detail), (_, untold) in counted.items():
            if untold:
                self.record(actor, action, subject, _summed(detail, untold))

    def list(
        self, *, actor: str | None = None, action: str | None = None, limit: int = 100, offset: int = 0
    ) -> tuple[AccessRecord, ...]:
        """Return lines, newest first, of one actor or action if asked for."""
        query = select(AccessRow).where(*matching(AccessRow, actor=actor, action=action))
        with self._database.reading() as session:
            return tuple(map(_record, session.scalars(query.order_by(AccessRow.id.desc()).limit(limit).offset(offset))))

    def count(self, *, actor: str | None = None, action: str | None = None) -> int:
        """Count the lines, of one actor or action if asked for."""
        query = select(func.count(AccessRow.id)).where(*matching(AccessRow, actor=actor, action=action))
        with self._database.reading() as session:
            return session.scalar(query) or 0

    def actors(self) -> Sequence[str]:
        """Return all who ever did something, in the order of their names."""
        return self._distinct(AccessRow.actor)

    def actions(self) -> Sequence[str]:
        """Return all that was ever done, in alphabetical order."""
        return self._distinct(AccessRow.action)

    def _distinct(self, column: InstrumentedAttribute[str]) -> Sequence[str]:
        with self._database.reading() as session:
            return session.scalars(select(column).distinct().order_by(column)).all()

    def verify(self, expected: str | None = None) -> ChainState:
        """Walk along all lines and see whether each follows from the one before.

        Parameters
        ----------
        expected
            Hash of a line, or at least its first sixteen digits, noted earlier and elsewhere: is it still there?
        """
        previous, lines, broken_at, expected_at = START, 0, None, None
        with self._database.reading() as session:
            for row in session.scalars(select(AccessRow).order_by(AccessRow.id).execution_options(yield_per=_BATCH)):
                lines += 1
                link_sha256 = _link_sha256(previous, row)
                if row.chain_sha256 != link_sha256 and broken_at is None:
                    broken_at = row.id
                # Going on from what stands there finds the first break, not all that follow from it.
                previous = row.chain_sha256 or link_sha256
                if expected and previous.startswith(expected.lower()):
                    expected_at = row.id
            is_protected = is_log_protected(session.connection())
        return ChainState(
            lines=lines, last=previous, broken_at=broken_at, expected_at=expected_at, protected=is_protected
        )


def _summed(detail: str, times: int) -> str:
    return ", ".join(filter(None, (detail, f"{times} times" if times > 1 else "")))


def add_line(session: Session, actor: Actor, action: str, subject: str = "", detail: str = "") -> AccessRecord:
    """Add a line in a transaction, with which it is kept or undone."""
    if session.get_bind().dialect.name == "postgresql":
        # Taken before the last line is read: whoever waits here then sees the line that was added meanwhile.
        session.execute(text(f"SELECT pg_advisory_xact_lock({_CHAIN_LOCK})"))
    last = session.execute(select(AccessRow.chain_sha256).order_by(AccessRow.id.desc()).limit(1)).scalar()
    said = {"action": action, "subject": subject, "detail": detail}
    row = AccessRow(at=datetime.now(UTC), actor=actor.name, origin=actor.origin, **said)
    row.chain_sha256 = _link_sha256(last or START, row)
    session.add(row)
    session.flush()
    return _record(row)


def _link_sha256(previous: str, row: AccessRow) -> str:
    """Return a line's hash, from that of the line before and all that the line says."""
    moment = row.at.astimezone(UTC).isoformat(timespec="microseconds")
    said = json.dumps(
        [previous, moment, row.actor, row.origin, row.action, row.subject, row.detail],
        ensure_ascii=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(said.encode("ascii")).hexdigest()


def _record(row: AccessRow) -> AccessRecord:
    return record_of(AccessRecord, row, chain_sha256=row.chain_sha256 or "")
