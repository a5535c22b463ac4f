"""How many genuine matches a release loses at an operating point.

A matcher's threshold is set on images as they are, and need not be lowered when images are changed. Where changed
images of different people resemble each other more, as faces do that were moved towards the same other faces, it must
be raised to keep the false match rate, which costs matches. So genuine comparisons are counted that reach the threshold
in use before and do not reach the greater of the two after. Two kinds are looked at, and the one that loses more
counts: images of the release with each other, as in a search for doublets, and an image of the release with one as it
is, as a new photo comes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facepriv.errors import BadInputError
from facepriv.metrics.matching import operating_point
from facepriv.metrics.resampling import RESAMPLES
from facepriv.metrics.subject_bootstrap import SubjectBootstrap
from facepriv.policy.mixed_utility import Compare, PairScores, pair_scores
from facepriv.schemas.figures import Interval
from facepriv.types import FEMALE, MALE, Flags, Integers

LEAST_SUBJECTS = 2
"""Subjects of either gender with two comparable images, without whom no interval can be computed."""


@dataclass(frozen=True)
class Threshold:
    """Where a matcher accepts, set on images as they are."""

    value: float
    supported: bool
    """Whether there are enough non-mated comparisons to say anything at that false match rate."""


@dataclass(frozen=True)
class MatchesLost:
    """What a release costs one matcher."""

    lost: Interval
    """FNMR of the release less that of images as they are; positive is worse."""
    fmr: float | None
    """FMR of the release with itself at the threshold in use, before it is raised."""


def find_threshold(
    templates: NDArray[np.float32], subjects: Sequence[str], compare: Compare, fmr: float, *, seed: int = 0
) -> Threshold | None:
    """Find the smallest threshold at which FMR among images as they are is at most ``fmr``.

    None where there is nothing to compare. Parameters are those of `facepriv.policy.mixed_utility.pair_scores`.
    """
    pairs = pair_scores(templates, templates, subjects, compare, seed=seed)
    scores = pairs.scores[0]
    known = np.isfinite(scores)
    point = operating_point(scores[pairs.mated & known], scores[~pairs.mated & known], fmr)
    return None if point.threshold is None else Threshold(point.threshold, point.supported)


def count_matches_lost(
    pairs: PairScores,
    subjects: Sequence[str],
    labels: ArrayLike,
    perturbed: Sequence[Flags],
    threshold: float,
    fmr: float,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> MatchesLost:
    """Count genuine comparisons that a release loses.

    The interval takes the subjects of the comparisons as drawn at random, and the thresholds as they are.

    Parameters
    ----------
    pairs : scores of pairs in all four combinations. A comparison that was possible before and is not any more, for
        want of a template, is lost.
    subjects, labels : (n,), (n,) of the images: +1 male, -1 female.
    perturbed : for each draw of the policy ``(n,)`` which images are changed; the mean over draws counts.
    threshold : in use; a comparison is accepted at this score or above.
    fmr : false match rate that the release is to keep to, for which the threshold is raised where it must be. From
        fewer than ``1 / fmr`` non-mated comparisons it is raised too little.

    Raises
    ------
    BadInputError
        With code ``too-few-subjects`` if fewer than two subjects of a gender have two images with a template.
    """
    possible = np.isfinite(pairs.scores[0])
    mated, others = pairs.mated & possible, ~pairs.mated & possible
    names, genders = np.asarray(subjects)[pairs.first[mated]], np.asarray(labels)[pairs.first[mated]]
    bootstrap = _bootstrap(names, genders, resamples, seed)
    before = bootstrap.mean((pairs.scores[0, mated] < threshold).astype(np.float64))
    changes = []
    released = [_of_release(pairs, flags) for flags in perturbed]
    against = [scores for flags in perturbed for scores in _against_untouched(pairs, flags)]
    for scores in (np.stack(released), np.stack(against)):
        raised = max(threshold, _own_threshold(scores[:, mated], scores[:, others], fmr))
        # A score of NaN reaches nothing.
        after = bootstrap.mean((~(scores[:, mated] >= raised)).astype(np.float64))
        changes.append(after.minus(before))
    worst = max(changes, key=lambda change: change.value)
    passing = np.stack(released)[:, others] >= threshold
    return MatchesLost(worst.interval(), float(passing.mean()) if passing.size else None)


def has_enough_pairs(subjects: Sequence[str], labels: Sequence[int]) -> bool:
    """Return whether enough subjects of either gender have two images for an interval of what is lost."""
    label_of = dict(zip(subjects, labels, strict=True))
    several = [subject for subject in label_of if sum(each == subject for each in subjects) > 1]
    return all(sum(label_of[subject] == label for subject in several) >= LEAST_SUBJECTS for label in (MALE, FEMALE))


def _bootstrap(names: NDArray[np.str_], genders: Integers, resamples: int, seed: int) -> SubjectBootstrap:
    if not has_enough_pairs([*names, *names], [*genders, *genders]):
        raise BadInputError(
            f"To tell what matching loses, {LEAST_SUBJECTS} men and {LEAST_SUBJECTS} women with two comparable images "
            "each are needed; add images of the same people.",
            code="too-few-subjects",
        )
    return SubjectBootstrap(names, genders, resamples=resamples, seed=seed)


def _of_release(pairs: PairScores, flags: Flags) -> NDArray[np.float32]:
    """Return the scores ``(n,)`` of images of a release with each other."""
    changed = np.asarray(flags, dtype=np.int64)
    return _pick(pairs, changed[pairs.first], changed[pairs.second])


def _against_untouched(pairs: PairScores, flags: Flags) -> list[NDArray[np.float32]]:
    """Return the scores ``(n,)`` of images of a release with images as they are; either may be that of the release."""
    changed = np.asarray(flags, dtype=np.int64)
    first, second = changed[pairs.first], changed[pairs.second]
    return [_pick(pairs, first, np.zeros_like(second)), _pick(pairs, np.zeros_like(first), second)]


def _pick(pairs: PairScores, first: Integers, second: Integers) -> NDArray[np.float32]:
    chosen: NDArray[np.float32] = pairs.scores[2 * first + second, np.arange(pairs.scores.shape[1])]
    return chosen


def _own_threshold(mated: NDArray[np.float32], others: NDArray[np.float32], fmr: float) -> float:
    """Return the smallest threshold that keeps FMR; minus infinity where there is nothing to tell it by."""
    point = operating_point(mated[np.isfinite(mated)], others[np.isfinite(others)], fmr)
    return -np.inf if point.threshold is None else point.threshold
