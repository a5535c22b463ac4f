"""Cross-fitted attacks: folds of subjects, and the choice of a variant within the training folds.

Every image is guessed by an attacker who has learnt from subjects of the other folds only, or from people of another
data set. An attacker with several variants weighs them by how well they predict training people held out; the images to
attack play no part in that. So no figure is the best of many tries on the data that it is measured on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.attackers.base import Attacker, Knowledge
from facepriv.audit.evidence import Evidence, Features
from facepriv.audit.leak.learning_curve import PartialAttack, draw_parts
from facepriv.errors import BadInputError
from facepriv.types import MALE, Flags, Floats64, Integers

FOLDS, INNER_FOLDS = 5, 3
MOST_WEIGHED, LEAST_WEIGHT = 4, 0.05
"""Number of variants that have a say at most, and share of the first one's weight below which a variant has none."""


@dataclass(frozen=True, eq=False)
class Attack:
    """Held-out guesses of one attacker."""

    variants: dict[str, Floats64]
    """By variant ``(n,)`` posterior log-odds at equal priors, nats, male positive; NaN = nothing to go on. Empty unless
    all variants were asked for."""
    chosen: Floats64
    """``(n,)`` the same of the attacker: the mean of his variants, weighed in each fold by `weigh_variants`."""
    choices: Counter[str]
    """Number of folds by the variant with the greatest weight in them."""
    subjects: float = 0.0
    """Number of people learnt from; the mean over folds."""
    partial: dict[float, PartialAttack] = field(default_factory=dict)
    """By part of the people the guesses of the same mean of variants that have learnt from these only; empty unless
    asked for."""


def attack(
    attacker: Attacker,
    evidence: Evidence,
    perturbed: Flags,
    p: float,
    *,
    seed: int,
    folds: int = FOLDS,
    all_variants: bool = True,
    others: Knowledge | None = None,
    learning_curve: bool = False,
) -> Attack:
    """Return an attacker's guesses of the label of every image of a release.

    Parameters
    ----------
    perturbed : ``(n,)`` which images of the release are perturbed.
    p : proportion of the policy, which the attacker knows.
    folds : number of folds of the subjects.
    all_variants : whether to guess with the variants that have no weight, too.
    others : images of people whom the release does not show, to learn from instead of some of its own.
    learning_curve : whether to guess with parts of the people learnt from, too.

    Raises
    ------
    BadInputError
        If there are fewer than 2 folds.
    """
    if folds < 2:
        raise BadInputError(f"Expected at least 2 folds of subjects, got {folds}.", code="bad-folds")
    released = evidence.release(perturbed)
    names = attacker.variants(released)
    variants = {name: np.full(len(released), np.nan) for name in names}
    chosen = np.full(len(released), np.nan)
    choices: Counter[str] = Counter()
    numbers: list[int] = []
    partial: dict[float, list[PartialAttack]] = {}
    splits: Iterable[tuple[Knowledge, Integers]]
    if others is None:
        knowledge = know(evidence, perturbed, p)
        parted = _folds(released.subjects, evidence.labels, folds, seed)
        splits = ((knowledge.rows(train), test) for train, test in parted)
    else:
        splits = [(others, np.arange(len(released)))]
    # As many fits either way: one part in each fold, or one after the other of the same people.
    draws = 1 if others is None else folds
    for fold, (training, test) in enumerate(splits):
        if not names:
            break
        attacked = released.rows(test)
        weights = weigh_variants(attacker, names, training, seed=seed + fold)
        choices[max(names, key=lambda name: weights.get(name, 0.0))] += 1
        numbers.append(_count_subjects(training))
        for name in names if all_variants else weights:
            variants[name][test] = attacker.log_odds(name, training, attacked, seed=seed + fold)
        chosen[test] = _weighed({name: variants[name][test] for name in weights}, weights)
        if learning_curve:
            parts = _guess_from_parts(attacker, weights, training, attacked, draws=draws, seed=seed + fold)
            for part, one in parts.items():
                guesses = np.full((draws, len(released)), np.nan)
                guesses[:, test] = one.log_odds
                partial.setdefault(part, []).append(PartialAttack(one.subjects, guesses))
    return Attack(
        variants if all_variants else {},
        chosen,
        choices,
        float(np.mean(numbers)) if numbers else 0.0,
        # A part too small in one fold would leave images without a guess.
        {part: _joined(each) for part, each in partial.items() if len(each) == len(numbers)},
    )


def know(evidence: Evidence, perturbed: Flags, p: float) -> Knowledge:
    """Return images with their labels as what an attacker learns from, those given ``(n,)`` perturbed."""
    released = evidence.release(perturbed)
    return Knowledge(released, evidence.untouched, evidence.labels, perturbed, p, evidence.perturbed)


def _guess_from_parts(
    attacker: Attacker, weights: Mapping[str, float], knowledge: Knowledge, attacked: Features, *, draws: int, seed: int
) -> dict[float, PartialAttack]:
    """Return the mean guesses of variants that have learnt from parts of the people, by part."""
    drawn: dict[float, list[tuple[int, Floats64]]] = {}
    for part, rows in draw_parts(knowledge.untouched.subjects, knowledge.labels, draws=draws, seed=seed):
        training = knowledge.rows(rows)
        guesses = {name: attacker.log_odds(name, training, attacked, seed=seed) for name in weights}
        drawn.setdefault(part, []).append((_count_subjects(training), _weighed(guesses, weights)))
    return {
        part: PartialAttack(float(np.mean([number for number, _ in each])), np.stack([guesses for _, guesses in each]))
        for part, each in drawn.items()
    }


def _joined(folds: list[PartialAttack]) -> PartialAttack:
    """Return the guesses of several folds, each of its own images, as one."""
    guesses = folds[0].log_odds
    for fold in folds[1:]:
        guesses = np.where(np.isnan(guesses), fold.log_odds, guesses)
    return PartialAttack(float(np.mean([fold.subjects for fold in folds])), guesses)


def _count_subjects(knowledge: Knowledge) -> int:
    return len(np.unique(knowledge.untouched.subjects))


def weigh_variants(attacker: Attacker, names: list[str], knowledge: Knowledge, *, seed: int) -> dict[str, float]:
    """Return the weights of an attacker's variants by name, adding up to 1; those without a say are left out.

    Each weighs as much as the probability that it gives to the labels of the training people, every one held out
    (pseudo-Bayesian model averaging: Geisser and Eddy, A predictive approach to model selection, 1979; Yao et al.,
    Using stacking to average Bayesian predictive distributions, 2018). With some dozens of people, several variants
    predict almost equally well, and their mean does better on other people than the one that happened to come first.
    Attackers who have no held-out guesses of their own are cross-fitted within the training people.
    """
    if len(names) == 1:
        return {names[0]: 1.0}
    held_out = {name: attacker.held_out(name, knowledge, seed=seed) for name in names}
    to_cross_fit = {name: np.full(len(knowledge.labels), np.nan) for name, odds in held_out.items() if odds is None}
    for train, test in _folds(knowledge.released.subjects, knowledge.labels, INNER_FOLDS, seed):
        if not to_cross_fit:
            break
        training, attacked = knowledge.rows(train), knowledge.released.rows(test)
        for name, odds in to_cross_fit.items():
            odds[test] = attacker.log_odds(name, training, attacked, seed=seed)
    guesses = [to_cross_fit[name] if odds is None else odds for name, odds in held_out.items()]
    costs = [_cross_entropy(guess, knowledge.labels) for guess in guesses]
    weights = np.exp(-_count_subjects(knowledge) * (np.array(costs) - min(costs)))
    first = np.argsort(-weights, kind="stable")[:MOST_WEIGHED]
    heard = first[weights[first] >= LEAST_WEIGHT]
    return {names[i]: float(weights[i] / weights[heard].sum()) for i in np.sort(heard)}


def _weighed(guesses: Mapping[str, Floats64], weights: Mapping[str, float]) -> Floats64:
    """Return the weighed mean of log-odds ``(n,)``; a NaN says nothing, and is one where no variant says anything."""
    mean = np.sum([weight * np.nan_to_num(guesses[name]) for name, weight in weights.items()], axis=0)
    return np.where(np.all([np.isnan(guesses[name]) for name in weights], axis=0), np.nan, mean)


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
