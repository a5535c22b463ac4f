"""Pixels of stored images, and the views of a perturbation that a person looks at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.quality import difference
from facepriv.imaging.triangulation import triangle_edges
from facepriv.measures.landmarks import points_of
from facepriv.measures.stored_faces import face_of, image_pixels, stored_pixels
from facepriv.store import ImageRecord, RunImage, Store
from facepriv.types import Image

Segment = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Pair:
    """An image before and after, with what helps to see the change."""

    image: ImageRecord
    record: RunImage
    before: Image
    after: Image | None
    """None if nothing was stored."""
    difference: Image | None
    """Change times 8 around mid-grey."""
    candidate: Image | None
    candidate_name: str
    mesh: list[Segment]
    """Edges of the triangles on the original, x, y in pixels."""


def run_pair(store: Store, run_id: int, image_id: int) -> Pair:
    """Return the views of one image of a run. Raises UnknownNameError if the run or the image does not exist."""
    run = store.runs.get(run_id)
    record = store.runs.run_image(run_id, image_id)
    (image,) = store.datasets.images(run.dataset_id, ids=[image_id])
    before = image_pixels(store, image)
    face = None if image.landmarks is None or image.box is None else face_of(image, before)
    after = None if record.artifact_sha256 is None else stored_pixels(store.artifacts, record.artifact_sha256)
    candidate, candidate_name = None, ""
    if record.candidate_image_id is not None:
        (other,) = store.datasets.images(run.dataset_id, ids=[record.candidate_image_id])
        candidate, candidate_name = image_pixels(store, other), other.name
    return Pair(
        image=image,
        record=record,
        before=before,
        after=after,
        difference=None if after is None else difference(before, after),
        candidate=candidate,
        candidate_name=candidate_name,
        mesh=mesh_edges(points_of(store, run.spec, image, face)),
    )


def mesh_edges(points: NDArray[np.float32] | None) -> list[Segment]:
    """Return the edges of the triangles of points ``(k, 2)``, each once; none where there are no points."""
    if points is None:
        return []
    corners = points.astype(float).tolist()
    return [(tuple(corners[a]), tuple(corners[b])) for a, b in triangle_edges(points).tolist()]
