"""Put held-out guesses of attackers together as the result of an audit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.evidence import Evidence
from facepriv.audit.leak.cross_fitting import Attack
from facepriv.metrics.gender import predicted
from facepriv.metrics.leak import posterior_leak
from facepriv.metrics.subject_bootstrap import SubjectBootstrap
from facepriv.schemas.audits import (
    AttackResult,
    ClassifierBaseline,
    Condition,
    ConditionName,
    CurvePoint,
    Headline,
)

CHOSEN = "chosen"
"""Name of the variant that an attacker picks for himself."""


def bootstrap_of(evidence: Evidence, resamples: int, seed: int) -> SubjectBootstrap:
    """Make the bootstrap that all of an audit's intervals share, so that they can be compared pair by pair."""
    return SubjectBootstrap(evidence.untouched.subjects, evidence.labels, resamples=resamples, seed=seed)


def baselines(evidence: Evidence, bootstrap: SubjectBootstrap) -> list[ClassifierBaseline]:
    """Return every classifier's gender error on the untouched images, for all and by label."""
    found = []
    for name, scores in evidence.untouched.scores.items():
        wrong = np.where(np.isnan(scores), np.nan, predicted(scores) != evidence.labels)
        found.append(
            ClassifierBaseline(
                classifier=name,
                all=bootstrap.mean(wrong, "all").interval(),
                male=bootstrap.mean(wrong, "male").interval(),
                female=bootstrap.mean(wrong, "female").interval(),
            )
        )
    return found


def condition(
    name: ConditionName,
    p: float,
    perturbed: Sequence[NDArray[np.bool_]],
    attacks: Mapping[str, Sequence[Attack]],
    bootstrap: SubjectBootstrap,
) -> Condition:
    """Judge all attackers against one release.

    Parameters
    ----------
    perturbed
        For each draw ``(n,)`` which images were perturbed.
    attacks
        By attacker, one for each draw; an attacker who has no means, or nothing to go on in any image, is left out.
    """
    chosen, variants = [], []
    for attacker, draws in attacks.items():
        if _knows_nothing(draws):
            continue
        picked: Counter[str] = sum((one.picked for one in draws), Counter())
        chosen.append(_result(attacker, CHOSEN, [one.chosen for one in draws], bootstrap, dict(picked.most_common())))
        for variant in draws[0].variants:
            guesses = [one.variants[variant] for one in draws if variant in one.variants]
            variants.append(_result(attacker, variant, guesses, bootstrap, {}))
    return Condition(
        name=name,
        p=p,
        perturbed=float(np.mean(perturbed)),
        attacks=chosen,
        variants=variants,
    )


def _result(
    attacker: str,
    variant: str,
    guesses: Sequence[NDArray[np.float64]],
    bootstrap: SubjectBootstrap,
    picked: dict[str, int],
) -> AttackResult:
    leak = posterior_leak(np.stack(guesses), bootstrap.labels, bootstrap)
    return AttackResult(
        attacker=attacker,
        variant=variant,
        images=leak.images,
        missing=leak.missing,
        accuracy=leak.accuracy,
        male_accuracy=leak.male_accuracy,
        female_accuracy=leak.female_accuracy,
        auc=leak.auc,
        bits=leak.bits,
        chosen=picked,
    )


def curve_point(p: float, attacker: str, attacks: Sequence[Attack], bootstrap: SubjectBootstrap) -> CurvePoint | None:
    """Return what an attacker learns at one proportion, averaged over draws; None where he has nothing to go on."""
    if _knows_nothing(attacks):
        return None
    guesses = np.stack([one.chosen for one in attacks])
    leak = posterior_leak(guesses, bootstrap.labels, bootstrap, intervals=False)
    return CurvePoint(
        p=p,
        attacker=attacker,
        accuracy=leak.accuracy.value or 0.0,
        auc=leak.auc.value or 0.0,
        bits=leak.bits.value or 0.0,
    )


def _knows_nothing(attacks: Sequence[Attack]) -> bool:
    return not any(np.isfinite(one.chosen).any() for one in attacks)


def headline(found: Condition) -> Headline:
    """Name the worst attacker of a release, the one who is right most often, and the greatest upper bound of any."""
    worst = max(found.attacks, key=lambda one: (one.accuracy.value or 0.0, one.accuracy.high or 0.0))
    return Headline(
        condition=found.name,
        attacker=worst.attacker,
        accuracy=worst.accuracy.value or 0.0,
        upper=max(one.accuracy.high or 0.0 for one in found.attacks),
        bits=worst.bits.value or 0.0,
        low=worst.accuracy.low or 0.0,
    )
