"""Decide where a perturbation is to stop: just past zero, or at a score drawn so that its size betrays nothing.

The paper stops as soon as the score is past -0.1, so whoever reads the score's size tells perturbed images, just past
zero, from untouched ones, far out. Two ways of drawing a target for every image leave no such trace:

- *matched*: the scores of an untouched image of the opposite label. Where an image is perturbed with probability 1/2,
  it then has the same distribution of scores whatever its label.
- *neutral*: a normal distribution around 0, the same for either label. Every image is to be moved, whatever its label,
  so that the scores of the whole release tell nothing.

Success is then to land near the target, from either side, and not to be called the other gender.

Several guides: matched takes all scores of one image, so that an attacker who holds all guides sees scores that occur
together. Neutral draws each guide's score for itself: drawn once for all, the guides' scores would differ by no more
than they miss the target, and such small rests may lie on the side that the image came from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.perturb.base import Arrays, Progress, Targets, find_side, score_face
from facepriv.perturb.common.parameters import FIXED, NEUTRAL, StoppingParameters
from facepriv.perturb.gallery import Gallery
from facepriv.types import GENDER_NAMES, GENDERS, AttributeClassifier, Face

_PREFIX = "scores_"
"""Of the names of learnt arrays."""


def untouched_scores(
    gallery: Gallery,
    classifiers: Sequence[AttributeClassifier],
    on_progress: Progress = lambda done, images: None,
) -> dict[str, NDArray[np.float64]]:
    """Score a gallery of untouched, labelled images: what matched targets are drawn from.

    Return arrays ``scores_male`` and ``scores_female``, ``(images, guides)`` each. Raises BadInputError with code
    ``no-opposite-label`` if there is no image of one label.
    """
    scores: dict[int, list[list[float]]] = {label: [] for label in GENDERS.values()}
    for done, (image_id, label) in enumerate(zip(gallery.image_ids, gallery.labels, strict=True)):
        if label is not None:
            face = gallery.face(image_id)
            scores[label].append([score_face(classifier, face) for classifier in classifiers])
        on_progress(done + 1, len(gallery.image_ids))
    for name, label in GENDERS.items():
        if not scores[label]:
            raise BadInputError(
                f"Untouched images of either gender label were expected, to draw matched scores from, but none of "
                f"{len(gallery.image_ids)} is labelled {name}; learn from a data set with both, or choose another way "
                "of stopping.",
                code="no-opposite-label",
            )
    return {_PREFIX + GENDER_NAMES[label]: np.array(rows) for label, rows in scores.items()}


def draw_targets(
    options: StoppingParameters,
    face: Face,
    classifiers: Sequence[AttributeClassifier],
    learnt: Arrays,
    rng: np.random.Generator,
) -> Targets | None:
    """Draw the scores that an image is to end at; None where it stops just past zero, and nothing is drawn then.

    Raises BadInputError with code ``nothing-learnt`` or, if it was learnt with other guides, ``learnt-with-others``.

    Parameters
    ----------
    learnt
        What `untouched_scores` gave, perhaps among other arrays; for matched only.
    """
    if options.stopping == FIXED:
        return None
    if options.stopping == NEUTRAL:
        return Targets(rng.normal(0.0, options.spread, size=len(classifiers)), options.tolerance)
    opposite = _PREFIX + GENDER_NAMES[-find_side(face, classifiers[0])]
    if opposite not in learnt:
        raise BadInputError(
            "Scores of untouched images of other people were expected, to draw a matched score from, but nothing of "
            "the kind was learnt; learn with the parameters that are to be used.",
            code="nothing-learnt",
        )
    rows = np.asarray(learnt[opposite], dtype=np.float64)
    if rows.shape[1] != len(classifiers):
        raise BadInputError(
            f"Scores of {len(classifiers)} guides were expected to draw from, but those learnt are of {rows.shape[1]}; "
            "learn again with the guides that are to be used.",
            code="learnt-with-others",
        )
    return Targets(rows[rng.integers(len(rows))], options.tolerance)
