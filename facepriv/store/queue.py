"""Rows that worker processes claim, hold by a lease and end: what runs and audits have in common."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, and_, case, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session, aliased

from facepriv.errors import StoreError, UnknownNameError
from facepriv.store.engine import Database
from facepriv.store.records import LogLine, RunState
from facepriv.store.rows import LogLineRow, QueuedRow, UtcDateTime

LEASE_SECONDS = 60.0
"""How long a worker is believed to be alive without a heartbeat; far above any difference between two clocks."""
MAX_LOSSES = 3
"""How many workers in a row may be lost without finishing anything: what takes its worker down must not go on so."""


class LeaseLostError(StoreError):
    """The run or audit is no longer this worker's: stop and write nothing more."""


class QueueStore:
    """One table of queued work.

    Contract. A row is ``waiting`` until a worker claims it, ``running`` while that worker holds its lease, and ends
    as ``complete``, ``failed`` or ``cancelled``; a complete one never changes again, the others only by `resume`. At
    most one worker holds a row: claiming is one statement, and every method that takes ``owner`` does nothing but
    raise LeaseLostError unless the row is running and owned by that owner. A lease that ran out is renewed by the
    owner's next heartbeat unless another worker has looked for work before. Methods that take only a number raise
    UnknownNameError if there is no such row; every method raises StoreError if the database cannot be used.

    What becomes of a row is told by its log (`log`), in sentences that name images by id only.

    ``owner`` must be unique for each start of a worker process, for instance host, process id and a random part.
    """

    _row: ClassVar[Any]
    """The table's model, a `QueuedRow`."""
    _noun: ClassVar[str]

    def __init__(self, database: Database) -> None:
        self._database = database

    def heartbeat(
        self,
        number: int,
        owner: str,
        stage: str,
        done: int,
        total: int,
        lease_seconds: float = LEASE_SECONDS,
        *,
        seconds: float = 0.0,
    ) -> bool:
        """Renew the lease, note the progress, and give whether the user asked to cancel.

        Parameters
        ----------
        seconds
            Time spent since the last heartbeat, to be added up over all attempts.

        Raises
        ------
        LeaseLostError
            If the row is not this owner's any more.
        """
        now = datetime.now(UTC)
        row = self._row
        goes_on = and_(row.stage == stage, row.stage_since.is_not(None), row.done <= done)
        with self._database.writing() as session:
            return self._set(
                session,
                number,
                owner,
                lease_until=now + timedelta(seconds=lease_seconds),
                stage=stage,
                done=done,
                total=total,
                stage_since=case((goes_on, row.stage_since), else_=literal(now, UtcDateTime())),
                stage_from=case((goes_on, row.stage_from), else_=done),
                spent=row.spent + seconds,
            )

    def fail(self, number: int, owner: str, error: str) -> None:
        """End it with the reason why it failed, one sentence for the user; raises LeaseLostError."""
        with self._database.writing() as session:
            self._end(session, number, owner, "failed", error=error)
            self._write(session, number, f"Failed: {error}", owner)

    def mark_cancelled(self, number: int, owner: str) -> None:
        """End it after `heartbeat` told of the user's wish; raises LeaseLostError."""
        with self._database.writing() as session:
            self._end(session, number, owner, "cancelled")
            self._write(session, number, "Cancelled.", owner)

    def release(self, number: int, owner: str) -> None:
        """Return it back unfinished, for a worker told to stop; it does not count as an attempt.

        If the user asked to cancel, it is cancelled instead. Raises LeaseLostError.
        """
        with self._database.writing() as session:
            if self._hold(session, number, owner):
                self._end(session, number, owner, "cancelled")
            else:
                attempts = self._row.attempts - 1
                self._set(session, number, owner, state="waiting", owner=None, lease_until=None, attempts=attempts)
                self._write(session, number, "Given back unfinished; the next worker goes on with it.", owner)

    def note(self, number: int, owner: str, text: str) -> None:
        """Add a line to the log; raises LeaseLostError."""
        with self._database.writing() as session:
            self._hold(session, number, owner)
            self._write(session, number, text, owner)

    def progressed(self, number: int, owner: str) -> None:
        """Note that something was finished for good, so that losses are counted anew; raises LeaseLostError."""
        with self._database.writing() as session:
            self._progressed(session, number, owner)

    def log(self, number: int, *, limit: int = 200) -> tuple[LogLine, ...]:
        """Return the newest lines of what became of it, oldest first."""
        row = LogLineRow
        query = select(row.at, row.owner, row.text).where(self._logged == number).order_by(row.id.desc()).limit(limit)
        with self._database.reading() as session:
            self._require(session, number)
            lines = [LogLine(at=at, owner=owner, text=text) for at, owner, text in session.execute(query)]
        return tuple(reversed(lines))

    def resume(self, number: int) -> RunState:
        """Put what failed or was cancelled back into the queue and give the state it then has; others stay as is.

        What was finished of it is kept and not done again.
        """
        row = self._row
        with self._database.writing() as session:
            again = session.scalar(
                update(row)
                .where(row.id == number, row.state.in_(("failed", "cancelled")))
                .values(state="waiting", error=None, finished_at=None, cancel_requested=False, owner=None, losses=0)
                .returning(row.id)
                .execution_options(synchronize_session=False)
            )
            if again is not None:
                self._write(session, number, "Put back into the queue; what was finished is kept.")
            return self._require(session, number)

    def cancel(self, number: int) -> RunState:
        """Ask to cancel and give the state it then has.

        What waits, or whose worker was lost, is cancelled at once; what is running is told at its next heartbeat;
        what has ended stays as it is.
        """
        now = datetime.now(UTC)
        row = self._row
        idle = or_(row.state == "waiting", row.lease_until < now)
        with self._database.writing() as session:
            state: RunState | None = session.scalar(
                update(row)
                .where(row.id == number, row.state.in_(("waiting", "running")))
                .values(
                    cancel_requested=True,
                    state=case((idle, "cancelled"), else_=row.state),
                    finished_at=case((idle, literal(now, UtcDateTime())), else_=row.finished_at),
                    lease_until=case((idle, None), else_=row.lease_until),
                )
                .returning(row.state)
                .execution_options(synchronize_session=False)
            )
            if state is None:
                return self._require(session, number)
            self._write(session, number, "Asked to cancel." if state == "running" else "Cancelled.")
            return state

    def owners(self) -> tuple[str, ...]:
        """Return the workers that hold something, alive or not."""
        held = select(self._row.owner).where(self._row.state == "running").distinct()
        with self._database.reading() as session:
            return tuple(owner for owner in session.scalars(held) if owner is not None)

    def _claim(
        self,
        session: Session,
        owner: str,
        lease_seconds: float,
        only: int | None,
        now: datetime,
        gone: Collection[str],
    ) -> int | None:
        """Take up the oldest row that waits or whose worker was lost; return its number, None if there is none.

        A worker counts as lost when its lease ran out, or at once if it is among ``gone``. Rows whose workers were
        lost `MAX_LOSSES` times in a row are failed on the way, and lost ones that were to be cancelled are cancelled.
        """
        self._tell_lost(session, now, gone)
        row = self._row
        oldest = aliased(row)
        wanted = [oldest.state == "waiting"] + ([] if only is None else [oldest.id == only])
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
                stage_since=None,
            )
            .returning(row.id, row.attempts)
            .execution_options(synchronize_session=False)
        )
        claimed = session.execute(claim).one_or_none()
        if claimed is None:
            return None
        self._write(session, claimed.id, f"Taken up, attempt {claimed.attempts}.", owner)
        number: int = claimed.id
        return number

    def _is_waiting(self, now: datetime, gone: Collection[str]) -> bool:
        """Return whether anything could be claimed: an idle worker polls without taking the writers' lock."""
        row = self._row
        claimable = or_(row.state == "waiting", _lost(row, now, gone))
        with self._database.reading() as session:
            return session.scalar(select(row.id).where(claimable).limit(1)) is not None

    def _tell_lost(self, session: Session, now: datetime, gone: Collection[str]) -> None:
        """Put what lost its worker back into the queue, or end it if it is not to be taken up again."""
        row = self._row
        lost = _lost(row, now, gone)
        found = session.execute(
            select(row.id, row.owner, row.stage, row.done, row.total, row.losses, row.cancel_requested)
            .where(lost)
            .with_for_update(skip_locked=True)
        ).all()
        for one in found:
            self._write(
                session,
                one.id,
                f"Its worker was lost without a word, at {one.stage or 'the start'}, {one.done:,} of {one.total:,}.",
                one.owner,
            )
            values: dict[str, object] = {"losses": one.losses + 1, "lease_until": None}
            if one.cancel_requested:
                values |= {"state": "cancelled", "finished_at": now}
                self._write(session, one.id, "Cancelled.")
            elif one.losses + 1 >= MAX_LOSSES:
                error = (
                    f"The worker was lost {MAX_LOSSES} times in a row without finishing anything; look at the "
                    f"machine's memory and disk, then resume the {self._noun}."
                )
                values |= {"state": "failed", "finished_at": now, "error": error}
                self._write(session, one.id, f"Failed: {error}")
            else:
                values |= {"state": "waiting", "owner": None}
            session.execute(
                update(row).where(row.id == one.id).values(**values).execution_options(synchronize_session=False)
            )

    def _progressed(self, session: Session, number: int, owner: str) -> None:
        self._set(session, number, owner, losses=0)

    @property
    def _logged(self) -> Any:
        return getattr(LogLineRow, f"{self._noun}_id")

    def _write(self, session: Session, number: int, text: str, owner: str | None = None) -> None:
        values = {self._logged.key: number, "at": datetime.now(UTC), "owner": owner, "text": text}
        session.execute(insert(LogLineRow).values(**values))

    def _idle(self, now: datetime) -> ColumnElement[bool]:
        """Return the condition that no worker is at it."""
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


def _lost(row: type[QueuedRow], now: datetime, gone: Collection[str]) -> ColumnElement[bool]:
    return and_(row.state == "running", or_(row.lease_until < now, row.owner.in_(gone)))
