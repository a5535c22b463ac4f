"""Stored images and the faces in them: pixels by hash, and records put together as faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.imaging.png import decode_png
from facepriv.store import ArtifactStore, Store
from facepriv.store.records import ImageRecord, RunImage
from facepriv.types import Face, Image


def stored_pixels(artifacts: ArtifactStore, sha256: str) -> Image:
    """Read a stored image, ``(h, w, 3)`` RGB uint8, after checking its hash."""
    return decode_png(artifacts.get(sha256))


def image_pixels(store: Store, image: ImageRecord) -> Image:
    """Read an image of a data set.

    Raises
    ------
    BadInputError
        If the record has no stored image.
    """
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
    """One stored image with its face, to be embedded or measured."""

    sha256: str
    landmarks: NDArray[np.float32]
    box: tuple[int, int, int, int]

    def face(self, kept: ArtifactStore) -> Face:
        """Read its face, of nobody in particular; raises StoreError if the file is missing or damaged."""
        return Face(
            image_id=self.sha256,
            subject="",
            label=None,
            pixels=stored_pixels(kept, self.sha256),
            landmarks=self.landmarks,
            box=self.box,
        )


def stored_face(image: ImageRecord) -> StoredFace | None:
    """Return an image's untouched file with its face; None where nothing was kept or no face found."""
    return _stored(image.artifact_sha256, image.landmarks, image.box)


def perturbed_face(record: RunImage) -> StoredFace | None:
    """Return the file that a run left of an image, with the face found in it; None where it left none, or no face."""
    return _stored(record.artifact_sha256, record.after_landmarks, record.after_box)


def _stored(
    sha256: str | None, landmarks: NDArray[np.float32] | None, box: tuple[int, int, int, int] | None
) -> StoredFace | None:
    if sha256 is None or landmarks is None or box is None:
        return None
    return StoredFace(sha256=sha256, landmarks=landmarks, box=box)
