"""What a process needs to know of the run that it works for: its models, its gallery, and what it has learnt."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facepriv.measures.landmarks import Points, find_points
from facepriv.measures.loaded_models import get_classifier, get_matcher, load_models
from facepriv.measures.stored_faces import stored_pixels
from facepriv.perturb.base import KeptClassifiers, Learned
from facepriv.perturb.gallery import Gallery
from facepriv.perturb.registry import make_method
from facepriv.schemas.runs import RunSpec
from facepriv.services.jobs.pool_process import Job, JobRef, artifacts, get_content
from facepriv.services.runs.attributes import labelled_by
from facepriv.store import ArtifactStore, ImageRecord, Store
from facepriv.types import GENDER


@dataclass(frozen=True)
class RunJob:
    """What every process of a run needs to know."""

    spec: RunSpec
    images: tuple[ImageRecord, ...]
    """All images of the data set that show a face: the gallery that candidates are chosen from."""
    points: Mapping[int, Points | None] = field(default_factory=dict)
    """Where the run has a landmarker, what it finds in them, by image; candidates are only those with points."""


class RunInProcess:
    """One process's models and gallery for one run.

    Raises FaceprivError if a model cannot be used here, or is of another version than the run's.
    """

    def __init__(self, job: RunJob, artifacts: ArtifactStore) -> None:
        spec = job.spec
        self.spec = spec
        self.artifacts = artifacts
        self.method = make_method(spec.method, spec.parameters)
        # This process may be on another machine than the worker, which has looked at its own models only.
        self.classifiers = load_models(get_classifier, spec.classifiers)
        matchers = load_models(get_matcher, (*spec.guards, *spec.matchers))
        self.guides = [self.classifiers[guide.name] for guide in spec.guides]
        keep = [self.classifiers[ref.name] for ref in spec.keep]
        self.keep = KeptClassifiers(keep, spec.keep_weight) if keep else None
        self.guards = [matchers[guard.name] for guard in spec.guards]
        # For the methods, a label is what the guides are to be wrong about.
        images = job.images if spec.attribute == GENDER else labelled_by(self.guides[0], job.images)
        self.images = {image.id: image for image in images}
        self.points = job.points
        candidates = [image for image in images if spec.landmarker is None or job.points.get(image.id) is not None]
        self.gallery = self.make_gallery(candidates, with_points=spec.landmarker is not None)
        self.learned: dict[str, Learned] = {}
        """What was learnt, by the hash of its artifact, as far as this process has needed it."""

    def pixels(self, image: ImageRecord) -> NDArray[np.uint8]:
        """Read an untouched image."""
        assert image.artifact_sha256 is not None
        return stored_pixels(self.artifacts, image.artifact_sha256)

    def make_gallery(self, images: Sequence[ImageRecord], *, with_points: bool = False) -> Gallery:
        """Return a gallery of stored images; with the landmarker's points of each, if asked for."""
        by_id = {str(image.id): image for image in images}
        points = [self.points.get(image.id) for image in images] if with_points else []
        return Gallery(
            image_ids=list(by_id),
            subjects=[image.subject for image in images],
            labels=[image.label for image in images],
            landmarks=np.array([image.landmarks for image in images if image.landmarks is not None]),
            boxes=[image.box for image in images if image.box is not None],
            read=lambda image_id: self.pixels(by_id[image_id]),
            meshes=np.array([each for each in points if each is not None]) if with_points else None,
        )


_run: dict[JobRef, RunInProcess] = {}
"""The run that this process works for."""
_lock = threading.Lock()


def load_run(store: Store, run_id: int) -> RunJob:
    """Read what every process of a run needs to know."""
    spec = store.runs.get(run_id).spec
    images = store.datasets.images(spec.dataset.id, failed=False)
    return RunJob(spec, images, find_points(store, spec, images))


def get_run(job: Job) -> RunInProcess:
    """Return the run of a job; a process that has worked for another run forgets that one."""
    ref = job.ref
    with _lock:
        if ref not in _run:
            content: RunJob = get_content(job)
            _run.clear()
            _run[ref] = RunInProcess(content, artifacts())
        return _run[ref]
