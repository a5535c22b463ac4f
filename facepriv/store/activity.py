"""What there is of every data set, in a few queries however many data sets, runs and audits there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from sqlalchemy import and_, case, func, literal, select, union_all
from sqlalchemy.orm import aliased

from facepriv.store.audits import of_no_study
from facepriv.store.engine import Database
from facepriv.store.fields import record_of, select_fields
from facepriv.store.records import (
    AuditSummary,
    JobState,
    ProtectionSummary,
    ReleaseRecord,
    RemarkRecord,
    ShareRecord,
    StudySummary,
)
from facepriv.store.rows import (
    AuditRow,
    DatasetRow,
    ImageRow,
    JobRow,
    ProtectionRow,
    ReleaseRow,
    RemarkRow,
    RunRow,
    ShareRow,
    StudyRow,
    StudyRunRow,
    TemplateSetRow,
    UserRow,
)
from facepriv.store.shares import share_record
from facepriv.store.trash import is_deleted

Item = TypeVar("Item")
WorkKind = Literal["run", "audit", "run-audit", "study", "protection"]
"""``audit`` is one of images as they are, ``run-audit`` one of a run's, ``protection`` one on its templates."""


@dataclass(frozen=True, kw_only=True)
class ImageCounts:
    """How many images and people a data set has."""

    images: int
    subjects: int
    women: int
    men: int
    unlabelled: int
    failed: int
    """Without a usable face."""
    women_seen: int
    """Subjects labelled female with a usable face: attackers learn from them, and are judged on them."""
    men_seen: int


@dataclass(frozen=True, kw_only=True)
class Work:
    """Jobs of one kind in one state on one data set."""

    number: int
    newest: int
    """Number of the newest run, audit, study or protection among them."""


NO_IMAGES = ImageCounts(images=0, subjects=0, women=0, men=0, unlabelled=0, failed=0, women_seen=0, men_seen=0)


class ActivityStore:
    """Reads what belongs to data sets: to all of them, or to the one that is named.

    Runs and audits that were deleted and may be restored are left out, and what was shared or said of them, too.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def image_counts(self, dataset_ids: Collection[int]) -> dict[int, ImageCounts]:
        """Count the images of these data sets, and the people on them."""
        seen = and_(ImageRow.failure.is_(None), ImageRow.label.is_not(None))

        def some(condition: Any) -> Any:
            return func.sum(case((condition, 1), else_=0))

        def people(label: int) -> Any:
            return func.count(case((and_(seen, ImageRow.label == label), ImageRow.subject)).distinct())

        query = (
            select(
                ImageRow.dataset_id,
                func.count().label("images"),
                func.count(ImageRow.subject.distinct()).label("subjects"),
                some(ImageRow.label == -1).label("women"),
                some(ImageRow.label == 1).label("men"),
                some(ImageRow.label.is_(None)).label("unlabelled"),
                some(ImageRow.failure.is_not(None)).label("failed"),
                people(-1).label("women_seen"),
                people(1).label("men_seen"),
            )
            .where(ImageRow.dataset_id.in_(dataset_ids))
            .group_by(ImageRow.dataset_id)
        )
        with self._database.reading() as session:
            rows = [dict(row._mapping) for row in session.execute(query)]
        found = {row.pop("dataset_id"): ImageCounts(**row) for row in rows}
        return {dataset_id: found.get(dataset_id, NO_IMAGES) for dataset_id in dataset_ids}

    def work(self, dataset_id: int | None = None) -> dict[int, dict[tuple[WorkKind, JobState], Work]]:
        """Count the runs, audits, studies and protections of each data set by state; those of a study are no others."""
        of_run = case((AuditRow.run_id.is_(None), literal("audit")), else_=literal("run-audit"))
        parts: list[Any] = [
            select(RunRow.dataset_id, literal("run").label("kind"), JobRow.state, RunRow.id)
            .join(JobRow, JobRow.id == RunRow.job_id)
            .where(RunRow.id.not_in(select(StudyRunRow.run_id)), ~is_deleted()),
            select(AuditRow.dataset_id, of_run.label("kind"), JobRow.state, AuditRow.id)
            .join(JobRow, JobRow.id == AuditRow.job_id)
            .where(of_no_study(), ~is_deleted()),
            select(StudyRow.dataset_id, literal("study").label("kind"), JobRow.state, StudyRow.id).join(
                JobRow, JobRow.id == StudyRow.job_id
            ),
            select(TemplateSetRow.dataset_id, literal("protection").label("kind"), JobRow.state, ProtectionRow.id)
            .join(JobRow, JobRow.id == ProtectionRow.job_id)
            .join(TemplateSetRow, TemplateSetRow.id == ProtectionRow.template_set_id)
            .where(TemplateSetRow.dataset_id.is_not(None)),
        ]
        every = union_all(*parts).subquery()
        query = select(every.c.dataset_id, every.c.kind, every.c.state, func.count(), func.max(every.c.id)).group_by(
            every.c.dataset_id, every.c.kind, every.c.state
        )
        if dataset_id is not None:
            query = query.where(every.c.dataset_id == dataset_id)
        found: dict[int, dict[tuple[WorkKind, JobState], Work]] = defaultdict(dict)
        with self._database.reading() as session:
            for of, kind, state, number, newest in session.execute(query):
                found[of][kind, state] = Work(number=number, newest=newest)
        return dict(found)

    def audits(self, most: int, dataset_id: int | None = None) -> dict[int, tuple[AuditSummary, ...]]:
        """Return the ``most`` newest complete audits of each data set, newest first; a study's are not among them."""
        place = func.row_number().over(partition_by=AuditRow.dataset_id, order_by=AuditRow.id.desc())
        ranked = (
            select(AuditRow.id, place.label("place"))
            .join(JobRow, JobRow.id == AuditRow.job_id)
            .where(JobRow.state == "complete", of_no_study(), ~is_deleted(), *_of(AuditRow.dataset_id, dataset_id))
            .subquery()
        )
        query = (
            select_fields(AuditSummary, AuditRow, JobRow, dataset_name=DatasetRow.name)
            .join(JobRow, JobRow.id == AuditRow.job_id)
            .join(DatasetRow, DatasetRow.id == AuditRow.dataset_id)
            .join(ranked, ranked.c.id == AuditRow.id)
            .where(ranked.c.place <= most)
            .order_by(AuditRow.id.desc())
        )
        with self._database.reading() as session:
            found = [AuditSummary(**row._mapping) for row in session.execute(query)]
        return _by((audit.dataset_id, audit) for audit in found)

    def studies(self, dataset_id: int | None = None) -> dict[int, StudySummary]:
        """Return the newest study of each data set."""
        newest = select(func.max(StudyRow.id)).group_by(StudyRow.dataset_id)
        query = (
            select_fields(StudySummary, StudyRow, JobRow, dataset_name=DatasetRow.name)
            .join(JobRow, JobRow.id == StudyRow.job_id)
            .join(DatasetRow, DatasetRow.id == StudyRow.dataset_id)
            .where(StudyRow.id.in_(newest), *_of(StudyRow.dataset_id, dataset_id))
        )
        with self._database.reading() as session:
            found = [StudySummary(**row._mapping) for row in session.execute(query)]
        return {study.dataset_id: study for study in found}

    def trials(self, most: int, dataset_id: int | None = None) -> dict[int, tuple[ProtectionSummary, ...]]:
        """Return the ``most`` newest complete trials of protections on templates made from each data set."""
        place = func.row_number().over(partition_by=TemplateSetRow.dataset_id, order_by=ProtectionRow.id.desc())
        query = (
            select_fields(ProtectionSummary, ProtectionRow, JobRow, template_set_name=TemplateSetRow.name)
            .add_columns(TemplateSetRow.dataset_id.label("dataset_id"), place.label("place"))
            .join(JobRow, JobRow.id == ProtectionRow.job_id)
            .join(TemplateSetRow, TemplateSetRow.id == ProtectionRow.template_set_id)
            .where(
                JobRow.state == "complete",
                TemplateSetRow.dataset_id.is_not(None),
                *_of(TemplateSetRow.dataset_id, dataset_id),
            )
            .order_by(ProtectionRow.id.desc())
        )
        with self._database.reading() as session:
            rows = [dict(row._mapping) for row in session.execute(query)]
        return _by((row.pop("dataset_id"), ProtectionSummary(**row)) for row in rows if row.pop("place") <= most)

    def releases(self, dataset_id: int | None = None) -> dict[int, tuple[ReleaseRecord, ...]]:
        """Return what was released of each data set or of templates made from it, newest first."""
        of = func.coalesce(ReleaseRow.dataset_id, TemplateSetRow.dataset_id)
        query = (
            select(ReleaseRow, of)
            .outerjoin(TemplateSetRow, TemplateSetRow.id == ReleaseRow.template_set_id)
            .where(of.is_not(None), *_of(of, dataset_id))
            .order_by(ReleaseRow.id.desc())
        )
        with self._database.reading() as session:
            return _by((number, record_of(ReleaseRecord, row)) for row, number in session.execute(query))

    def sign_offs(self, dataset_id: int | None = None) -> dict[int, RemarkRecord]:
        """Return the newest sign-off of the results of each data set; a comment is none."""
        audit = aliased(AuditRow)
        of = func.coalesce(RunRow.dataset_id, audit.dataset_id)
        query = (
            select(RemarkRow, of)
            .outerjoin(RunRow, RunRow.id == RemarkRow.run_id)
            .outerjoin(audit, audit.id == RemarkRow.audit_id)
            .where(RemarkRow.decision.is_not(None), of.is_not(None), *_of(of, dataset_id))
            .where(~is_deleted(RunRow.job_id), ~is_deleted(audit.job_id))
            .order_by(RemarkRow.id)
        )
        with self._database.reading() as session:
            return {number: record_of(RemarkRecord, row) for row, number in session.execute(query)}

    def shares(self, dataset_id: int | None = None) -> dict[int, tuple[ShareRecord, ...]]:
        """Return the shares of the results of each data set, over or not, newest first."""
        audit = aliased(AuditRow)
        of = func.coalesce(RunRow.dataset_id, audit.dataset_id)
        query = (
            select(ShareRow, UserRow, of)
            .outerjoin(UserRow, UserRow.id == ShareRow.officer_id)
            .outerjoin(RunRow, RunRow.id == ShareRow.run_id)
            .outerjoin(audit, audit.id == ShareRow.audit_id)
            .where(of.is_not(None), *_of(of, dataset_id))
            .where(~is_deleted(RunRow.job_id), ~is_deleted(audit.job_id))
            .order_by(ShareRow.id.desc())
        )
        with self._database.reading() as session:
            return _by((number, share_record(row, officer)) for row, officer, number in session.execute(query))


def _of(column: Any, dataset_id: int | None) -> list[Any]:
    return [] if dataset_id is None else [column == dataset_id]


def _by(pairs: Iterable[tuple[int, Item]]) -> dict[int, tuple[Item, ...]]:
    found: dict[int, list[Item]] = defaultdict(list)
    for dataset_id, item in pairs:
        found[dataset_id].append(item)
    return {dataset_id: tuple(items) for dataset_id, items in found.items()}
