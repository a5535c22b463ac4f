"""What an audit measures in which images, put together as the evidence that attackers see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.evidence import Evidence, Features
from facepriv.measures.compute import (
    APPEARANCE,
    RESIDUALS,
    RESTORED,
    SCORE,
    TEMPLATE,
    TEXTURE,
    Measure,
    find_known,
)
from facepriv.measures.stored_faces import PhaseImage, StoredFace, faces_by_phase, vector_rows
from facepriv.schemas.audits import AttackersPeople, AuditSpec
from facepriv.schemas.protections import TemplateSetRef
from facepriv.schemas.runs import Phase
from facepriv.store import ImageRecord, Store
from facepriv.store.measures import Vector

WITHOUT_FILTERS = frozenset({"sign", "score", "ensemble", "template", "retrained", "texture", "several-images"})
"""Attackers that read no classifier's scores of filtered images, which take longest to compute."""
Vectors = Mapping[str, Mapping[PhaseImage, Vector]]


@dataclass(frozen=True, eq=False)
class AuditedImages:
    """The images of an audit, or those that its attackers learn from, and their files."""

    images: tuple[ImageRecord, ...]
    """Labelled and with a usable face, in the order of the spec."""
    files: Mapping[PhaseImage, StoredFace]
    """The untouched files and, of a run, those in which a face was found: what a policy can release."""
    of_run: bool
    beside: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """Templates ``(n, d)`` of these images that are released beside them, by the name of their set; NaN where there is
    none."""


Measured = tuple[AuditedImages, Vectors]
"""Images with their measures, by name and image."""


def list_audited(store: Store, spec: AuditSpec) -> AuditedImages:
    """Return the images that an audit is about, and the templates that are released beside them."""
    audited = _list_images(store, spec.dataset.id, spec.image_ids, spec.run_id)
    names = [image.name for image in audited.images]
    return replace(audited, beside={ref.name: _templates_of(store, ref, names) for ref in spec.with_templates})


def _templates_of(store: Store, ref: TemplateSetRef, names: Sequence[str]) -> NDArray[np.float64]:
    """Return the templates of a set in the order of these images' names."""
    content = store.template_sets.read(ref.id)
    places = {name: place for place, name in enumerate(content.records.tolist())}
    rows = np.full((len(names), content.rows.shape[1]), np.nan)
    for at, name in enumerate(names):
        if name in places:
            rows[at] = content.rows[places[name]]
    return rows


def list_learned_from(store: Store, people: AttackersPeople) -> AuditedImages:
    """Return the images of another data set from which attackers learn."""
    return _list_images(store, people.dataset.id, people.image_ids, people.run_id)


def _list_images(store: Store, dataset_id: int, ids: Sequence[int], run_id: int | None) -> AuditedImages:
    images = tuple(
        image
        for image in store.datasets.images(dataset_id, ids=ids)
        if image.failure is None and image.label is not None
    )
    run = None if run_id is None else store.runs.get(run_id)
    files = faces_by_phase(store, dataset_id, images, run)
    return AuditedImages(images, files, of_run=run_id is not None)


def list_measures(spec: AuditSpec) -> list[Measure]:
    """Return the measures that an audit's attackers need; a brief one leaves out the slowest if none of its does."""
    kinds = (SCORE,) if spec.brief and WITHOUT_FILTERS.issuperset(spec.attackers) else (SCORE, RESTORED)
    return [
        *(Measure(kind, classifier) for kind in kinds for classifier in spec.classifiers),
        *(Measure(TEMPLATE, matcher) for matcher in spec.matchers),
        Measure(RESIDUALS),
        Measure(APPEARANCE),
        Measure(TEXTURE),
    ]


def find_evidence(store: Store, spec: AuditSpec) -> tuple[Evidence, Evidence | None]:
    """Return what attackers see of the audited images and, if any, of the images of other people they learn from.

    All measures were computed before. Raises BadInputError as `make_evidence` does.
    """
    measures = list_measures(spec)

    def known(images: AuditedImages) -> Measured:
        return images, find_known(store, images.files, measures)

    others = None if spec.learn_from is None else known(list_learned_from(store, spec.learn_from))
    return make_evidence(known(list_audited(store, spec)), others)


def make_evidence(audited: Measured, others: Measured | None = None) -> tuple[Evidence, Evidence | None]:
    """Return images with their measures as what attackers see, of the audited people and of others.

    Raises BadInputError with code ``too-few-subjects`` if too few people are left to learn from some and judge others.
    """
    working = [name for name in audited[1] if all(_works(name, vectors) for _, vectors in _both(audited, others))]
    first, *rest = (_evidence(images, vectors, working) for images, vectors in _both(audited, others))
    return first, rest[0] if rest else None


def _both(audited: Measured, others: Measured | None) -> list[Measured]:
    return [audited] if others is None else [audited, others]


def _works(name: str, vectors: Vectors) -> bool:
    """Return whether a model could measure anything: otherwise it must not blind attackers who use it beside others."""
    return name in (RESIDUALS, APPEARANCE, TEXTURE) or any(
        np.isfinite(vector).any() for (phase, _), vector in vectors[name].items() if phase == "before"
    )


def _evidence(audited: AuditedImages, vectors: Vectors, working: Sequence[str]) -> Evidence:
    untouched = _beside(_features(audited.images, "before", vectors, working), audited)
    # Where the run left no file, there is nothing else to release than the image as it was.
    can_be_perturbed = np.array([("after", image.id) in audited.files for image in audited.images], dtype=bool)
    after = _beside(_features(audited.images, "after", vectors, working), audited) if audited.of_run else None
    return Evidence(
        labels=np.array([image.label for image in audited.images], dtype=np.int64),
        untouched=untouched,
        perturbed=None if after is None else untouched.replace_rows(can_be_perturbed, after),
        has_file=can_be_perturbed,
    )


def _beside(features: Features, audited: AuditedImages) -> Features:
    """Return features with the templates that are released beside the images, the same of changed ones and others."""
    return replace(features, templates={**features.templates, **{beside_name(n): v for n, v in audited.beside.items()}})


def beside_name(template_set: str) -> str:
    """Return what attackers call the templates of a set that is released beside the images."""
    return f"released templates {template_set}"


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
        texture=table(TEXTURE),
    )
