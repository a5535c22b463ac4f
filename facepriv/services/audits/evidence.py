"""What an audit measures in which images, put together as the evidence that attackers see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.evidence import Evidence, Features
from facepriv.measures.compute import APPEARANCE, RESIDUALS, RESTORED, SCORE, TEMPLATE, Measure, find_known
from facepriv.measures.stored_faces import PhaseImage, StoredFace, faces_by_phase, vector_rows
from facepriv.schemas.audits import AuditSpec
from facepriv.schemas.runs import Phase
from facepriv.store import ImageRecord, Store
from facepriv.store.measures import Vector

Vectors = Mapping[str, Mapping[PhaseImage, Vector]]


@dataclass(frozen=True, eq=False)
class AuditedImages:
    """The images of an audit, and their files."""

    images: tuple[ImageRecord, ...]
    """Labelled and with a usable face, in the order of the spec."""
    files: Mapping[PhaseImage, StoredFace]
    """The untouched files and, of a run, those in which a face was found: what a policy can release."""
    of_run: bool


def list_audited(store: Store, spec: AuditSpec) -> AuditedImages:
    """Return the images that an audit is about."""
    images = tuple(
        image
        for image in store.datasets.images(spec.dataset.id, ids=spec.image_ids)
        if image.failure is None and image.label is not None
    )
    run = None if spec.run_id is None else store.runs.get(spec.run_id)
    files = faces_by_phase(store, spec.dataset.id, images, run)
    return AuditedImages(images, files, of_run=spec.run_id is not None)


def list_measures(spec: AuditSpec) -> list[Measure]:
    """Return the measures that an audit's attackers need."""
    return [
        *(Measure(kind, classifier) for kind in (SCORE, RESTORED) for classifier in spec.classifiers),
        *(Measure(TEMPLATE, matcher) for matcher in spec.matchers),
        Measure(RESIDUALS),
        Measure(APPEARANCE),
    ]


def find_evidence(store: Store, spec: AuditSpec) -> Evidence:
    """Return what attackers see, of measures that were all computed before.

    Raises BadInputError as `make_evidence` does.
    """
    audited = list_audited(store, spec)
    return make_evidence(audited, find_known(store, audited.files, list_measures(spec)))


def make_evidence(audited: AuditedImages, vectors: Vectors) -> Evidence:
    """Return measures, by name and image, as what attackers see.

    Raises BadInputError with code ``too-few-subjects`` if too few people are left to learn from some and judge others.
    """
    # A model that could measure nothing at all must not blind attackers who use it beside others.
    working = [
        name
        for name, by_image in vectors.items()
        if name in (RESIDUALS, APPEARANCE)
        or any(np.isfinite(vector).any() for (phase, _), vector in by_image.items() if phase == "before")
    ]
    untouched = _features(audited.images, "before", vectors, working)
    # Where the run left no file, there is nothing else to release than the image as it was.
    can_be_perturbed = np.array([("after", image.id) in audited.files for image in audited.images], dtype=bool)
    return Evidence(
        labels=np.array([image.label for image in audited.images], dtype=np.int64),
        untouched=untouched,
        perturbed=untouched.replace_rows(can_be_perturbed, _features(audited.images, "after", vectors, working))
        if audited.of_run
        else None,
        has_file=can_be_perturbed,
    )


def _features(images: Sequence[ImageRecord], phase: Phase, vectors: Vectors, names: Sequence[str]) -> Features:
    def table(name: str) -> NDArray[np.float64]:
        return np.asarray(vector_rows(vectors[name], phase, images), dtype=np.float64)

    def by_model(kind: str) -> dict[str, NDArray[np.float64]]:
        return {name.partition(":")[2]: table(name) for name in names if name.partition(":")[0] == kind}

    return Features(
        subjects=np.array([image.subject for image in images], dtype=np.str_),
        scores={name: values[:, 0] for name, values in by_model(SCORE).items()},
        restored=by_model(RESTORED),
        templates=by_model(TEMPLATE),
        residuals=table(RESIDUALS),
        appearance=table(APPEARANCE),
    )
