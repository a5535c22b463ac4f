"""Numbers measured in stored images for attackers, kept so that no audit measures the same again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, insert, select

from facepriv.store.engine import Database
from facepriv.store.models import ImageMeasureRow, ImageRow, RunImageRow, RunMeasureRow

_BATCH = 200


class MeasureStore:
    """Measures of untouched images, which go with their data set, and of images as a run left them, which go with it.

    Contract. There is at most one vector for an image and a name; what anything else has made (``made_by``: SHA-256
    over everything that it depends on besides the image) is as if not there, and is replaced. Vectors of images that
    are gone are left out.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_images(self, dataset_id: int, name: str, made_by: str) -> dict[int, NDArray[np.float64]]:
        """Give what is kept of a data set's untouched images, by image."""
        table = ImageMeasureRow
        query = (
            select(table.image_id, table.vector)
            .join(ImageRow, ImageRow.id == table.image_id)
            .where(ImageRow.dataset_id == dataset_id, table.name == name, table.made_by == made_by)
        )
        with self._database.reading() as session:
            return {row.image_id: row.vector for row in session.execute(query)}

    def of_run(self, run_id: int, name: str, made_by: str) -> dict[int, NDArray[np.float64]]:
        """Give what is kept of images as a run left them, by image."""
        table = RunMeasureRow
        query = select(table.image_id, table.vector).where(
            table.run_id == run_id, table.name == name, table.made_by == made_by
        )
        with self._database.reading() as session:
            return {row.image_id: row.vector for row in session.execute(query)}

    def keep_of_images(self, name: str, made_by: str, vectors: Mapping[int, NDArray[np.float64]]) -> None:
        """Keep vectors ``(k,)`` of untouched images."""
        self._keep(ImageMeasureRow, select(ImageRow.id), ImageRow.id, {}, name, made_by, vectors)

    def keep_of_run(self, run_id: int, name: str, made_by: str, vectors: Mapping[int, NDArray[np.float64]]) -> None:
        """Keep vectors ``(k,)`` of images as a run left them."""
        there = select(RunImageRow.image_id).where(RunImageRow.run_id == run_id)
        self._keep(RunMeasureRow, there, RunImageRow.image_id, {"run_id": run_id}, name, made_by, vectors)

    def _keep(
        self,
        table: Any,
        there: Any,
        image: Any,
        owner: Mapping[str, int],
        name: str,
        made_by: str,
        vectors: Mapping[int, NDArray[np.float64]],
    ) -> None:
        ids = list(vectors)
        mine = [getattr(table, column) == value for column, value in owner.items()]
        for start in range(0, len(ids), _BATCH):
            batch = ids[start : start + _BATCH]
            with self._database.writing(alone=True) as session:
                left = session.scalars(there.where(image.in_(batch))).all()
                session.execute(delete(table).where(table.image_id.in_(left), table.name == name, *mine))
                rows = [
                    {**owner, "image_id": one, "name": name, "made_by": made_by, "vector": vectors[one]} for one in left
                ]
                if rows:
                    session.execute(insert(table), rows)
