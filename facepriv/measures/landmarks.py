"""Points that a run's landmarker finds, kept as measures of the images, so that each is searched once.

A measure is named ``landmarks:LANDMARKER`` and holds x and y of one point after the other; a single NaN where the
landmarker finds none. The detector's own 68 are kept with every image, so they are no measure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import FaceprivError, FailureToAcquireError
from facepriv.measures.fingerprint import found_by, landmarks_fingerprint
from facepriv.measures.loaded_models import get_landmarker
from facepriv.schemas.base import ModelRef
from facepriv.schemas.runs import RunSpec
from facepriv.store import Store
from facepriv.store.measures import Vector
from facepriv.store.records import ImageRecord
from facepriv.types import Face

POINTS = "landmarks"
Points = NDArray[np.float32]


def known_points(store: Store, spec: RunSpec) -> dict[int, Points | None]:
    """Give what is kept of a run's whole data set, by image: points ``(k, 2)``, None where there are none to be found.

    Empty for a run that takes the detector's own.
    """
    if spec.landmarker is None:
        return {}
    kept = store.measures.of_images(spec.dataset.id, *_kept_as(store, spec.dataset.id, spec.landmarker))
    return {image_id: _unpacked(vector) for image_id, vector in kept.items()}


def save_points(store: Store, spec: RunSpec, found: Mapping[int, Vector]) -> None:
    """Keep what `locate` gave, by image, for this run's processes and for later runs."""
    assert spec.landmarker is not None
    store.measures.save_of_images(*_kept_as(store, spec.dataset.id, spec.landmarker), found)


def locate(name: str, face: Face) -> Vector:
    """Find a face's points with a landmarker, as they are kept.

    Raises
    ------
    FaceprivError
        If the landmarker cannot be used here.
    """
    try:
        points = get_landmarker(name).locate(face.pixels, face.box, face.landmarks)
    except FailureToAcquireError:
        return np.full(1, np.nan, dtype=np.float32)
    return points.astype(np.float32, copy=False).ravel()


def points_of(store: Store, spec: RunSpec, image: ImageRecord, face: Face | None) -> Points | None:
    """Return the corners of the triangles that a run moved in one image; None where there are none, or no way to tell.

    Parameters
    ----------
    face
        The untouched image, in which points that are not kept any more are searched again.
    """
    if spec.landmarker is None or face is None:
        return image.landmarks
    try:
        kept = store.measures.of_image(image.id, *_kept_as(store, image.dataset_id, spec.landmarker))
        return _unpacked(locate(spec.landmarker.name, face) if kept is None else kept)
    except FaceprivError:
        return None


def _kept_as(store: Store, dataset_id: int, ref: ModelRef) -> tuple[str, str]:
    return f"{POINTS}:{ref.name}", landmarks_fingerprint(get_landmarker(ref.name), found_by(store, dataset_id))


def _unpacked(vector: Vector) -> Points | None:
    return None if np.isnan(vector).any() else vector.astype(np.float32, copy=False).reshape(-1, 2)
