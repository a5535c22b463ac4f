"""Leak audits: a queue that worker processes claim from, and what they found."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from facepriv.errors import BadInputError, UnknownNameError
from facepriv.schemas.audits import AuditResult, AuditSpec
from facepriv.store.queue import LEASE_SECONDS, QueueStore
from facepriv.store.records import AuditRecord, AuditSummary, RunState
from facepriv.store.rows import AuditRow, DatasetRow, RunRow


class AuditStore(QueueStore):
    """Audits of one database; the contract is that of `QueueStore`. The spec never changes. Records are detached."""

    _row = AuditRow
    _noun = "audit"

    def create(self, spec: AuditSpec) -> int:
        """Put an audit into the queue and give its number.

        Raises
        ------
        UnknownNameError
            If the data set or the run does not exist.
        BadInputError
            If the spec has no image, or the run is not complete or of another data set.
        """
        if not spec.image_ids:
            raise BadInputError("An audit needs at least one image, but its spec has none; choose some.")
        with self._database.writing() as session:
            dataset = session.scalar(select(DatasetRow).where(DatasetRow.id == spec.dataset.id, DatasetRow.ready))
            if dataset is None or dataset.content_sha256 != spec.dataset.content_sha256:
                raise UnknownNameError(f"There is no data set {spec.dataset.name!r} with the content of the spec.")
            if spec.run_id is not None:
                run = session.execute(
                    select(RunRow.state, RunRow.dataset_id).where(RunRow.id == spec.run_id)
                ).one_or_none()
                if run is None:
                    raise UnknownNameError(f"There is no run {spec.run_id}.")
                if run.state != "complete" or run.dataset_id != dataset.id:
                    raise BadInputError(
                        f"A complete run on {spec.dataset.name} was expected, but run {spec.run_id} is {run.state}"
                        f"{'' if run.dataset_id == dataset.id else ' and on another data set'}; choose another run."
                    )
            row = AuditRow(
                dataset_id=spec.dataset.id,
                run_id=spec.run_id,
                images=len(spec.image_ids),
                state="waiting",
                spec=spec.model_dump_json(by_alias=True),
                created_at=datetime.now(UTC),
                attempts=0,
                cancel_requested=False,
                stage="",
                done=0,
                total=len(spec.image_ids),
            )
            session.add(row)
            session.flush()
            return row.id

    def list(
        self,
        *,
        dataset_id: int | None = None,
        run_id: int | None = None,
        states: Iterable[RunState] = (),
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[AuditSummary, ...]:
        """Return audits without specs and results, newest first, a page at a time.

        Parameters
        ----------
        dataset_id, run_id, states
            Only audits of that data set, of that run, in one of those states (none given: any).
        """
        wanted = tuple(states)
        conditions = []
        if dataset_id is not None:
            conditions.append(AuditRow.dataset_id == dataset_id)
        if run_id is not None:
            conditions.append(AuditRow.run_id == run_id)
        if wanted:
            conditions.append(AuditRow.state.in_(wanted))
        query = (
            select(*_SUMMARY)
            .join(DatasetRow, DatasetRow.id == AuditRow.dataset_id)
            .where(*conditions)
            .order_by(AuditRow.id.desc())
            .limit(limit)
            .offset(offset)
        )
        with self._database.reading() as session:
            return tuple(AuditSummary(**_summary(row)) for row in session.execute(query))

    def count(self, *, of_run: bool | None = None, states: Iterable[RunState] = ()) -> int:
        """Count audits: of images as a run left them or as they are, if asked for, and in one of these states."""
        query = select(func.count(AuditRow.id))
        wanted = tuple(states)
        if of_run is not None:
            query = query.where(AuditRow.run_id.is_not(None) if of_run else AuditRow.run_id.is_(None))
        if wanted:
            query = query.where(AuditRow.state.in_(wanted))
        with self._database.reading() as session:
            return session.execute(query).scalar_one()

    def summary(self, number: int) -> AuditSummary:
        """Return an audit without its spec and result, for whoever asks again and again."""
        query = select(*_SUMMARY).join(DatasetRow, DatasetRow.id == AuditRow.dataset_id).where(AuditRow.id == number)
        with self._database.reading() as session:
            row = session.execute(query).one_or_none()
            if row is None:
                raise self._unknown(session, number)
            return AuditSummary(**_summary(row))

    def get(self, number: int) -> AuditRecord:
        """Return an audit with its spec and, if complete, its result."""
        with self._database.reading() as session:
            return self._get(session, number)

    def claim(
        self,
        owner: str,
        lease_seconds: float = LEASE_SECONDS,
        *,
        audit_id: int | None = None,
        gone: Collection[str] = (),
    ) -> AuditRecord | None:
        """Take up the oldest audit that waits or whose worker was lost, as `RunStore.claim` does."""
        now = datetime.now(UTC)
        if not self._is_waiting(now, gone):
            return None
        with self._database.writing() as session:
            number = self._claim(session, owner, lease_seconds, audit_id, now, gone)
            return None if number is None else self._get(session, number)

    def finish(self, number: int, owner: str, result: AuditResult) -> None:
        """Make the audit complete with its result; a cancel that came too late is ignored. Raises LeaseLostError."""
        with self._database.writing() as session:
            text = result.model_dump_json(by_alias=True)
            self._end(session, number, owner, "complete", result=text, done=AuditRow.total)
            self._write(session, number, "Complete.", owner)

    def delete(self, number: int) -> None:
        """Remove an audit; what was measured for it stays, for others, and goes with the data set or the run.

        Raises
        ------
        StoreError
            If a worker is at it.
        """
        gone = delete(AuditRow).where(AuditRow.id == number, self._idle(datetime.now(UTC))).returning(AuditRow.id)
        with self._database.writing() as session:
            self._require(session, number)
            if session.scalar(gone) is None:
                raise self._busy(number)

    def _get(self, session: Session, number: int) -> AuditRecord:
        row = session.execute(
            select(*_SUMMARY, AuditRow.spec, AuditRow.result)
            .join(DatasetRow, DatasetRow.id == AuditRow.dataset_id)
            .where(AuditRow.id == number)
        ).one_or_none()
        if row is None:
            raise self._unknown(session, number)
        return AuditRecord(
            **_summary(row),
            spec=AuditSpec.model_validate_json(row.spec),
            result=None if row.result is None else AuditResult.model_validate_json(row.result),
        )


_SUMMARY = (
    AuditRow.id,
    AuditRow.dataset_id,
    DatasetRow.name.label("dataset_name"),
    AuditRow.run_id,
    AuditRow.images,
    AuditRow.state,
    AuditRow.created_at,
    AuditRow.started_at,
    AuditRow.finished_at,
    AuditRow.owner,
    AuditRow.lease_until,
    AuditRow.attempts,
    AuditRow.cancel_requested,
    AuditRow.stage,
    AuditRow.done,
    AuditRow.total,
    AuditRow.error,
    AuditRow.losses,
    AuditRow.spent,
    AuditRow.stage_since,
    AuditRow.stage_from,
)


def _summary(row: Any) -> dict[str, Any]:
    return {column.key: row._mapping[column.key] for column in _SUMMARY}
