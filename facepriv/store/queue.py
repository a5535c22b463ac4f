"""Rows that worker processes claim, hold by a lease and end: what runs and audits have in common."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, update
from sqlalchemy.orm import Session, aliased

from facepriv.errors import StoreError, UnknownNameError
from facepriv.store.engine import Database
from facepriv.store.models import QueuedRow, UtcDateTime
from facepriv.store.records import RunState

LEASE_SECONDS = 60.0
"""How long a worker is believed to be alive without a heartbeat; far above any difference between two clocks."""
MAX_ATTEMPTS = 3
"""How often a row may be taken up; work that takes its worker down each time must not do so for ever."""


class LeaseLostError(StoreError):
    """The run or audit is no longer this worker's: stop and write nothing more."""


class QueueStore:
    """One table of queued work.

    Contract. A row is ``waiting`` until a worker claims it, ``running`` while that worker holds its lease, and ends
    as ``complete``, ``failed`` or ``cancelled``; an ended one never changes again. At most one worker holds a row:
    claiming is one statement, and every method that takes ``owner`` does nothing but raise LeaseLostError unless the
    row is running and owned by that owner. A lease that ran out is renewed by the owner's next heartbeat unless
    another worker has claimed the row before. Methods that take only a number raise UnknownNameError if there is no
    such row; every method raises StoreError if the database cannot be used.

    ``owner`` must be unique for each start of a worker process, for instance host, process id and a random part.
    """

    _row: ClassVar[Any]
    """The table's model, a `QueuedRow`."""
    _noun: ClassVar[str]

    def __init__(self, database: Database) -> None:
        self._database = database

    def heartbeat(
        self, number: int, owner: str, stage: str, done: int, total: int, lease_seconds: float = LEASE_SECONDS
    ) -> bool:
        """Renew the lease, note the progress, and give whether the user asked to cancel.

        Raises
        ------
        LeaseLostError
            If the row is not this owner's any more.
        """
        lease = datetime.now(UTC) + timedelta(seconds=lease_seconds)
        with self._database.writing() as session:
            return self._set(session, number, owner, lease_until=lease, stage=stage, done=done, total=total)

    def fail(self, number: int, owner: str, error: str) -> None:
        """End it with the reason why it failed, one sentence for the user; raises LeaseLostError."""
        with self._database.writing() as session:
            self._end(session, number, owner, "failed", error=error)

    def mark_cancelled(self, number: int, owner: str) -> None:
        """End it after `heartbeat` told of the user's wish; raises LeaseLostError."""
        with self._database.writing() as session:
            self._end(session, number, owner, "cancelled")

    def release(self, number: int, owner: str) -> None:
        """Give it back unfinished, for a worker told to stop; it does not count as an attempt.

        If the user asked to cancel, it is cancelled instead. Raises LeaseLostError.
        """
        with self._database.writing() as session:
            if self._hold(session, number, owner):
                self._end(session, number, owner, "cancelled")
            else:
                attempts = self._row.attempts - 1
                self._set(session, number, owner, state="waiting", owner=None, lease_until=None, attempts=attempts)

    def cancel(self, number: int) -> RunState:
        """Ask to cancel and give the state it then has.

        What waits, or whose worker was lost, is cancelled at once; what is running is told at its next heartbeat;
        what has ended stays as it is.
        """
        now = datetime.now(UTC)
        row = self._row
        idle = or_(row.state == "waiting", row.lease_until < now)
        with self._database.writing() as session:
            session.execute(
                update(row)
                .where(row.id == number, row.state.in_(("waiting", "running")))
                .values(
                    cancel_requested=True,
                    state=case((idle, "cancelled"), else_=row.state),
                    finished_at=case((idle, literal(now, UtcDateTime())), else_=row.finished_at),
                    lease_until=case((idle, None), else_=row.lease_until),
                )
                .execution_options(synchronize_session=False)
            )
            return self._require(session, number)

    def _claim(self, session: Session, owner: str, lease_seconds: float, only: int | None, now: datetime) -> int | None:
        """Take up the oldest row that waits, or whose worker's lease ran out; gives its number, None if there is none.

        Rows whose workers were lost `MAX_ATTEMPTS` times are failed on the way, and lost ones that were to be
        cancelled are cancelled.
        """
        self._end_lost(session, now)
        row = self._row
        oldest = aliased(row)
        wanted = [_claimable(oldest, now)] + ([] if only is None else [oldest.id == only])
        # SKIP LOCKED lets PostgreSQL's workers pass each other; SQLite has one writer at a time and leaves it out.
        chosen = select(oldest.id).where(*wanted).order_by(oldest.id).limit(1)
        claim = (
            update(row)
            .where(row.id == chosen.with_for_update(skip_locked=True).scalar_subquery())
            .values(
                state="running",
                owner=owner,
                lease_until=now + timedelta(seconds=lease_seconds),
                attempts=row.attempts + 1,
                started_at=func.coalesce(row.started_at, literal(now, UtcDateTime())),
            )
            .returning(row.id)
            .execution_options(synchronize_session=False)
        )
        number: int | None = session.scalar(claim)
        return number

    def _is_waiting(self, now: datetime) -> bool:
        """Say whether anything could be claimed: an idle worker polls without taking the writers' lock."""
        with self._database.reading() as session:
            return session.scalar(select(self._row.id).where(_claimable(self._row, now)).limit(1)) is not None

    def _end_lost(self, session: Session, now: datetime) -> None:
        row = self._row
        lost = and_(row.state == "running", row.lease_until < now)
        error = (
            f"The worker was lost {MAX_ATTEMPTS} times without a word; "
            f"look at the machine's memory and disk, then start the {self._noun} again."
        )
        session.execute(
            update(row)
            .where(lost, or_(row.cancel_requested, row.attempts >= MAX_ATTEMPTS))
            .values(
                state=case((row.cancel_requested, "cancelled"), else_="failed"),
                error=case((row.cancel_requested, None), else_=error),
                finished_at=now,
                lease_until=None,
            )
            .execution_options(synchronize_session=False)
        )

    def _idle(self, now: datetime) -> ColumnElement[bool]:
        """Give the condition that no worker is at it."""
        return or_(self._row.state != "running", self._row.lease_until < now)

    def _end(self, session: Session, number: int, owner: str, state: RunState, **values: object) -> None:
        self._set(session, number, owner, state=state, finished_at=datetime.now(UTC), lease_until=None, **values)

    def _set(self, session: Session, number: int, holder: str, /, **values: object) -> bool:
        row = self._row
        cancel_requested: bool | None = session.scalar(
            update(row)
            .where(row.id == number, row.owner == holder, row.state == "running")
            .values(**values)
            .returning(row.cancel_requested)
            .execution_options(synchronize_session=False)
        )
        if cancel_requested is None:
            raise self._lease_lost(number)
        return cancel_requested

    def _hold(self, session: Session, number: int, owner: str) -> bool:
        """Lock the row until the end of the transaction, so that nobody can claim it in between.

        Gives whether the user asked to cancel.
        """
        row = self._row
        cancel_requested: bool | None = session.scalar(
            select(row.cancel_requested)
            .where(row.id == number, row.owner == owner, row.state == "running")
            .with_for_update()
        )
        if cancel_requested is None:
            raise self._lease_lost(number)
        return cancel_requested

    def _lease_lost(self, number: int) -> LeaseLostError:
        return LeaseLostError(
            f"{self._noun.capitalize()} {number} is no longer this worker's: another took it over, or it ended or was "
            "deleted; stop working on it."
        )

    def _busy(self, number: int) -> StoreError:
        return StoreError(
            f"{self._noun.capitalize()} {number} is being worked on; cancel it and delete it once it has stopped."
        )

    def _require(self, session: Session, number: int) -> RunState:
        state: RunState | None = session.scalar(select(self._row.state).where(self._row.id == number))
        if state is None:
            raise self._unknown(session, number)
        return state

    def _unknown(self, session: Session, number: int) -> UnknownNameError:
        ids = session.scalars(select(self._row.id).order_by(self._row.id.desc()).limit(10)).all()
        exist = f"the latest are: {', '.join(map(str, ids))}." if ids else "there is none yet; start one first."
        return UnknownNameError(f"There is no {self._noun} {number}; {exist}")


def _claimable(row: type[QueuedRow], now: datetime) -> ColumnElement[bool]:
    return or_(row.state == "waiting", and_(row.state == "running", row.lease_until < now))
