"""The attacker who pools the scores of several images of one person."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.ensemble import all_scores
from facepriv.audit.attackers.learning import Learner, learn_sum
from facepriv.audit.attackers.one_score import learn_curve
from facepriv.audit.attackers.probes import kernel, linear, ridge
from facepriv.audit.attackers.score_features import joint_features, rank_features, with_features
from facepriv.audit.evidence import Features
from facepriv.types import Floats64

_ALL = "all"
_NUMBERS = (1, 2, 4)


class SeveralImages(Attacker):
    """Adds up the log-odds of a person's images, and calibrates the sums on the training people.

    Images of one person are alike, so the sum of their log-odds is too sure before it is calibrated. Where a policy
    draws each image by itself, one person has perturbed and untouched images, and the middle between the highest and
    the lowest score tells what single images hide.
    """

    name = "several-images"
    title = "Several images of a person"
    assumption = (
        "Knows which released images show one person, adds up what the scores of all classifiers say of some of them, "
        "and has learnt what such sums mean from labelled images of other people released by the same policy."
    )

    def variants(self, features: Features) -> list[str]:
        """Return the numbers of images to pool, up to the most that a person has."""
        if not features.scores:
            return []
        most = int(np.unique(features.subjects, return_counts=True)[1].max(initial=0))
        return [f"n = {number}" for number in _NUMBERS if number < most or number == 1] + [_ALL] * (most > 1)

    def log_odds(self, variant: str, knowledge: Knowledge, features: Features, *, seed: int) -> Floats64:
        """Return guesses from images drawn of each person, the one to guess among them."""
        number = None if variant == _ALL else int(variant.removeprefix("n = "))
        released = knowledge.released
        mine, theirs = [], []
        for learner, ours, others in zip(*_bases(released), _bases(features)[1], strict=True):
            fit = knowledge.learn(learner, ours, seed=seed)
            mine.append(fit.held_out)
            theirs.append(fit.posterior(others))
        rank = rank_features(all_scores(released))
        sums, ends = _pooled(np.column_stack(mine), rank(all_scores(released)), released.subjects, number, seed)
        their_sums, their_ends = _pooled(
            np.column_stack(theirs), rank(all_scores(features)), features.subjects, number, seed
        )
        by_ends = knowledge.learn(ridge(linear, kernel), ends, seed=seed)
        x = np.column_stack([sums, by_ends.held_out])
        y = np.column_stack([their_sums, by_ends.posterior(their_ends)])
        return knowledge.learn(learn_sum, x, seed=seed).posterior(y)


def _bases(features: Features) -> tuple[list[Learner], list[Floats64]]:
    """Return learners of single images with their features: each score, and all scores if there are several."""
    scores = list(features.scores.values())
    if len(scores) == 1:
        return [learn_curve], scores
    return [*[learn_curve] * len(scores), with_features(joint_features, ridge(linear, kernel))], [
        *scores,
        all_scores(features),
    ]


def _pooled(
    log_odds: Floats64, ranks: Floats64, subjects: NDArray[np.str_], number: int | None, seed: int
) -> tuple[Floats64, Floats64]:
    """Return sums of log-odds ``(n, b)`` and middle and width of ranks ``(n, 2 c)`` over ``number`` images or all.

    Images with a NaN are not pooled and get NaN.
    """
    sums = np.full(log_odds.shape, np.nan)
    ends = np.full((len(subjects), 2 * ranks.shape[1]), np.nan)
    usable = np.flatnonzero(np.isfinite(log_odds).all(axis=1) & np.isfinite(ranks).all(axis=1))
    if not usable.size:
        return sums, ends
    order = usable[np.argsort(subjects[usable], kind="stable")]
    names, starts = np.unique(subjects[order], return_index=True)
    for name, members in zip(names, np.split(order, starts[1:]), strict=True):
        mates = members[None]
        if number is not None and len(members) > number:
            # The draw depends on the person alone, not on the other people.
            members = np.random.default_rng([seed, crc32(str(name).encode())]).permutation(members)
            mates = members[(np.arange(len(members))[:, None] + np.arange(number)) % len(members)]
        lowest, highest = ranks[mates].min(axis=1), ranks[mates].max(axis=1)
        sums[members] = log_odds[mates].sum(axis=1)
        ends[members] = np.hstack([lowest + highest, highest - lowest])
    return sums, ends
