"""Stored images and the faces in them: pixels by hash, and records put together as faces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.imaging.png import decode_png
from facepriv.measures.fingerprint import fingerprint
from facepriv.schemas.runs import Phase
from facepriv.store import ArtifactStore, ImageRecord, RunImage, RunRecord, Store
from facepriv.store.measures import Vector
from facepriv.types import Face, Image

PhaseImage = tuple[Phase, int]
"""An image as it was imported or as a run left it."""


def stored_pixels(artifacts: ArtifactStore, sha256: str) -> Image:
    """Read a stored image, ``(h, w, 3)`` RGB uint8, after checking its hash."""
    return decode_png(artifacts.get(sha256))


def image_pixels(store: Store, image: ImageRecord) -> Image:
    """Read an image of a data set. Raises BadInputError if the record has no stored image."""
    if image.artifact_sha256 is None:
        raise BadInputError(f"The image {image.name} was not kept at import, so it cannot be shown.", code="no-image")
    return stored_pixels(store.artifacts, image.artifact_sha256)


def face_of(image: ImageRecord, pixels: Image) -> Face:
    """Put a record and its pixels together as a face; raises BadInputError if there is none."""
    if image.landmarks is None or image.box is None:
        raise BadInputError(f"The image {image.name} shows no usable face: {image.failure_sentence}", code="no-face")
    return Face(
        image_id=str(image.id),
        subject=image.subject,
        label=image.label,
        pixels=pixels,
        landmarks=image.landmarks,
        box=image.box,
    )


@dataclass(frozen=True, eq=False)
class StoredFace:
    """One stored image with its face, to be measured."""

    sha256: str
    landmarks: NDArray[np.float32]
    box: tuple[int, int, int, int]
    detector_fingerprint: str
    """Fingerprint of the detector that found the face; empty where an import did not note it."""

    def face(self, artifacts: ArtifactStore) -> Face:
        """Read its face, of nobody in particular; raises StoreError if the file is missing or damaged."""
        return Face(
            image_id=self.sha256,
            subject="",
            label=None,
            pixels=stored_pixels(artifacts, self.sha256),
            landmarks=self.landmarks,
            box=self.box,
        )


def untouched_faces(store: Store, dataset_id: int, images: Iterable[ImageRecord]) -> dict[int, StoredFace]:
    """Return the untouched files of a data set's images, by image; without those that show no usable face."""
    detector_fingerprint = store.datasets.get(dataset_id).detector_fingerprint or ""
    return {
        image.id: StoredFace(image.artifact_sha256, image.landmarks, image.box, detector_fingerprint)
        for image in images
        if image.artifact_sha256 is not None and image.landmarks is not None and image.box is not None
    }


def perturbed_faces(records: Iterable[RunImage], detector_fingerprint: str) -> dict[int, StoredFace]:
    """Return the files that a run left, by image; without those in which its detector finds no face any more."""
    return {
        record.image_id: StoredFace(
            record.artifact_sha256, record.after_landmarks, record.after_box, detector_fingerprint
        )
        for record in records
        if record.artifact_sha256 is not None and record.after_landmarks is not None and record.after_box is not None
    }


def vector_rows(vectors: Mapping[PhaseImage, Vector], phase: Phase, images: Iterable[ImageRecord]) -> Vector:
    """Return vectors as rows ``(n, d)`` in the order of the images; a row of NaN where there is none."""
    missing = np.full_like(next(iter(vectors.values()), np.zeros(1, dtype=np.float32)), np.nan)
    rows = [vectors.get((phase, image.id), missing) for image in images]
    return np.array(rows).reshape(len(rows), len(missing))


def faces_by_phase(
    store: Store, dataset_id: int, images: Sequence[ImageRecord], run: RunRecord | None
) -> dict[PhaseImage, StoredFace]:
    """Return the untouched files of a data set's images and, with a run, those that it left of them."""
    before = untouched_faces(store, dataset_id, images)
    files: dict[PhaseImage, StoredFace] = {("before", image_id): face for image_id, face in before.items()}
    if run is not None:
        after = perturbed_faces(store.runs.outcomes(run.id), fingerprint(run.spec.detector))
        files |= {("after", image.id): after[image.id] for image in images if image.id in after}
    return files
