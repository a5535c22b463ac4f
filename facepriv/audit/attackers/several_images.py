"""The attacker who has several images of one person and lets them vote."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.attackers.ensemble import all_scores
from facepriv.audit.attackers.learning import Learner, added, learn
from facepriv.audit.attackers.one_score import curve
from facepriv.audit.attackers.probes import kernel, linear, ridge
from facepriv.audit.attackers.score_features import jointly, ranked, with_features
from facepriv.audit.evidence import Features

_ALL = "all"
_NUMBERS = (1, 2, 4)


class SeveralImages(Attacker):
    """Adds up the log-odds of a person's images, and learns on his own people what the sums are worth.

    Images of one person are alike, so the sum of their log-odds claims too much; hence it is learnt anew what it says.
    Where a policy draws each image for itself, votes of both kinds meet in one person, and the middle between the
    highest and the lowest score tells what single images hide; where it draws people, they do not.
    """

    name = "several-images"
    title = "Several images of a person"
    assumption = (
        "Knows which released images show one person, adds up what the scores of all classifiers say of some of them, "
        "and has learnt what such sums mean from labelled images of other people released by the same policy."
    )

    def variants(self, seen: Features) -> list[str]:
        """Name the numbers of images that differ, given how many there are of a person."""
        if not seen.scores:
            return []
        most = int(np.unique(seen.subjects, return_counts=True)[1].max(initial=0))
        return [f"n = {number}" for number in _NUMBERS if number < most or number == 1] + [_ALL] * (most > 1)

    def log_odds(self, variant: str, known: Knowledge, seen: Features, *, seed: int) -> NDArray[np.float64]:
        """Guess labels from images drawn of each person, the one to be guessed among them."""
        number = None if variant == _ALL else int(variant.removeprefix("n = "))
        released = known.released
        mine, theirs = [], []
        for learner, ours, others in zip(*_bases(released), _bases(seen)[1], strict=True):
            learnt = learn(learner, ours, known.labels, released.subjects, seed=seed)
            mine.append(learnt.held_out)
            theirs.append(learnt.posterior(others))
        rank = ranked(all_scores(released))
        sums, ends = _pooled(np.column_stack(mine), rank(all_scores(released)), released.subjects, number, seed)
        their_sums, their_ends = _pooled(np.column_stack(theirs), rank(all_scores(seen)), seen.subjects, number, seed)
        by_ends = learn(ridge(linear, kernel), ends, known.labels, released.subjects, seed=seed)
        x = np.column_stack([sums, by_ends.held_out])
        y = np.column_stack([their_sums, by_ends.posterior(their_ends)])
        return learn(added, x, known.labels, released.subjects, seed=seed).posterior(y)


def _bases(seen: Features) -> tuple[list[Learner], list[NDArray[np.float64]]]:
    """Return what is asked of single images: each score, and where there are several, all of them together."""
    scores = list(seen.scores.values())
    if len(scores) == 1:
        return [curve], scores
    return [*[curve] * len(scores), with_features(jointly, ridge(linear, kernel))], [*scores, all_scores(seen)]


def _pooled(
    log_odds: NDArray[np.float64],
    ranks: NDArray[np.float64],
    subjects: NDArray[np.str_],
    number: int | None,
    seed: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pool ``number`` images of a subject, or all: sums of log-odds ``(n, b)``, middle and width of ranks ``(n, 2 c)``.

    Images that are not measured have no vote, and NaN as their pool.
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
            # The draw depends on the person alone, not on who else is attacked.
            members = np.random.default_rng([seed, crc32(str(name).encode())]).permutation(members)
            mates = members[(np.arange(len(members))[:, None] + np.arange(number)) % len(members)]
        lowest, highest = ranks[mates].min(axis=1), ranks[mates].max(axis=1)
        sums[members] = log_odds[mates].sum(axis=1)
        ends[members] = np.hstack([lowest + highest, highest - lowest])
    return sums, ends
