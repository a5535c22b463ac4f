"""Learn from other people: mean faces and shapes, spreads of scores, a gender probe on every guard's templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.perturb.base import Arrays, Progress, score_face
from facepriv.perturb.common.mean_faces import (
    CanonicalFrame,
    face_width,
    mean_faces,
    mean_landmarks,
    mean_shape,
    to_canonical,
)
from facepriv.perturb.gallery import Gallery
from facepriv.perturb.semantic.donors import PREFIX
from facepriv.perturb.semantic.overlay import Difference
from facepriv.perturb.semantic.probes import train_probe
from facepriv.types import FEMALE, MALE, AttributeClassifier, Face, FaceMatcher
from facepriv.wording import count

FMR, USUAL = 0.001, 0.9
"""False match rate of the floors, and the share that a genuine comparison usually has of the way to the same image."""
FEWEST_SUBJECTS = 4
"""Of either gender, to learn from."""
WORKING_WIDTH = 240.0
"""Width of the face, in pixels, to which larger images are shrunk while strengths are fitted."""


def learn_means(
    gallery: Gallery,
    classifiers: Sequence[AttributeClassifier],
    guards: Sequence[FaceMatcher],
    most: int,
    on_progress: Progress,
) -> Arrays:
    """Learn from at most ``most`` images of either gender; nothing is random. Raises as `choose_images`."""
    names = choose_images(gallery, most)
    shapes = [gallery.face_landmarks(name) for name in names]
    points = mean_shape(shapes)
    labels: list[int] = []
    subjects: list[str] = []
    textures = []
    scores: dict[str, list[float]] = {classifier.name: [] for classifier in classifiers}
    templates: dict[str, list[NDArray[np.float32]]] = {guard.name: [] for guard in guards}
    for done, name in enumerate(names):
        small = working_copy(gallery.face(name))
        labels.append(int(small.label or 0))
        subjects.append(small.subject)
        textures.append(to_canonical(small.pixels, small.landmarks, points))
        for classifier in classifiers:
            scores[classifier.name].append(score_face(classifier, small))
        for guard in guards:
            templates[guard.name].append(guard.embed([small])[0])
        on_progress(done + 1, len(names))
    means = mean_faces(textures, labels, subjects)
    mean_shapes = mean_landmarks(shapes, labels, subjects, points)
    arrays: dict[str, NDArray[np.generic]] = {"points": points}
    for label, word in ((FEMALE, "female"), (MALE, "male")):
        arrays[f"mean-{word}"] = means[label]
        arrays[f"shape-{word}"] = mean_shapes[label]
    readings: list[NDArray[np.float64]] = []
    for name, own in scores.items():
        arrays[f"spread:{name}"] = np.array(_spread(name, own))
        readings.append(np.array(own) / arrays[f"spread:{name}"])
    for guard in guards:
        rows = np.stack(templates[guard.name])
        _check_templates(guard.name, rows, labels, subjects)
        probe = train_probe(rows, labels, subjects)
        arrays[f"probe:{guard.name}"] = probe.weights
        arrays[f"spread:{guard.name}"] = np.array(_spread(guard.name, [-probe.spread, probe.spread]))
        assert probe.held_out is not None, "a probe that was just trained"
        readings.append(probe.held_out / probe.spread)
        strangers, floor = _floor(guard, rows, subjects)
        arrays[f"strangers:{guard.name}"] = np.array(strangers)
        arrays[f"floor:{guard.name}"] = np.array(floor)
    return arrays | _donors(np.stack(readings, axis=1), np.array(labels))


def _donors(readings: NDArray[np.float64], labels: NDArray[np.integer]) -> dict[str, NDArray[np.generic]]:
    """Return the margins of everybody learnt from, by the side that their first guide and label agree on.

    Who is on neither side, or has a reading missing, is nobody's donor. Raises BadInputError with code
    ``too-few-to-learn`` if a side has none.
    """
    donors: dict[str, NDArray[np.generic]] = {}
    for label, word in ((FEMALE, "female"), (MALE, "male")):
        fit = (labels == label) & np.isfinite(readings).all(axis=1) & (label * readings[:, 0] > 0)
        donors[PREFIX + word] = readings[fit]
        if not fit.any():
            raise BadInputError(
                f"The first guide was expected to be right of some of the people labelled {word}, but it is right of "
                "none; choose another guide.",
                code="too-few-to-learn",
            )
    return donors


def choose_images(gallery: Gallery, most: int) -> list[str]:
    """Choose up to ``most`` labelled images of either gender, one of every subject before a second of any.

    Raises BadInputError with code ``too-few-to-learn`` if there are fewer than `FEWEST_SUBJECTS` subjects of a gender.
    """
    chosen: list[str] = []
    for label, word in ((FEMALE, "female"), (MALE, "male")):
        turns: dict[str, list[str]] = {}
        for image_id, subject, own in zip(gallery.image_ids, gallery.subjects, gallery.labels, strict=True):
            if own == label:
                turns.setdefault(subject, []).append(image_id)
        if len(turns) < FEWEST_SUBJECTS:
            raise BadInputError(
                f"Images of at least {FEWEST_SUBJECTS} subjects of either gender were expected to learn from, but only "
                f"{count(len(turns), 'subject')} labelled {word} came; add labelled images of other people.",
                code="too-few-to-learn",
            )
        ordered = sorted((turn, subject, name) for subject in turns for turn, name in enumerate(turns[subject]))
        chosen += [name for _, _, name in ordered[:most]]
    return chosen


def working_copy(face: Face) -> Face:
    """Shrink an image whose face is wider than `WORKING_WIDTH`; any other is given as it is."""
    scale = WORKING_WIDTH / max(face_width(face.landmarks), 1.0)
    if scale >= 1:
        return face
    height, width = (max(1, round(side * scale)) for side in face.pixels.shape[:2])
    smaller = cv2.resize(np.ascontiguousarray(face.pixels), (width, height), interpolation=cv2.INTER_AREA)
    # A pixel's centre lies half a pixel inside its edge, at either size.
    factor = np.array([width / face.pixels.shape[1], height / face.pixels.shape[0]])
    landmarks = ((face.landmarks + 0.5) * factor - 0.5).astype(np.float32)
    left, top, right, bottom = (round(edge * float(factor[i % 2])) for i, edge in enumerate(face.box))
    return replace(face, pixels=smaller, landmarks=landmarks, box=(left, top, right, bottom))


def _spread(name: str, scores: Sequence[float]) -> float:
    if not np.isfinite(scores).all():
        raise BadInputError(
            f"Finite scores were expected of {name}, but not all of {len(scores)} are; check its weights, or choose "
            "another guide.",
            code="guide-not-finite",
        )
    spread = float(np.std(scores))
    if not spread > 0:
        raise BadInputError(
            f"Scores of {name} that differ between people were expected, but all {len(scores)} are the same; choose "
            "another guide or matcher.",
            code="guide-constant",
        )
    return spread


def _check_templates(name: str, rows: NDArray[np.float32], labels: Sequence[int], subjects: Sequence[str]) -> None:
    usable = [bool(np.isfinite(row).all()) for row in rows]
    for label in (FEMALE, MALE):
        people = {s for s, own, good in zip(subjects, labels, usable, strict=True) if good and own == label}
        if len(people) < FEWEST_SUBJECTS:
            raise BadInputError(
                f"Templates of at least {FEWEST_SUBJECTS} subjects of either gender were expected of the matcher "
                f"{name} to learn from, but only {len(people)} came of one; choose another matcher or other images.",
                code="too-few-to-learn",
            )


def _floor(guard: FaceMatcher, rows: NDArray[np.float32], subjects: Sequence[str]) -> tuple[float, float]:
    """Return the mean similarity of strangers, and how little an image may be like its original.

    The latter is a share of the way from strangers to the same image: where a genuine comparison of a usual similarity
    comes down to the threshold at FMR `FMR`. A changed image is taken to lose that share of every comparison. Where
    nobody has two images, `USUAL` stands for what is usual.
    """
    similarity = guard.compare(rows, rows)
    names = np.array(subjects, dtype=object)
    pairs = np.triu_indices(len(rows), 1)
    alike = (names[:, None] == names[None])[pairs]
    values = np.asarray(similarity, dtype=np.float64)[pairs]
    known = np.isfinite(values)
    strangers = values[known & ~alike]
    mean = float(strangers.mean())
    threshold = (float(np.quantile(strangers, 1 - FMR)) - mean) / (1 - mean)
    genuine = (values[known & alike] - mean) / (1 - mean)
    usual = float(np.median(genuine)) if len(genuine) else USUAL
    return mean, float(np.clip(threshold / max(usual, 0.1), 0.0, 1.0))


def learnt_difference(arrays: Arrays, side: int, coarse: float) -> Difference:
    """Return the difference of the mean faces from the gender ``side``, -1 or +1, to the other."""
    own, other = ("male", "female") if side == MALE else ("female", "male")
    return Difference.between(
        CanonicalFrame(arrays["points"].astype(np.float64)),
        arrays[f"mean-{own}"].astype(np.float32),
        arrays[f"mean-{other}"].astype(np.float32),
        arrays[f"shape-{own}"].astype(np.float64),
        arrays[f"shape-{other}"].astype(np.float64),
        coarse,
    )
