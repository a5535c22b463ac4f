"""Measure in stored images what attackers take from them, once, and put it together as evidence.

A measure is named ``score:CLASSIFIER``, ``restored:CLASSIFIER``, ``template:MATCHER``, ``residuals`` or ``appearance``
and is a vector of numbers; NaN where no face was found any more.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.evidence import Evidence, Features
from facepriv.errors import StoreError
from facepriv.imaging.appearance import appearance_features
from facepriv.imaging.residuals import residual_features
from facepriv.imaging.restoring import restored_faces
from facepriv.measures.faults import log_fault
from facepriv.measures.fingerprint import fingerprint, found_by
from facepriv.measures.loaded_models import check_versions, get_classifier, get_matcher, make_reference
from facepriv.measures.stored_faces import StoredFace, perturbed_face, stored_face
from facepriv.perturb.base import score_face
from facepriv.schemas.audits import AuditSpec
from facepriv.schemas.base import ModelRef
from facepriv.schemas.runs import Phase
from facepriv.services.jobs.pool_process import Job, JobRef, PortableJob, artifacts, content_of
from facepriv.store import ArtifactStore, ImageRecord, Store
from facepriv.types import Face

SCORE, RESTORED, TEMPLATE = "score", "restored", "template"
RESIDUALS, APPEARANCE = "residuals", "appearance"
Vector = NDArray[np.float64]
_log = logging.getLogger(__name__)
_checked: list[JobRef] = []
"""The audit for which this process's models were checked."""


@dataclass(frozen=True, eq=False)
class MeasureTask:
    """One stored image of which something is still to be measured."""

    phase: Phase
    image_id: int
    stored: StoredFace
    names: tuple[str, ...]
    """Of measures."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What is known so far of an audit's images, vectors by measure and image."""

    images: tuple[ImageRecord, ...]
    """Those audited: labelled and with a usable face, in the order of the spec."""
    untouched: dict[str, dict[int, Vector]]
    perturbed: dict[str, dict[int, Vector]]
    """Empty for an audit of a database as it is."""
    files: dict[int, StoredFace]
    """The untouched files."""
    after: dict[int, StoredFace]
    """The perturbed files in which a face was found: those that a policy can release."""

    def left(self) -> list[MeasureTask]:
        """Return what is still to be measured."""
        wanted: list[MeasureTask] = []
        phase: Phase
        for phase, known, files in (("before", self.untouched, self.files), ("after", self.perturbed, self.after)):
            for image_id, stored in files.items():
                names = tuple(name for name, vectors in known.items() if image_id not in vectors)
                if names:
                    wanted.append(MeasureTask(phase, image_id, stored, names))
        return wanted


def measures(spec: AuditSpec, finder: str) -> dict[str, str]:
    """Name the measures that an audit's attackers need, each with the hash of what makes it.

    Parameters
    ----------
    finder
        What found the faces that are measured, as `facepriv.measures.fingerprint` names it.
    """
    features = ModelRef(name="facepriv", version="")
    models = {
        **{f"{SCORE}:{one.name}": one for one in spec.classifiers},
        **{f"{RESTORED}:{one.name}": one for one in spec.classifiers},
        **{f"{TEMPLATE}:{one.name}": one for one in spec.matchers},
        RESIDUALS: features,
        APPEARANCE: features,
    }
    return {name: fingerprint(ref, finder) for name, ref in models.items()}


def known_measures(store: Store, spec: AuditSpec) -> Measured:
    """Collect what earlier runs and audits have measured of an audit's images."""
    images = tuple(
        image
        for image in store.datasets.images(spec.dataset.id, ids=spec.image_ids)
        if image.failure is None and image.label is not None
    )
    untouched: dict[str, dict[int, Vector]] = {}
    perturbed: dict[str, dict[int, Vector]] = {}
    for name, made_by in fingerprints_of(store, spec, "before").items():
        untouched[name] = _wide(store.measures.of_images(spec.dataset.id, name, made_by))
    if spec.run_id is not None:
        for name, made_by in fingerprints_of(store, spec, "after").items():
            perturbed[name] = _wide(store.measures.of_run(spec.run_id, name, made_by))
    records = () if spec.run_id is None else store.runs.outcomes(spec.run_id)
    audited = {image.id for image in images}
    return Measured(
        images=images,
        untouched=untouched,
        perturbed=perturbed,
        files={image.id: stored for image in images if (stored := stored_face(image)) is not None},
        after={
            record.image_id: stored
            for record in records
            if record.image_id in audited and (stored := perturbed_face(record)) is not None
        },
    )


def fingerprints_of(store: Store, spec: AuditSpec, phase: Phase) -> dict[str, str]:
    """Name the measures of a phase with what makes them; looking up every library's version takes its time."""
    return measures(spec, fingerprint(spec.detector) if phase == "after" else found_by(store, spec.dataset.id))


def keep(
    store: Store,
    spec: AuditSpec,
    phase: Phase,
    fingerprints: Mapping[str, str],
    found: Mapping[int, Mapping[str, Vector]],
) -> None:
    """Keep measures of some images, by image and name, for this audit's processes, for runs and for later audits.

    Parameters
    ----------
    makers
        Of the phase, see `fingerprints_of`.
    """
    if phase == "before":
        save_of_images(store, fingerprints, found)
        return
    assert spec.run_id is not None
    for name, made_by in fingerprints.items():
        store.measures.save_of_run(spec.run_id, name, made_by, _kept(name, found))


def save_of_images(store: Store, fingerprints: Mapping[str, str], found: Mapping[int, Mapping[str, Vector]]) -> None:
    """Keep measures of some untouched images, by image and name."""
    for name, made_by in fingerprints.items():
        store.measures.save_of_images(name, made_by, _kept(name, found))


def _kept(name: str, found: Mapping[int, Mapping[str, Vector]]) -> dict[int, NDArray[Any]]:
    return {image_id: _as_kept(name, one[name]) for image_id, one in found.items() if name in one}


def _wide(vectors: Mapping[int, NDArray[Any]]) -> dict[int, Vector]:
    return {image_id: vector.astype(np.float64, copy=False) for image_id, vector in vectors.items()}


def _as_kept(name: str, vector: Vector) -> NDArray[Any]:
    """Return templates in the precision they were computed in, as runs keep them."""
    return vector.astype(np.float32) if name.startswith(f"{TEMPLATE}:") else vector


def measure(artifacts: ArtifactStore, stored: StoredFace, names: Sequence[str]) -> dict[str, Vector]:
    """Measure one stored image.

    Raises
    ------
    StoreError
        If its file is missing or damaged.
    """
    face = stored.face(artifacts)
    found: dict[str, Vector] = {}
    restored: list[Face | None] | None = None
    for name in names:
        kind, _, model = name.partition(":")
        if kind == RESTORED:
            # Finding the face anew after every front end is what costs, so all classifiers share it.
            restored = restored_faces(face) if restored is None else restored
            judge = get_classifier(model)
            found[name] = np.array([np.nan if one is None else score_face(judge, one) for one in restored])
        elif kind == SCORE:
            found[name] = np.array([score_face(get_classifier(model), face)])
        elif kind == TEMPLATE:
            found[name] = get_matcher(model).embed([face])[0].astype(np.float64)
        elif kind == RESIDUALS:
            found[name] = residual_features(face)
        else:
            found[name] = appearance_features(face)
    return found


def measure_in_process(job: Job, images: Sequence[MeasureTask]) -> list[dict[str, Vector]]:
    """Call `measure` in a worker's process; a model's fault at one image leaves out what could not be measured.

    Raises
    ------
    StoreError
        If a file is missing or damaged.
    FaceprivError
        If a model of this process has another version than the audit's.
    """
    _check_models(job)
    kept = artifacts()
    return [measure_what_can_be(kept, one.stored, one.names) for one in images]


def _check_models(job: Job) -> None:
    """Look once whether this process, which may be on another machine than the worker, has the audit's models."""
    ref_of_job = job.ref if isinstance(job, PortableJob) else job
    if _checked == [ref_of_job]:
        return
    spec: AuditSpec = content_of(job)
    for ref in spec.classifiers:
        check_versions(ref, make_reference(get_classifier(ref.name)))
    for ref in spec.matchers:
        check_versions(ref, make_reference(get_matcher(ref.name)))
    _checked[:] = [ref_of_job]


def measure_what_can_be(kept: ArtifactStore, stored: StoredFace, names: Sequence[str]) -> dict[str, Vector]:
    """Call `measure`; a model's fault leaves out what could not be measured.

    Raises
    ------
    StoreError
        If the file is missing or damaged.
    """
    try:
        return measure(kept, stored, names)
    except StoreError:
        # A file that is missing or damaged is no attacker's failure.
        raise
    except Exception as error:
        if len(names) > 1:  # one measure's fault must not cost the image the others
            return {key: value for name in names for key, value in measure_what_can_be(kept, stored, [name]).items()}
        log_fault(_log, f"{names[0]} could not be measured", error)
        return {}


def evidence(measured: Measured) -> Evidence:
    """Put measures together as what attackers see.

    Raises
    ------
    BadInputError
        With code ``too-few-subjects`` if there are too few people to learn from some and judge on others.
    """
    subjects = np.array([image.subject for image in measured.images], dtype=np.str_)
    ids = [image.id for image in measured.images]
    # A model that could measure nothing at all must not blind attackers who use it beside others.
    working = {
        name
        for name, vectors in measured.untouched.items()
        if name in (RESIDUALS, APPEARANCE) or any(np.isfinite(vector).any() for vector in vectors.values())
    }
    untouched = _seen(subjects, ids, {name: measured.untouched[name] for name in measured.untouched if name in working})
    perturbed, made = None, np.array([image_id in measured.after for image_id in ids], dtype=bool)
    if measured.perturbed:
        perturbed_files = {name: vectors for name, vectors in measured.perturbed.items() if name in working}
        left = _seen(subjects, ids, perturbed_files, like=measured.untouched)
        # Where the run left no file, there is nothing else to release than the image as it was.
        perturbed = untouched.replace_rows(made, left)
    return Evidence(
        labels=np.array([image.label for image in measured.images], dtype=np.int64),
        untouched=untouched,
        perturbed=perturbed,
        has_file=made,
    )


def _seen(
    subjects: NDArray[np.str_],
    ids: Sequence[int],
    known: Mapping[str, Mapping[int, Vector]],
    like: Mapping[str, Mapping[int, Vector]] | None = None,
) -> Features:
    def table(name: str) -> Vector:
        vectors = known[name]
        sample = next(iter(vectors.values()), next(iter((like or known)[name].values()), np.zeros(1)))
        nothing = np.full(len(sample), np.nan)
        return np.array([vectors.get(image_id, nothing) for image_id in ids]).reshape(len(ids), len(sample))

    def each(kind: str) -> dict[str, Vector]:
        return {name.partition(":")[2]: table(name) for name in known if name.partition(":")[0] == kind}

    return Features(
        subjects=subjects,
        scores={name: values[:, 0] for name, values in each(SCORE).items()},
        restored=each(RESTORED),
        templates=each(TEMPLATE),
        residuals=table(RESIDUALS),
        appearance=table(APPEARANCE),
    )
