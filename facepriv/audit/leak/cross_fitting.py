"""Judge an attacker on people he has not learnt from: folds of subjects, and his choice of means inside each.

Every image is guessed by an attacker who has learnt from subjects of the other folds only. Where he has several means
(variants), he picks one by trying them on his own people, again with subjects parted; the images to be attacked play no
part in it. So no figure is the best of many tries on the data it is measured on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.evidence import Evidence
from facepriv.errors import BadInputError
from facepriv.types import MALE

FOLDS, INNER_FOLDS = 5, 3


@dataclass(frozen=True, eq=False)
class Attack:
    """Held-out guesses of one attacker."""

    variants: dict[str, NDArray[np.float64]]
    """By variant ``(n,)`` posterior log-odds at equal priors, nats, male positive; NaN = nothing to go on. Empty where
    only the chosen one was asked for."""
    chosen: NDArray[np.float64]
    """``(n,)`` the same of the variant that he picks in each fold."""
    picked: Counter[str]
    """Variants picked, with the number of folds that picked each."""


def attack(
    attacker: Attacker,
    evidence: Evidence,
    perturbed: NDArray[np.bool_],
    p: float,
    *,
    seed: int,
    folds: int = FOLDS,
    each_variant: bool = True,
) -> Attack:
    """Let an attacker guess the label of every image of a release.

    Parameters
    ----------
    perturbed
        ``(n,)`` which images the release has perturbed.
    p
        The policy's proportion, which the attacker knows.
    folds
        Parts of the subjects; each is guessed by who has learnt from the others.
    each_variant
        Also guess with the variants that he does not pick.

    Raises
    ------
    BadInputError
        If there are fewer than 2 folds.
    """
    if folds < 2:
        raise BadInputError(f"Expected at least 2 folds of subjects, got {folds}.", code="bad-folds")
    released = evidence.release(perturbed)
    everything = Knowledge(released, evidence.untouched, evidence.labels, perturbed, p, evidence.perturbed)
    names = attacker.variants(released)
    nothing = np.full(len(released), np.nan)
    variants = {name: nothing.copy() for name in names}
    chosen = nothing.copy()
    picked: Counter[str] = Counter()
    for number, (known, unknown) in enumerate(_parts(released.subjects, evidence.labels, folds, seed)):
        if not names:
            break
        mine, theirs = everything.rows(known), released.rows(unknown)
        best = _pick(attacker, names, mine, seed=seed + number)
        picked[best] += 1
        for name in names if each_variant else [best]:
            variants[name][unknown] = attacker.log_odds(name, mine, theirs, seed=seed + number)
        chosen[unknown] = variants[best][unknown]
    return Attack(variants if each_variant else {}, chosen, picked)


def _pick(attacker: Attacker, names: list[str], known: Knowledge, *, seed: int) -> str:
    """Pick the variant that tells most of the attacker's own people; of equals the first."""
    if len(names) == 1:
        return names[0]
    guesses = {name: np.full(len(known.labels), np.nan) for name in names}
    for train, test in _parts(known.released.subjects, known.labels, INNER_FOLDS, seed):
        mine, theirs = known.rows(train), known.released.rows(test)
        for name, guess in guesses.items():
            guess[test] = attacker.log_odds(name, mine, theirs, seed=seed)
    costs = [_cross_entropy(guess, known.labels) for guess in guesses.values()]
    return names[int(np.argmin(costs))]


def _cross_entropy(log_odds: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the mean surprise of the labels in nats, both genders weighing the same."""
    surprise = np.logaddexp(0.0, -np.nan_to_num(log_odds) * labels)
    return float(np.mean([surprise[labels == label].mean() for label in np.unique(labels)]))


def _parts(
    subjects: NDArray[np.str_], labels: NDArray[np.int64], folds: int, seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Part the subjects of each label evenly at random; return indices of the known and of the unknown images.

    A subject's images stay together, labelled alike or not: the first one's label counts.
    """
    names, first, member = np.unique(subjects, return_index=True, return_inverse=True)
    rng = np.random.default_rng([seed, len(names), folds])
    part = np.empty(len(names), dtype=np.int64)
    dealt = 0
    male = labels[first] == MALE
    for group in (np.flatnonzero(male), np.flatnonzero(~male)):
        # The second gender goes on where the first one stopped, so that no part is much larger than another.
        part[rng.permutation(group)] = (dealt + np.arange(len(group))) % folds
        dealt += len(group)
    for number in range(folds):
        unknown = part[member] == number
        if unknown.any() and not unknown.all():
            yield np.flatnonzero(~unknown), np.flatnonzero(unknown)
