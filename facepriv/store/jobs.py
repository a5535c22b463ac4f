"""Jobs: one queue of requests, which worker processes claim, hold by a lease and end."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, ScalarSelect, and_, case, delete, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session, aliased

from facepriv.errors import StoreError, UnknownNameError
from facepriv.store.engine import Database
from facepriv.store.fields import select_fields
from facepriv.store.records import JobRecord, JobState, LogLine
from facepriv.store.rows import JobPlanRow, JobRow, LogLineRow, UtcDateTime
from facepriv.store.trash import is_deleted
from facepriv.types import UNNAMED, Actor

LEASE_SECONDS = 60.0
"""How long a worker is believed to be alive without a heartbeat; far above any difference between two clocks."""
MAX_LOSSES = 3
"""How many workers in a row may be lost without finishing anything: what takes its worker down must not go on so."""
LAST_KINDS = ("audit",)
"""Kinds that are taken up after all others: an audit may wait for the images of a run that is queued after it."""
STUDY_PART = "study-"
"""What the kinds of jobs begin with that are parts of a study; no worker does jobs of such a kind by itself."""
UNFINISHED: tuple[JobState, ...] = ("waiting", "running", "previewed")

JobId = int | ScalarSelect[int]
"""A job's number, or the query for it where only its run or audit is known."""


class LeaseLostError(StoreError):
    """The job is no longer this worker's: stop and write nothing more."""


class JobStore:
    """The queue.

    Contract. A job is ``waiting`` until a worker claims it, ``running`` while that worker holds its lease, and ends as
    ``complete``, ``failed`` or ``cancelled``; a complete one never changes again, the others only by `resume`. One that
    needs somebody's word is ``previewed`` until `confirm`. At most one worker holds a job: claiming is one statement,
    and every method that takes ``owner`` does nothing but raise LeaseLostError unless the job is running and owned by
    that owner. A lease that ran out is renewed by the owner's next heartbeat unless another worker has looked for work
    before. Methods that take only a number raise UnknownNameError if there is no such job; every method raises
    StoreError if the database cannot be used.

    A job whose run or audit was deleted and may be restored is taken up by nobody, and stays as it is.

    What becomes of a job is told by its log (`log`), in sentences that name images by id only.

    ``owner`` must be unique for each start of a worker process, for instance host, process id and a random part.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # For whoever asks for something

    def create(self, kind: str, request: str, *, actor: Actor = UNNAMED, total: int = 0) -> int:
        """Put a job into the queue and return its number.

        Parameters
        ----------
        kind
            ``import``; runs and audits are created by their own stores.
        request
            JSON of what is asked for.
        actor
            Who asks, and from where.
        total
            Steps that there are to do, if that is known.
        """
        with self._database.writing() as session:
            return add_job(session, kind, request, actor=actor, total=total)

    def get(self, job_id: int) -> JobRecord:
        """Return a job."""
        with self._database.reading() as session:
            return _get(session, job_id)

    def list(
        self, *, kinds: Collection[str] = (), states: Iterable[JobState] = (), limit: int = 50, offset: int = 0
    ) -> tuple[JobRecord, ...]:
        """Return jobs of these kinds and in these states (none given: any), newest first, a page at a time."""
        wanted = {JobRow.kind: tuple(kinds), JobRow.state: tuple(states)}
        conditions = [column.in_(values) for column, values in wanted.items() if values]
        query = select_fields(JobRecord, JobRow).where(*conditions).order_by(JobRow.id.desc())
        with self._database.reading() as session:
            return tuple(JobRecord(**row._mapping) for row in session.execute(query.limit(limit).offset(offset)))

    def log(self, job_id: int, *, limit: int = 200) -> tuple[LogLine, ...]:
        """Return the newest lines of what became of a job, oldest first."""
        query = select_fields(LogLine, LogLineRow).where(LogLineRow.job_id == job_id)
        with self._database.reading() as session:
            _state(session, job_id)
            lines = session.execute(query.order_by(LogLineRow.id.desc()).limit(limit)).all()
        return tuple(LogLine(**line._mapping) for line in reversed(lines))

    def confirm(self, job_id: int) -> JobState:
        """Let a previewed job go on, and return the state it then has; others stay as they are.

        Its result, the preview, stays: a job that waits with a result has been confirmed.
        """
        return self._put_back(job_id, ("previewed",), "Confirmed.")

    def revise(self, job_id: int, request: str) -> JobState:
        """Let a previewed job be previewed anew as another request asks, and return the state it then has.

        Others stay as they are.
        """
        with self._database.writing() as session:
            again = session.scalar(
                update(JobRow)
                .where(JobRow.id == job_id, JobRow.state == "previewed")
                .values(state="waiting", request=request, result=None, owner=None, losses=0)
                .returning(JobRow.id)
                .execution_options(synchronize_session=False)
            )
            if again is not None:
                add_log_line(session, job_id, "To be read again, as somebody answered.")
                _forget_seen(session, job_id)
            return _state(session, job_id)

    def resume(self, job_id: int) -> JobState:
        """Put what failed or was cancelled back into the queue, and return the state it then has; others stay as is.

        What was finished of it is not done again.
        """
        line = "Put back into the queue; what was finished is not done again."
        return self._put_back(job_id, ("failed", "cancelled"), line)

    def cancel(self, job_id: int) -> JobState:
        """Ask to cancel and return the state it then has.

        What waits, or whose worker was lost, is cancelled at once; what is running is told at its next heartbeat;
        what has ended stays as it is. A preview that was not confirmed is forgotten.
        """
        now = datetime.now(UTC)
        idle = is_idle(now)
        with self._database.writing() as session:
            state: JobState | None = session.scalar(
                update(JobRow)
                .where(JobRow.id == job_id, JobRow.state.in_(UNFINISHED))
                .values(
                    cancel_requested=True,
                    state=case((idle, "cancelled"), else_=JobRow.state),
                    finished_at=case((idle, literal(now, UtcDateTime())), else_=JobRow.finished_at),
                    lease_until=case((idle, None), else_=JobRow.lease_until),
                    result=case((JobRow.state == "previewed", None), else_=JobRow.result),
                )
                .returning(JobRow.state)
                .execution_options(synchronize_session=False)
            )
            if state is None:
                return _state(session, job_id)
            add_log_line(session, job_id, "Asked to cancel." if state == "running" else "Cancelled.")
            return state

    def delete(self, job_id: int) -> None:
        """Remove a job with its log, but no run or audit; raises StoreError if a worker is at it."""
        with self._database.writing() as session:
            _state(session, job_id)
            delete_job(session, job_id, f"Job {job_id}")

    def _put_back(self, job_id: int, states: tuple[JobState, ...], line: str) -> JobState:
        with self._database.writing() as session:
            again = session.scalar(
                update(JobRow)
                .where(JobRow.id == job_id, JobRow.state.in_(states))
                .values(state="waiting", error=None, finished_at=None, cancel_requested=False, owner=None, losses=0)
                .returning(JobRow.id)
                .execution_options(synchronize_session=False)
            )
            if again is not None:
                add_log_line(session, job_id, line)
                _forget_seen(session, job_id)
            return _state(session, job_id)

    # For workers

    def claim(
        self,
        owner: str,
        lease_seconds: float = LEASE_SECONDS,
        *,
        kinds: Collection[str] = (),
        only: int | None = None,
        gone: Collection[str] = (),
    ) -> JobRecord | None:
        """Take up the oldest job that waits or whose worker was lost; None if there is none.

        A worker counts as lost when its lease ran out, or at once if it is among ``gone``. Jobs whose workers were lost
        `MAX_LOSSES` times in a row are failed on the way, and lost ones that were to be cancelled are cancelled.

        Parameters
        ----------
        kinds
            Take up jobs of these kinds only; none given: of any. Those of `LAST_KINDS` come after all others.
        only
            Take up this job only.
        """
        now = datetime.now(UTC)
        claimable = or_(and_(JobRow.state == "waiting", ~is_deleted()), _is_lost(now, gone))
        with self._database.reading() as session:  # an idle worker polls without taking the writers' lock
            if session.scalar(select(JobRow.id).where(claimable).limit(1)) is None:
                return None
        oldest = aliased(JobRow)
        wanted = [oldest.state == "waiting", ~is_deleted(oldest.id)]
        if kinds:
            wanted.append(oldest.kind.in_(kinds))
        if only is not None:
            wanted.append(oldest.id == only)
        # SKIP LOCKED lets PostgreSQL's workers pass each other; SQLite has one writer at a time and leaves it out.
        chosen = select(oldest.id).where(*wanted).order_by(oldest.kind.in_(LAST_KINDS), oldest.id).limit(1)
        claim = (
            update(JobRow)
            .where(JobRow.id == chosen.with_for_update(skip_locked=True).scalar_subquery())
            .values(
                state="running",
                owner=owner,
                lease_until=now + timedelta(seconds=lease_seconds),
                attempts=JobRow.attempts + 1,
                started_at=func.coalesce(JobRow.started_at, literal(now, UtcDateTime())),
                stage_since=None,
            )
            .returning(JobRow.id, JobRow.attempts)
            .execution_options(synchronize_session=False)
        )
        with self._database.writing() as session:
            _put_back_lost(session, now, gone)
            claimed = session.execute(claim).one_or_none()
            if claimed is None:
                return None
            add_log_line(session, claimed.id, f"Taken up, attempt {claimed.attempts}.", owner)
            return _get(session, claimed.id)

    def heartbeat(
        self,
        job_id: int,
        owner: str,
        stage: str,
        done: int,
        total: int,
        lease_seconds: float = LEASE_SECONDS,
        *,
        seconds: float = 0.0,
    ) -> bool:
        """Renew the lease, note the progress, and return whether the user asked to cancel.

        The ``seconds`` since the last heartbeat are added up over all attempts.
        """
        now = datetime.now(UTC)
        same_stage = and_(JobRow.stage == stage, JobRow.stage_since.is_not(None), JobRow.done <= done)
        with self._database.writing() as session:
            return set_held(
                session,
                job_id,
                owner,
                lease_until=now + timedelta(seconds=lease_seconds),
                stage=stage,
                done=done,
                total=total,
                stage_since=case((same_stage, JobRow.stage_since), else_=literal(now, UtcDateTime())),
                stage_from=case((same_stage, JobRow.stage_from), else_=done),
                spent=JobRow.spent + seconds,
            )

    def note(self, job_id: int, owner: str, text: str) -> None:
        """Add a line to the log; raises LeaseLostError."""
        with self._database.writing() as session:
            hold(session, job_id, owner)
            add_log_line(session, job_id, text, owner)

    def add_line(self, job_id: int, text: str) -> None:
        """Add a line to the log of a job that has ended."""
        with self._database.writing() as session:
            add_log_line(session, job_id, text)

    def progressed(self, job_id: int, owner: str) -> None:
        """Note that something was finished for good: losses are counted from zero again; raises LeaseLostError."""
        with self._database.writing() as session:
            set_held(session, job_id, owner, losses=0)

    def set_dataset(self, job_id: int, owner: str, dataset_id: int) -> None:
        """Say which data set an import has made: from now on the job goes with it; raises LeaseLostError."""
        with self._database.writing() as session:
            set_held(session, job_id, owner, dataset_id=dataset_id)

    def await_confirmation(self, job_id: int, owner: str, preview: str) -> None:
        """Let go of a job until somebody confirms what was recognised, which is JSON; raises LeaseLostError."""
        with self._database.writing() as session:
            set_held(session, job_id, owner, state="previewed", lease_until=None, result=preview, losses=0)
            add_log_line(session, job_id, "Waits for somebody to confirm what was recognised.", owner)

    def finish(self, job_id: int, owner: str, result: str | None = None) -> None:
        """Make a job complete that has no store of its own, with a result in JSON, or with what is there."""
        with self._database.writing() as session:
            complete(session, job_id, owner, **({} if result is None else {"result": result}))

    def fail(self, job_id: int, owner: str, error: str) -> None:
        """End it with the reason why it failed, one sentence for the user; raises LeaseLostError."""
        with self._database.writing() as session:
            _end(session, job_id, owner, "failed", error=error)
            add_log_line(session, job_id, f"Failed: {error}", owner)

    def mark_cancelled(self, job_id: int, owner: str) -> None:
        """End it after `heartbeat` told of the user's wish; raises LeaseLostError."""
        with self._database.writing() as session:
            _end(session, job_id, owner, "cancelled")
            add_log_line(session, job_id, "Cancelled.", owner)

    def release(self, job_id: int, owner: str) -> None:
        """Give it back unfinished, for a worker told to stop; that does not count as an attempt.

        If the user asked to cancel, it is cancelled instead. Raises LeaseLostError.
        """
        with self._database.writing() as session:
            if hold(session, job_id, owner):
                _end(session, job_id, owner, "cancelled")
            else:
                attempts = JobRow.attempts - 1
                set_held(session, job_id, owner, state="waiting", owner=None, lease_until=None, attempts=attempts)
                add_log_line(session, job_id, "Given back unfinished; the next worker goes on with it.", owner)

    def owners(self) -> tuple[str, ...]:
        """Return the workers that hold something, alive or not."""
        held = select(JobRow.owner).where(JobRow.state == "running").distinct()
        with self._database.reading() as session:
            return tuple(owner for owner in session.scalars(held) if owner is not None)


def _forget_seen(session: Session, job_id: int) -> None:
    """Let whoever asked for it be told of its next end, too."""
    session.execute(update(JobPlanRow).where(JobPlanRow.job_id == job_id).values(announced_at=None, seen_at=None))


# Inside a transaction, also for the stores of runs and audits


def add_job(session: Session, kind: str, request: str, *, actor: Actor, total: int) -> int:
    """Insert a job that waits, and return its number."""
    row = JobRow(
        kind=kind,
        state="waiting",
        request=request,
        actor=actor.name,
        origin=actor.origin,
        created_at=datetime.now(UTC),
        total=total,
    )
    session.add(row)
    session.flush()
    return row.id


def add_log_line(session: Session, job_id: JobId, text: str, owner: str | None = None) -> None:
    """Insert a line of a job's log."""
    session.execute(insert(LogLineRow).values(job_id=job_id, at=datetime.now(UTC), owner=owner, text=text))


def set_held(session: Session, job_id: JobId, holder: str, /, **values: object) -> bool:
    """Update a job that a worker holds, and return whether the user asked to cancel; raises LeaseLostError."""
    cancel_requested: bool | None = session.scalar(
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.owner == holder, JobRow.state == "running")
        .values(**values)
        .returning(JobRow.cancel_requested)
        .execution_options(synchronize_session=False)
    )
    return _or_lost(cancel_requested)


def hold(session: Session, job_id: JobId, owner: str) -> bool:
    """Lock a job that a worker holds until the end of the transaction, so that nobody can claim it in between.

    Returns whether the user asked to cancel; raises LeaseLostError.
    """
    held = (JobRow.id == job_id, JobRow.owner == owner, JobRow.state == "running")
    return _or_lost(session.scalar(select(JobRow.cancel_requested).where(*held).with_for_update()))


def complete(session: Session, job_id: JobId, owner: str, **values: object) -> None:
    """Make a job complete; raises LeaseLostError."""
    _end(session, job_id, owner, "complete", done=JobRow.total, **values)
    add_log_line(session, job_id, "Complete.", owner)


def delete_job(session: Session, job_id: JobId, title: str) -> None:
    """Delete a job with its log, and its run or audit; raises StoreError, which calls it ``title``, if it is held."""
    idle = delete(JobRow).where(JobRow.id == job_id, is_idle(datetime.now(UTC))).returning(JobRow.id)
    if session.scalar(idle) is None:
        raise StoreError(f"{title} is being worked on; cancel it and delete it once it has stopped.")


def _get(session: Session, job_id: int) -> JobRecord:
    row = session.execute(select_fields(JobRecord, JobRow).where(JobRow.id == job_id)).one_or_none()
    if row is None:
        raise UnknownNameError(f"There is no job {job_id}.")
    return JobRecord(**row._mapping)


def _state(session: Session, job_id: int) -> JobState:
    return _get(session, job_id).state


def is_idle(now: datetime) -> ColumnElement[bool]:
    """Return the condition that no worker holds a job."""
    return or_(JobRow.state != "running", JobRow.lease_until < now)


def _is_lost(now: datetime, gone: Collection[str]) -> ColumnElement[bool]:
    return and_(JobRow.state == "running", or_(JobRow.lease_until < now, JobRow.owner.in_(gone)))


def _put_back_lost(session: Session, now: datetime, gone: Collection[str]) -> None:
    """Put what lost its worker back into the queue, or end it if it is not to be taken up again."""
    lost = session.scalars(select(JobRow).where(_is_lost(now, gone)).with_for_update(skip_locked=True)).all()
    for job in lost:
        add_log_line(
            session,
            job.id,
            f"Its worker was lost without a word, at {job.stage or 'the start'}, {job.done:,} of {job.total:,}.",
            job.owner,
        )
        job.losses += 1
        job.lease_until = None
        if job.cancel_requested:
            job.state, job.finished_at = "cancelled", now
            add_log_line(session, job.id, "Cancelled.")
        elif job.losses >= MAX_LOSSES:
            job.state, job.finished_at = "failed", now
            job.error = (
                f"The worker was lost {MAX_LOSSES} times in a row without finishing anything; look at the machine's "
                f"memory and disk, then resume the {job.kind}."
            )
            add_log_line(session, job.id, f"Failed: {job.error}")
        else:
            job.state, job.owner = "waiting", None
    session.flush()


def _end(session: Session, job_id: JobId, owner: str, state: JobState, **values: object) -> None:
    set_held(session, job_id, owner, state=state, finished_at=datetime.now(UTC), lease_until=None, **values)


def _or_lost(cancel_requested: bool | None) -> bool:
    if cancel_requested is None:
        raise LeaseLostError(
            "It is no longer this worker's: another took it over, or it ended or was deleted; stop working on it."
        )
    return cancel_requested
