"""How many genuine matches a release loses, at the threshold that is in use.

A matcher's threshold is set once, on images as they are, and stays when images are changed. So genuine comparisons are
counted that reach it before and do not any more. Two kinds are looked at, and the one that loses more counts: images of
the release with each other, as in a search for doublets, and an image of the release with one as it is, as a new photo
comes in.
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
from facepriv.types import FEMALE, MALE, Flags, Floats64, Integers

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
    """FNMR of the release less that of images as they are, at one threshold; positive is worse."""
    fmr: float | None
    """FMR of the release with itself at that threshold."""


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
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> MatchesLost:
    """Count genuine comparisons that a release loses at a threshold.

    Parameters
    ----------
    pairs : scores of pairs in all four combinations. A comparison that was possible before and is not any more, for
        want of a template, is lost.
    subjects, labels : (n,), (n,) of the images: +1 male, -1 female.
    perturbed : for each draw of the policy ``(n,)`` which images are changed; the mean over draws counts.
    threshold : a comparison is accepted at this score or above.

    Raises
    ------
    BadInputError
        With code ``too-few-subjects`` if fewer than two subjects of a gender have two images with a template.
    """
    mated = pairs.mated & np.isfinite(pairs.scores[0])
    first, second = pairs.first[mated], pairs.second[mated]
    accepted = pairs.scores >= threshold  # NaN is none
    names, genders = np.asarray(subjects)[first], np.asarray(labels)[first]
    bootstrap = _bootstrap(names, genders, resamples, seed)
    before = bootstrap.mean(~accepted[0, mated])
    among, against = [], []
    for flags in perturbed:
        changed = np.asarray(flags, dtype=np.int64)
        among.append(~_of(accepted[:, mated], changed[first], changed[second]))
        # Either image may be the one of the release.
        against.append(~_of(accepted[:, mated], changed[first], 0 * changed[second]))
        against.append(~_of(accepted[:, mated], 0 * changed[first], changed[second]))
    changes = [bootstrap.mean(_rates(rejected)).minus(before) for rejected in (among, against)]
    worst = max(changes, key=lambda change: change.value)
    return MatchesLost(worst.interval(), _fmr(pairs, accepted, perturbed))


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


def _of(accepted: Flags, first: Integers, second: Integers) -> Flags:
    """Pick from ``(4, m)`` of all combinations those that a draw has."""
    chosen: Flags = accepted[2 * first + second, np.arange(accepted.shape[1])]
    return chosen


def _rates(rejected: Sequence[Flags]) -> Floats64:
    return np.stack(rejected).astype(np.float64)


def _fmr(pairs: PairScores, accepted: Flags, perturbed: Sequence[Flags]) -> float | None:
    others = ~pairs.mated & np.isfinite(pairs.scores[0])
    if not others.any():
        return None
    first, second = pairs.first[others], pairs.second[others]
    rates = []
    for flags in perturbed:
        changed = np.asarray(flags, dtype=np.int64)
        rates.append(_of(accepted[:, others], changed[first], changed[second]).mean())
    return float(np.mean(rates))
