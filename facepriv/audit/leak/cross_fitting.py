"""Cross-fitted attacks: folds of subjects, and the choice of a variant within the training folds.

Every image is guessed by an attacker who has learnt from subjects of the other folds only. An attacker with several
variants chooses one by cross-fitting within the training folds; the images to attack play no part in that. So no figure
is the best of many tries on the data that it is measured on.
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
from facepriv.types import MALE, Flags, Floats64, Integers

FOLDS, INNER_FOLDS = 5, 3


@dataclass(frozen=True, eq=False)
class Attack:
    """Held-out guesses of one attacker."""

    variants: dict[str, Floats64]
    """By variant ``(n,)`` posterior log-odds at equal priors, nats, male positive; NaN = nothing to go on. Empty unless
    all variants were asked for."""
    chosen: Floats64
    """``(n,)`` the same of the variant chosen in each fold."""
    choices: Counter[str]
    """Number of folds by the variant chosen in them."""


def attack(
    attacker: Attacker,
    evidence: Evidence,
    perturbed: Flags,
    p: float,
    *,
    seed: int,
    folds: int = FOLDS,
    all_variants: bool = True,
) -> Attack:
    """Return an attacker's guesses of the label of every image of a release.

    Parameters
    ----------
    perturbed : ``(n,)`` which images of the release are perturbed.
    p : proportion of the policy, which the attacker knows.
    folds : number of folds of the subjects.
    all_variants : whether to guess with the variants that are not chosen, too.

    Raises
    ------
    BadInputError
        If there are fewer than 2 folds.
    """
    if folds < 2:
        raise BadInputError(f"Expected at least 2 folds of subjects, got {folds}.", code="bad-folds")
    released = evidence.release(perturbed)
    knowledge = Knowledge(released, evidence.untouched, evidence.labels, perturbed, p, evidence.perturbed)
    names = attacker.variants(released)
    variants = {name: np.full(len(released), np.nan) for name in names}
    chosen = np.full(len(released), np.nan)
    choices: Counter[str] = Counter()
    for fold, (train, test) in enumerate(_folds(released.subjects, evidence.labels, folds, seed)):
        if not names:
            break
        training, attacked = knowledge.rows(train), released.rows(test)
        best = _choose_variant(attacker, names, training, seed=seed + fold)
        choices[best] += 1
        for name in names if all_variants else [best]:
            variants[name][test] = attacker.log_odds(name, training, attacked, seed=seed + fold)
        chosen[test] = variants[best][test]
    return Attack(variants if all_variants else {}, chosen, choices)


def _choose_variant(attacker: Attacker, names: list[str], knowledge: Knowledge, *, seed: int) -> str:
    """Return the variant with the least held-out cross-entropy on the training people; of equals the first."""
    if len(names) == 1:
        return names[0]
    guesses = {name: np.full(len(knowledge.labels), np.nan) for name in names}
    for train, test in _folds(knowledge.released.subjects, knowledge.labels, INNER_FOLDS, seed):
        training, attacked = knowledge.rows(train), knowledge.released.rows(test)
        for name, guess in guesses.items():
            guess[test] = attacker.log_odds(name, training, attacked, seed=seed)
    costs = [_cross_entropy(guess, knowledge.labels) for guess in guesses.values()]
    return names[int(np.argmin(costs))]


def _cross_entropy(log_odds: Floats64, labels: Integers) -> float:
    """Return the cross-entropy of the labels in nats, both genders weighing the same."""
    surprise = np.logaddexp(0.0, -np.nan_to_num(log_odds) * labels)
    return float(np.mean([surprise[labels == label].mean() for label in np.unique(labels)]))


def _folds(subjects: NDArray[np.str_], labels: Integers, folds: int, seed: int) -> Iterator[tuple[Integers, Integers]]:
    """Yield the rows of training and of test images of each fold; subjects of each label are spread evenly at random.

    A subject's images stay together; the label of the first one counts.
    """
    names, first, member = np.unique(subjects, return_index=True, return_inverse=True)
    rng = np.random.default_rng([seed, len(names), folds])
    fold_of_subject = np.empty(len(names), dtype=np.int64)
    count = 0
    male = labels[first] == MALE
    for group in (np.flatnonzero(male), np.flatnonzero(~male)):
        # The second gender goes on where the first one stopped, so that no fold is much larger than another.
        fold_of_subject[rng.permutation(group)] = (count + np.arange(len(group))) % folds
        count += len(group)
    for fold in range(folds):
        test = fold_of_subject[member] == fold
        if test.any() and not test.all():
            yield np.flatnonzero(~test), np.flatnonzero(test)
