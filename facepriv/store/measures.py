"""Numbers computed from stored images, kept by the images' content so that nothing is computed twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from sqlalchemy import Select, select

from facepriv.store.engine import Database, put_rows
from facepriv.store.rows import ImageRow, MeasureRow, RunImageRow

_BATCH = 200
Vector = NDArray[Any]
"""``(k,)`` float32 or float64; comes back as it was kept, to the last bit."""


class MeasureStore:
    """Measures of the images of data sets and runs: templates, scores, what attackers take.

    Contract. There is at most one vector for an image's content, a name and what made it (``made_by``: SHA-256 over
    everything that it depends on besides the content), whichever data sets and runs have that image; what anything else
    has made is as if not there. Vectors of images that are gone are left out, and go with the last image of their
    content.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_images(self, dataset_id: int, name: str, made_by: str) -> dict[int, Vector]:
        """Return what is kept of a data set's untouched images, by image."""
        mine = select(ImageRow.id.label("image_id"), ImageRow.artifact_sha256).where(ImageRow.dataset_id == dataset_id)
        return self._of(mine, name, made_by)

    def of_image(self, image_id: int, name: str, made_by: str) -> Vector | None:
        """Return what is kept of one untouched image; None if nothing is."""
        mine = select(ImageRow.id.label("image_id"), ImageRow.artifact_sha256).where(ImageRow.id == image_id)
        return self._of(mine, name, made_by).get(image_id)

    def of_run(self, run_id: int, name: str, made_by: str) -> dict[int, Vector]:
        """Return what is kept of images as a run left them, by image."""
        mine = select(RunImageRow.image_id, RunImageRow.artifact_sha256).where(RunImageRow.run_id == run_id)
        return self._of(mine, name, made_by)

    def save_of_images(self, name: str, made_by: str, vectors: Mapping[int, Vector]) -> None:
        """Keep vectors of untouched images, by image."""
        self._keep(select(ImageRow.id.label("image_id"), ImageRow.artifact_sha256), name, made_by, vectors)

    def save_of_run(self, run_id: int, name: str, made_by: str, vectors: Mapping[int, Vector]) -> None:
        """Keep vectors of images as a run left them, by image."""
        mine = select(RunImageRow.image_id, RunImageRow.artifact_sha256).where(RunImageRow.run_id == run_id)
        self._keep(mine, name, made_by, vectors)

    def _of(self, mine: Select[int, str | None], name: str, made_by: str) -> dict[int, Vector]:
        images = mine.subquery()
        query = (
            select(images.c.image_id, MeasureRow.vector)
            .join(MeasureRow, MeasureRow.artifact_sha256 == images.c.artifact_sha256)
            .where(MeasureRow.name == name, MeasureRow.made_by == made_by)
        )
        with self._database.reading() as session:
            return {row.image_id: row.vector for row in session.execute(query)}

    def _keep(self, mine: Select[int, str | None], name: str, made_by: str, vectors: Mapping[int, Vector]) -> None:
        images = mine.subquery()
        ids = list(vectors)
        for start in range(0, len(ids), _BATCH):
            wanted = select(images.c.image_id, images.c.artifact_sha256).where(
                images.c.image_id.in_(ids[start : start + _BATCH]), images.c.artifact_sha256.is_not(None)
            )
            with self._database.writing() as session:
                there = {row.artifact_sha256: vectors[row.image_id] for row in session.execute(wanted)}
                rows = [
                    {"artifact_sha256": sha256, "name": name, "made_by": made_by, "vector": vector}
                    # In one order in all processes, so that two of them never wait for each other.
                    for sha256, vector in sorted(there.items(), key=lambda one: one[0])
                ]
                put_rows(session, MeasureRow, rows)
