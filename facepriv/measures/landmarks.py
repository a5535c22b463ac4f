"""Points of a run's landmarker, saved as measures of the images.

The detector's own 68 are saved with every image, so they are no measure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import FaceprivError
from facepriv.measures.compute import LANDMARKS, Measure, find_known
from facepriv.measures.stored_faces import untouched_faces
from facepriv.schemas.runs import RunSpec
from facepriv.store import ImageRecord, Store
from facepriv.store.measures import Vector
from facepriv.types import Face

Points = NDArray[np.float32]


def find_points(store: Store, spec: RunSpec, images: Iterable[ImageRecord]) -> dict[int, Points | None]:
    """Return what is known of a run's images, by image: points ``(k, 2)``, None where the landmarker finds none.

    Empty for a run that takes the detector's own.
    """
    if spec.landmarker is None:
        return {}
    measure = Measure(LANDMARKS, spec.landmarker)
    return unpack_points(find_known(store, untouched_faces(store, spec.dataset.id, images), [measure])[measure.name])


def unpack_points(vectors: Mapping[int, Vector]) -> dict[int, Points | None]:
    """Return measures as points ``(k, 2)`` by image, None where the landmarker finds none."""
    return {image_id: _unpacked(vector) for image_id, vector in vectors.items()}


def points_of(store: Store, spec: RunSpec, image: ImageRecord, face: Face | None) -> Points | None:
    """Return the corners of the triangles that a run moved in one image; None where there are none, or no way to tell.

    Points that are not saved any more are searched again in ``face``, the untouched image.
    """
    if spec.landmarker is None or face is None:
        return image.landmarks
    try:
        known = find_points(store, spec, [image])
        return known[image.id] if known else _unpacked(Measure(LANDMARKS, spec.landmarker).compute(face))
    except FaceprivError:
        return None


def _unpacked(vector: Vector) -> Points | None:
    return None if np.isnan(vector).any() else vector.astype(np.float32, copy=False).reshape(-1, 2)
