"""What rows refer to: the artifacts of images, of what runs learnt, and of template sets."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Integer, Subquery, cast, func, null, select, union, union_all
from sqlalchemy.orm import Session

from facepriv.store.rows import DatasetRow, ImageRow, LearningRow, RunImageRow, RunRow, TemplateSetRow


def references() -> Subquery:
    """Return all references to artifacts, as ``dataset_id``, ``name``, ``run_id`` and ``artifact_sha256``.

    ``name`` is the data set's, import's or template set's; ``run_id`` is NULL for an untouched image and for templates.
    ``dataset_id`` is 0 for templates that were not made from a data set.
    """
    untouched = cast(null(), Integer).label("run_id")
    kept = select(DatasetRow.id.label("dataset_id"), DatasetRow.name, untouched, ImageRow.artifact_sha256).join(
        ImageRow, ImageRow.dataset_id == DatasetRow.id
    )
    perturbed, learnt = (
        select(DatasetRow.id, DatasetRow.name, RunRow.id, table.artifact_sha256)
        .join(RunRow, RunRow.dataset_id == DatasetRow.id)
        .join(table, table.run_id == RunRow.id)
        for table in (RunImageRow, LearningRow)
    )
    # A set that came as templates is of no data set, which is not the same as of an unknown one.
    of_set = func.coalesce(TemplateSetRow.dataset_id, 0)
    rows, records = (
        select(of_set, TemplateSetRow.name, untouched, column)
        for column in (TemplateSetRow.rows_sha256, TemplateSetRow.records_sha256)
    )
    return union_all(kept, perturbed, learnt, rows, records).subquery()


def referred_to(session: Session, hashes: Sequence[str]) -> frozenset[str]:
    """Return those of some hundred hashes that a row of any data set, import, run or template set refers to."""
    columns = [row.artifact_sha256 for row in (ImageRow, RunImageRow, LearningRow)]
    columns += [TemplateSetRow.rows_sha256, TemplateSetRow.records_sha256]
    return frozenset(session.scalars(union(*(select(column).where(column.in_(hashes)) for column in columns))))
