"""Measures of stored images, saved by the images' content so that nothing is computed twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from sqlalchemy import distinct, func, select
from sqlalchemy.orm import Session

from facepriv.store.engine import Database, put_rows
from facepriv.store.rows import ImageRow, MeasureRow, RunImageRow

_BATCH = 500
_KEYS = {ImageRow: "id", RunImageRow: "image_id"}
Vector = NDArray[Any]
"""``(k,)`` float32 or float64; comes back as it was saved, to the last bit."""


@dataclass(frozen=True, eq=False)
class Measured:
    """One vector to be saved: of which content, called what, and the fingerprint of what computed it."""

    sha256: str
    name: str
    fingerprint: str
    vector: Vector


class MeasureStore:
    """Measures of images as they were imported and as runs left them: scores, templates, what attackers take.

    Contract. There is at most one vector for a content, a name and a fingerprint (SHA-256 over everything that it
    depends on besides the content), whichever data sets and runs have an image of that content. Vectors of content that
    no image has are not saved, and go with the last image of their content.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str, fingerprint: str, hashes: Iterable[str]) -> dict[str, Vector]:
        """Return what is known of files, by SHA-256 of their content."""
        row = MeasureRow
        vectors: dict[str, Vector] = {}
        distinct = list(dict.fromkeys(hashes))
        with self._database.reading() as session:
            for start in range(0, len(distinct), _BATCH):
                query = select(row.artifact_sha256, row.vector).where(
                    row.artifact_sha256.in_(distinct[start : start + _BATCH]),
                    row.name == name,
                    row.fingerprint == fingerprint,
                )
                vectors |= {known.artifact_sha256: known.vector for known in session.execute(query)}
        return vectors

    def counts(self, dataset_id: int, run_id: int | None = None) -> dict[str, int]:
        """Count of how many images of a data set, or of those that a run left, each measure is known, by its name.

        Images of one content count once for each.
        """
        row = ImageRow if run_id is None else RunImageRow
        mine = ImageRow.dataset_id == dataset_id if run_id is None else RunImageRow.run_id == run_id
        query = (
            select(MeasureRow.name, func.count(distinct(row.__table__.c[_KEYS[row]])))
            .join(row, row.artifact_sha256 == MeasureRow.artifact_sha256)
            .where(mine)
            .group_by(MeasureRow.name)
        )
        with self._database.reading() as session:
            return {row[0]: row[1] for row in session.execute(query)}

    def save(self, measured: Iterable[Measured]) -> None:
        """Save vectors, each in place of the one with the same content, name and fingerprint."""
        with self._database.writing() as session:
            save_measured(session, measured)


def save_measured(session: Session, measured: Iterable[Measured]) -> None:
    """Save vectors within a transaction, without those of content that no image has."""
    # In one order in all processes, so that two of them never wait for each other.
    measured = sorted(measured, key=lambda each: (each.sha256, each.name))
    hashes = {each.sha256 for each in measured}
    used = {
        sha256
        for row in (ImageRow, RunImageRow)
        for sha256 in session.scalars(select(row.artifact_sha256).where(row.artifact_sha256.in_(hashes)))
    }
    put_rows(
        session,
        MeasureRow,
        [
            {"artifact_sha256": each.sha256, "name": each.name, "fingerprint": each.fingerprint, "vector": each.vector}
            for each in measured
            if each.sha256 in used
        ],
    )
