"""Try own models on demo faces before they are kept: whether they run, repeat themselves, and tell people apart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from facepriv.classify import own as own_classifiers
from facepriv.datasets.demo import read_demo
from facepriv.errors import ModelUnavailableError
from facepriv.imaging.acquire import acquire
from facepriv.imaging.crop import take_crop
from facepriv.imaging.decode import decode
from facepriv.match import own as own_matchers
from facepriv.own_models.description import AnyModel, CommandModel, NetworkClassifier
from facepriv.own_models.program import shared_program
from facepriv.own_models.stored import OwnModel
from facepriv.perturb.base import score_face
from facepriv.types import AttributeClassifier, Face, FaceMatcher
from facepriv.wording import count

TRIAL_SUBJECTS = 2
"""Demo subjects of either label that a model is tried on, two images of each."""
REPEATED_FACES = 2
"""Faces that are shown to it again, alone."""
TOLERANCE = 1e-3
"""Largest difference between a face shown alone and with others."""


def try_model(own: OwnModel) -> AnyModel:
    """Try a network or command on demo faces; return its description with the findings.

    Raises ModelUnavailableError if it cannot be run, or its answers are not finite, not repeatable, or depend on the
    other faces.
    """
    description = own.description
    try:
        if description.kind == "classifier":
            findings = try_classifier(own_classifiers.make_classifier(own))
            earlier = description.found if isinstance(description, NetworkClassifier) else ()
            return description.model_copy(update={"found": tuple(dict.fromkeys([*earlier, *findings]))})
        width, findings = _try_matcher(own_matchers.make_matcher(own))
        return description.model_copy(update={"found": findings, "width": width})
    finally:
        if isinstance(description, CommandModel):
            with shared_program(own).use() as program:
                program.close()


@cache
def trial_faces() -> list[Face]:
    """Return the faces of some demo subjects, two images of each, as many women as men."""
    images = read_demo(images_per_subject=2).images
    subjects = [
        subject
        for label in (-1, 1)
        for subject in sorted({image.subject for image in images if image.label == label})[:TRIAL_SUBJECTS]
    ]
    return [
        acquire(
            decode(image.path, name=image.name, max_pixels=10_000_000).pixels,
            image_id=str(number),
            subject=image.subject,
            label=image.label,
            several="largest",
        )
        for number, image in enumerate(image for image in images if image.subject in subjects)
    ]


def try_classifier(classifier: AttributeClassifier) -> tuple[str, ...]:
    """Try a classifier on demo faces; return the findings in sentences; raise as `try_model` does."""
    faces = trial_faces()
    crops = [take_crop(classifier.crop(face), face.pixels) for face in faces]
    if len({crop.shape for crop in crops}) == 1:
        scores = classifier.score(np.stack(crops))
    else:
        scores = np.concatenate([classifier.score(crop[None]) for crop in crops])
    infinite = int((~np.isfinite(scores)).sum())
    if infinite:
        raise _error(classifier.name, "finite scores of demo faces", f"{infinite} of {len(faces)} are not")
    single, repeated = (np.array([score_face(classifier, face) for face in faces[:REPEATED_FACES]]) for _ in range(2))
    _check_repeatable(classifier.name, "score", scores[:REPEATED_FACES], single, repeated)
    findings = []
    correct = int(sum((score >= 0) == (face.label == 1) for score, face in zip(scores, faces, strict=True)))
    if correct <= len(faces) // 2:
        findings.append(
            f"It gives only {correct} of {len(faces)} demo faces their label; check the order of the labels, the crop "
            "and the colours in the YAML."
        )
    if len(np.unique(scores)) < len(scores):
        findings.append(
            "Some demo faces have the very same score, so it saturates: a method that asks it sees no change."
        )
    return tuple(findings)


def _try_matcher(matcher: FaceMatcher) -> tuple[int, tuple[str, ...]]:
    """Try a matcher on demo faces; return the width of its templates and the findings."""
    faces = trial_faces()
    templates = matcher.embed(faces)
    missing = ~np.isfinite(templates).all(axis=1)
    if missing.all():
        raise _error(matcher.name, "templates of demo faces", "none of them has one")
    if templates.shape[1] < 2:
        raise _error(matcher.name, "templates of at least two numbers", f"their shape is {templates.shape}")
    shown = np.flatnonzero(~missing)[:REPEATED_FACES]
    single, repeated = (np.concatenate([matcher.embed([faces[place]]) for place in shown]) for _ in range(2))
    _check_repeatable(matcher.name, "template", templates[shown], single, repeated)
    findings = []
    if missing.any():
        findings.append(f"It gives no template of {count(int(missing.sum()), 'demo face')} of {len(faces)}.")
    if not _separates_subjects(matcher.compare(templates, templates), faces):
        findings.append(
            "It finds two demo images of one subject no more similar than images of two; check the crop and the "
            "colours in the YAML."
        )
    return templates.shape[1], tuple(findings)


def _check_repeatable(
    name: str,
    noun: str,
    together: NDArray[np.floating],
    single: NDArray[np.floating],
    repeated: NDArray[np.floating],
) -> None:
    if not np.array_equal(single, repeated, equal_nan=True):
        raise _error(name, f"the same {noun} for the same face", "they differ from one call to the next")
    if not np.allclose(together, single, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
        raise _error(name, f"the same {noun}s for faces together as one by one", "they differ")


def _separates_subjects(scores: NDArray[np.float32], faces: Sequence[Face]) -> bool:
    same = np.array([[a.subject == b.subject for b in faces] for a in faces])
    mated = scores[same & ~np.eye(len(faces), dtype=bool)]
    if not (np.isfinite(mated).any() and np.isfinite(scores[~same]).any()):
        return True  # too few templates to say, which is among the findings
    return bool(np.nanmean(mated) > np.nanquantile(scores[~same], 0.9))


def _error(name: str, expected: str, actual: str) -> ModelUnavailableError:
    return ModelUnavailableError(f"The model {name} should give {expected}, but {actual}; it was not added.")
