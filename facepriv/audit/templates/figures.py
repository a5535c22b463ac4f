"""Figures of attacks on templates: both directions of the guesses, and what luck alone gives the best of many."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from facepriv.metrics.leak import posterior_leak
from facepriv.metrics.subject_bootstrap import SubjectBootstrap
from facepriv.schemas.figures import GUESSING
from facepriv.schemas.templates import Chance, KnowledgeState, TemplateAttack
from facepriv.types import GENDERS, MALE, Floats64

SHUFFLES = 2000
RARE = 0.05


def attack_figures(
    attacker: str, knowledge: KnowledgeState, people: float, log_odds: Floats64, bootstrap: SubjectBootstrap
) -> TemplateAttack:
    """Return the figures of held-out guesses ``(R, n)``, log-odds of R random partings.

    Whoever is right in clearly less than half of the cases turns the guesses round.
    """
    plain = posterior_leak(log_odds, bootstrap)
    value = plain.accuracy.value
    best = posterior_leak(-log_odds, bootstrap) if value is not None and value < GUESSING else plain
    return TemplateAttack(
        attacker=attacker,
        knowledge=knowledge,
        people=people,
        accuracy=plain.accuracy,
        reversed_accuracy=best.accuracy,
        auc=plain.auc,
        bits=best.bits,
    )


def worst_by_chance(guesses: Mapping[object, Floats64], bootstrap: SubjectBootstrap) -> Chance:
    """Return what the best of so many attackers, each turned round where that helps, is right by luck.

    The labels are shuffled among the tested people; the guesses, and all that attackers have in common, stay.

    Parameters
    ----------
    guesses : by attack ``(R, n)`` log-odds.
    """
    votes = np.stack([((1 + np.sign(np.nan_to_num(one))) / 2).mean(axis=0) for one in guesses.values()])
    by_person = np.stack([bootstrap.sum_by_subject(vote) for vote in votes])
    images = bootstrap.sum_by_subject(np.ones(bootstrap.images))
    male = (bootstrap.permuted_labels(SHUFFLES) == MALE).astype(np.float64)
    right_of_men, right_of_women = (
        by_person @ male / (images @ male),
        1 - by_person @ (1 - male) / (images @ (1 - male)),
    )
    worst = _either_way((right_of_men + right_of_women) / 2).max(axis=0)
    seen = max(_either_way(_accuracy(vote, bootstrap)) for vote in votes)
    return Chance(
        mean=float(worst.mean()),
        high=float(np.quantile(worst, 1 - RARE)),
        as_high=float(np.mean(worst >= seen - 1e-12)),
    )


def _either_way(accuracy: Floats64) -> Floats64:
    return np.maximum(accuracy, 1 - accuracy)


def _accuracy(vote: Floats64, bootstrap: SubjectBootstrap) -> Floats64:
    """Return the balanced accuracy of votes ``(n,)``, the share of draws that say male."""
    rates = [bootstrap.mean_value(vote if label == MALE else 1 - vote, group) for group, label in GENDERS.items()]
    return np.asarray(np.mean(rates))
