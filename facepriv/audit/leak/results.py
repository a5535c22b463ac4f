"""Figures in the result of an audit, from held-out guesses of attackers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from facepriv.audit.evidence import Evidence
from facepriv.audit.leak.cross_fitting import Attack
from facepriv.metrics.gender import predicted_labels
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
from facepriv.schemas.figures import GUESSING
from facepriv.types import Flags, Floats64

CHOSEN = "chosen"
"""Name of the variant that stands for the one chosen in each fold."""


def make_bootstrap(evidence: Evidence, resamples: int, seed: int) -> SubjectBootstrap:
    """Make the bootstrap that all intervals of an audit share, so that differences are paired."""
    return SubjectBootstrap(evidence.untouched.subjects, evidence.labels, resamples=resamples, seed=seed)


def classifier_baselines(evidence: Evidence, bootstrap: SubjectBootstrap) -> list[ClassifierBaseline]:
    """Return every classifier's gender error on the untouched images, for all and by label."""
    baselines = []
    for name, scores in evidence.untouched.scores.items():
        wrong = np.where(np.isnan(scores), np.nan, predicted_labels(scores) != evidence.labels)
        baselines.append(
            ClassifierBaseline(
                classifier=name,
                all=bootstrap.mean(wrong, "all").interval(),
                male=bootstrap.mean(wrong, "male").interval(),
                female=bootstrap.mean(wrong, "female").interval(),
            )
        )
    return baselines


def condition_result(
    name: ConditionName,
    p: float,
    perturbed: Sequence[Flags],
    attacks: Mapping[str, Sequence[Attack]],
    bootstrap: SubjectBootstrap,
) -> Condition:
    """Return the figures of all attackers against one release.

    Parameters
    ----------
    perturbed : for each draw of the policy ``(n,)`` which images are perturbed.
    attacks : by attacker, one for each draw; an attacker with nothing to go on in any image is left out.
    """
    chosen, variants = [], []
    for attacker, draws in attacks.items():
        if not _has_guesses(draws):
            continue
        choices: Counter[str] = sum((draw.choices for draw in draws), Counter())
        counts = dict(choices.most_common())
        chosen.append(_attack_result(attacker, CHOSEN, [draw.chosen for draw in draws], bootstrap, counts))
        for variant in draws[0].variants:
            guesses = [draw.variants[variant] for draw in draws if variant in draw.variants]
            variants.append(_attack_result(attacker, variant, guesses, bootstrap, {}))
    return Condition(name=name, p=p, perturbed=float(np.mean(perturbed)), attacks=chosen, variants=variants)


def _attack_result(
    attacker: str, variant: str, guesses: Sequence[Floats64], bootstrap: SubjectBootstrap, choices: dict[str, int]
) -> AttackResult:
    leak = posterior_leak(np.stack(guesses), bootstrap)
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
        chosen=choices,
    )


def curve_point(
    p: float, attacker: str, attacks: Sequence[Attack], bootstrap: SubjectBootstrap, *, interval: bool = False
) -> CurvePoint | None:
    """Return an attacker's figures at one proportion, averaged over draws; None where there is nothing to go on.

    Without an interval of the accuracy, unless one is asked for.
    """
    if not _has_guesses(attacks):
        return None
    guesses = np.stack([draw.chosen for draw in attacks])
    leak = posterior_leak(guesses, bootstrap, intervals=interval)
    return CurvePoint(
        p=p,
        attacker=attacker,
        accuracy=leak.accuracy.value or 0.0,
        auc=leak.auc.value or 0.0,
        bits=leak.bits.value or 0.0,
        interval=leak.accuracy if interval else None,
    )


def _has_guesses(attacks: Sequence[Attack]) -> bool:
    return any(np.isfinite(draw.chosen).any() for draw in attacks)


def headline(condition: Condition) -> Headline:
    """Return the attacker of a release who is right most often, and the greatest upper bound of any attacker.

    That bound is never below guessing.
    """
    worst = max(condition.attacks, key=lambda attack: (attack.accuracy.value or 0.0, attack.accuracy.high or 0.0))
    return Headline(
        condition=condition.name,
        attacker=worst.attacker,
        accuracy=worst.accuracy.value or 0.0,
        upper=max(GUESSING, *(attack.accuracy.high or 0.0 for attack in condition.attacks)),
        bits=worst.bits.value or 0.0,
        low=worst.accuracy.low or 0.0,
    )
