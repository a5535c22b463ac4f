"""Measures of stored images: what each is, and how all that is not known yet is computed and saved.

Runs, audits, quality reports, probes and comparison protocols all call `compute`. A measure is a vector of numbers,
saved by the content of the image and the fingerprint of what computed it, so that nobody computes it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar

import numpy as np

from facepriv.classify.probe import crop_matcher
from facepriv.errors import FailureToAcquireError, StoreBusyError, StoreError
from facepriv.imaging.appearance import appearance_features
from facepriv.imaging.crop import take_crop
from facepriv.imaging.residuals import residual_features
from facepriv.imaging.restoring import restored_faces
from facepriv.imaging.texture import texture_features
from facepriv.measures.faults import log_fault
from facepriv.measures.fingerprint import fingerprint, landmarks_fingerprint
from facepriv.measures.loaded_models import check_versions, get_classifier, get_landmarker, get_matcher
from facepriv.measures.stored_faces import StoredFace
from facepriv.perturb.base import score_face
from facepriv.schemas.base import ModelRef
from facepriv.stopwatch import piece, timed
from facepriv.store import ArtifactStore, Store
from facepriv.store.measures import Measured, Vector
from facepriv.types import AttributeClassifier, CropMatcher, Face
from facepriv.weights.files import require_all

SCORE, RESTORED, TEMPLATE, CROPPED, LANDMARKS = "score", "restored", "template", "cropped", "landmarks"
RESTORING = "restoring"
"""Piece of work that all classifiers' scores of restored versions share."""
RESIDUALS, APPEARANCE, TEXTURE = "residuals", "appearance", "texture-map"
FACEPRIV = ModelRef(name="facepriv", version="")
"""In place of a model, for features that facepriv computes itself."""
SAVE_EVERY = 16
"""Images whose measures are saved at a time: what an interruption loses at most."""
_log = logging.getLogger(__name__)
_K = TypeVar("_K", bound=Hashable)
_T = TypeVar("_T")


def _get_crop_matcher(name: str) -> CropMatcher:
    matcher = crop_matcher(name)
    require_all(matcher.card)
    return matcher


_FEATURES: dict[str, Callable[[Face], Vector]] = {
    RESIDUALS: residual_features,
    APPEARANCE: appearance_features,
    TEXTURE: texture_features,
}

_GET_MODEL: dict[str, Callable[[str], Any]] = {
    SCORE: get_classifier,
    RESTORED: get_classifier,
    TEMPLATE: get_matcher,
    CROPPED: _get_crop_matcher,
    LANDMARKS: get_landmarker,
}


@dataclass(frozen=True)
class Measure:
    """What is computed from an image, by one version of a model or, as some features, without a model.

    ======================== ===========================================================================================
    name                     vector
    ======================== ===========================================================================================
    ``score:CLASSIFIER``     ``(1,)`` log-odds in nats
    ``restored:CLASSIFIER``  ``(f,)`` log-odds after each front end of `facepriv.imaging.restoring`; NaN without a face
    ``template:MATCHER``     ``(d,)`` float32 unit vector; NaN is a failure to acquire
    ``cropped:MATCHER``      ``(d,)`` float32 template of the matcher's own crop, from which probes learn
    ``landmarks:LANDMARKER`` ``(2 k,)`` float32, x and y of one point after the other; one NaN where none are found
    ``residuals``            ``(r,)`` features of `facepriv.imaging.residuals`
    ``appearance``           ``(a,)`` features of `facepriv.imaging.appearance`
    ``texture-map``          ``(t,)`` float32 features of `facepriv.imaging.texture`
    ======================== ===========================================================================================
    """

    kind: str
    model: ModelRef = FACEPRIV

    @property
    def name(self) -> str:
        """Name under which its vectors are saved."""
        return f"{self.kind}:{self.model.name}" if self.kind in _GET_MODEL else self.kind

    @property
    def piece(self) -> str:
        """Name under which the stopwatch knows it."""
        return piece(self.kind, self.model.name)

    def fingerprint(self, detector_fingerprint: str) -> str:
        """Return a hash of all that a vector depends on besides the image, as the detector that found the face.

        Looking up libraries' versions takes time.
        """
        if self.kind == LANDMARKS:
            return landmarks_fingerprint(get_landmarker(self.model.name), detector_fingerprint)
        return fingerprint(self.model, detector_fingerprint)

    def load(self) -> Any:
        """Return the model; None for a measure without one.

        Raises FaceprivError if it cannot be used here, or is of another version.
        """
        if self.kind not in _GET_MODEL:
            return None
        model = _GET_MODEL[self.kind](self.model.name)
        check_versions(self.model, model)
        return model

    def compute(self, face: Face) -> Vector:
        """Compute the vector of one face."""
        model = self.load()
        with timed(self.piece, pixels_of(face)):
            return _vector(self.kind, model, face, lambda: restored_faces(face))


def pixels_of(face: Face) -> int:
    """Return how many pixels the image of a face has, with which most of what is computed of it grows."""
    return int(face.pixels.shape[0] * face.pixels.shape[1])


def _restored(face: Face) -> list[Face | None]:
    with timed(RESTORING, pixels_of(face)):
        return restored_faces(face)


def _vector(kind: str, model: Any, face: Face, restored: Callable[[], list[Face | None]]) -> Vector:
    if kind == SCORE:
        return np.array([score_face(model, face)])
    if kind == RESTORED:
        return np.array([np.nan if version is None else _score_once(model, version) for version in restored()])
    if kind == TEMPLATE:
        template: Vector = model.embed([face])[0]
        return template
    if kind == CROPPED:
        cropped: Vector = model.embed_crops(take_crop(model.crop(face), face.pixels)[None])[0]
        return cropped
    if kind == LANDMARKS:
        try:
            points = model.locate(face.pixels, face.box, face.landmarks)
        except FailureToAcquireError:
            return np.full(1, np.nan, dtype=np.float32)
        flat: Vector = points.astype(np.float32, copy=False).ravel()
        return flat
    return _FEATURES[kind](face)


def _score_once(classifier: AttributeClassifier, face: Face) -> float:
    """Score a face as published, but with one pass where the publisher takes several: there are many restored faces."""
    if getattr(classifier, "oversamples", False):
        return float(classifier.score(take_crop(classifier.crop(face), face.pixels)[None])[0])
    return score_face(classifier, face)


def compute_each(face: Face, measures: Iterable[Measure]) -> dict[str, Vector]:
    """Compute measures of one face, by name; one that fails is logged and left out. Raises errors as `Measure.load`."""
    models = {measure: measure.load() for measure in measures}
    # Finding the face again behind every front end is what costs, so all classifiers share it.
    restored = cache(lambda: _restored(face))
    vectors: dict[str, Vector] = {}
    for measure, model in models.items():
        try:
            if measure.kind == RESTORED:
                restored()
            with timed(measure.piece, pixels_of(face)):
                vectors[measure.name] = _vector(measure.kind, model, face, restored)
        except Exception as error:
            log_fault(_log, f"{measure.name} could not be computed", error)
    return vectors


@dataclass(frozen=True, eq=False)
class MeasureTask:
    """One stored image, and the measures that are to be computed of it."""

    face: StoredFace
    measures: tuple[Measure, ...]
    skip_damaged: bool = False
    """Whether a file that is missing or damaged is logged and left out, and not an error."""


def compute_task(artifacts: ArtifactStore, task: MeasureTask) -> dict[str, Vector]:
    """Read one stored image and compute its measures, as `compute_each` does.

    Raises StoreError if its file is missing or damaged, or the artifacts cannot be reached.
    """
    try:
        face = task.face.face(artifacts)
    except StoreError as error:
        if isinstance(error, StoreBusyError) or not task.skip_damaged:
            raise
        log_fault(_log, "An image could not be measured", error)
        return {}
    return compute_each(face, task.measures)


class MeasuringPool:
    """Who computes, and how the database is read and written meanwhile: here and at once, if nobody else does."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def look_up(self, read: Callable[[], _T]) -> _T:
        """Return what a function reads in the database."""
        return read()

    def compute(self, tasks: Iterable[MeasureTask]) -> Iterator[tuple[MeasureTask, Mapping[str, Vector]]]:
        """Yield tasks with their vectors by name, in any order; without those that failed."""
        return ((task, compute_task(self.store.artifacts, task)) for task in tasks)

    def save(self, write: Callable[[], None]) -> None:
        """Call a function that writes to the database."""
        write()


def compute(
    store: Store,
    images: Mapping[_K, StoredFace],
    measures: Sequence[Measure],
    pool: MeasuringPool | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    skip_damaged: bool = False,
) -> dict[str, dict[_K, Vector]]:
    """Return measures of stored images, by name and image; compute and save those that are not known.

    One that cannot be computed of an image is logged and left out.

    Parameters
    ----------
    images
        Stored images by whatever the caller calls them; files that several share are read once.
    pool
        Who computes; by default this process.
    progress
        Called with the number of files done and of all files to be read, first with none done.
    skip_damaged
        Whether the measures of a missing or damaged file are left out, too, instead of raising an error.

    Raises
    ------
    StoreError
        If a file is missing or damaged.
    FaceprivError
        If a model cannot be used, or is of another version than its measure says.
    """
    pool = pool or MeasuringPool(store)
    progress = progress or (lambda done, total: None)
    fingerprints = _fingerprints(images, measures)
    vectors = pool.look_up(lambda: _find_known(store, images, fingerprints))
    files: dict[tuple[str, str], list[_K]] = {}
    for image, face in images.items():
        if any(image not in vectors[measure.name] for measure in measures):
            files.setdefault((face.sha256, face.detector_fingerprint), []).append(image)
    sharing = {
        MeasureTask(
            face=images[same[0]],
            measures=tuple(measure for measure in measures if same[0] not in vectors[measure.name]),
            skip_damaged=skip_damaged,
        ): same
        for same in files.values()
    }
    unsaved: list[Measured] = []
    progress(0, len(sharing))
    for done, (task, computed) in enumerate(pool.compute(list(sharing)), start=1):
        for measure in task.measures:
            if measure.name not in computed:
                continue
            vector = computed[measure.name]
            vectors[measure.name].update(dict.fromkeys(sharing[task], vector))
            measure_fingerprint = fingerprints[measure, task.face.detector_fingerprint]
            unsaved.append(Measured(task.face.sha256, measure.name, measure_fingerprint, vector))
        if done % SAVE_EVERY == 0 or done == len(sharing):
            pool.save(partial(store.measures.save, unsaved))
            unsaved = []
        progress(done, len(sharing))
    return vectors


def find_known(
    store: Store, images: Mapping[_K, StoredFace], measures: Iterable[Measure]
) -> dict[str, dict[_K, Vector]]:
    """Return what is known of stored images, by measure's name and image."""
    return _find_known(store, images, _fingerprints(images, measures))


def _fingerprints(images: Mapping[Any, StoredFace], measures: Iterable[Measure]) -> dict[tuple[Measure, str], str]:
    detectors = {face.detector_fingerprint for face in images.values()} or {""}
    return {(measure, detector): measure.fingerprint(detector) for measure in measures for detector in detectors}


def _find_known(
    store: Store, images: Mapping[_K, StoredFace], fingerprints: Mapping[tuple[Measure, str], str]
) -> dict[str, dict[_K, Vector]]:
    known: dict[str, dict[_K, Vector]] = {}
    for (measure, detector_fingerprint), measure_fingerprint in fingerprints.items():
        mine = {
            image: face.sha256 for image, face in images.items() if face.detector_fingerprint == detector_fingerprint
        }
        vectors = store.measures.get(measure.name, measure_fingerprint, mine.values())
        known.setdefault(measure.name, {}).update(
            {image: vectors[sha256] for image, sha256 in mine.items() if sha256 in vectors}
        )
    return known
