"""The two figures of a candidate: how often the strongest attacker is right, and how many genuine matches are lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from facepriv.audit.evidence import Evidence
from facepriv.audit.leak.policy_draws import draw_perturbed, number_of_draws
from facepriv.measures.loaded_models import get_matcher
from facepriv.policy.matches_lost import MatchesLost, Threshold, count_matches_lost
from facepriv.policy.mixed_utility import PairScores, pair_scores
from facepriv.schemas.audits import AuditResult, AuditSpec, Condition
from facepriv.schemas.figures import GUESSING, Interval
from facepriv.schemas.studies import StudyFigures
from facepriv.schemas.templates import Comparison, TemplateAudit

NOTHING_LOST = Interval(value=0.0, low=0.0, high=0.0)
NOT_KNOWN = Interval(value=None, low=None, high=None)


def strongest(result: AuditResult, p: float) -> tuple[str, Interval, float]:
    """Return the strongest attacker at a proportion, how often he is right, and how often any may be.

    From the points of a brief audit, or from the release at that proportion of any other.
    """
    at: Mapping[str, Interval] = {
        point.attacker: point.interval
        for point in result.curve
        if round(point.p, 6) == round(p, 6) and point.interval is not None
    }
    if not at:
        at = {attack.attacker: attack.accuracy for attack in _release(result, p).attacks}
    name, interval = max(at.items(), key=lambda item: (item[1].value or 0.0, item[1].high or 0.0))
    return name, interval, max(GUESSING, *(each.high or 0.0 for each in at.values()))


def _release(result: AuditResult, p: float) -> Condition:
    by_p = {round(each.p, 6): each for each in result.conditions}
    return by_p[round(p, 6)]


def image_figures(
    result: AuditResult,
    spec: AuditSpec,
    evidence: Evidence,
    pairs: Mapping[str, PairScores],
    thresholds: Mapping[str, Threshold],
    p: float,
    fmr: float,
) -> StudyFigures:
    """Return the figures of a release of images at a proportion; at 0 nothing is lost.

    Parameters
    ----------
    pairs, thresholds : by matcher; the one that loses most counts.
    fmr : false match rate that the release is to keep to.
    """
    attacker, accuracy, upper = strongest(result, p)
    people = len(np.unique(evidence.untouched.subjects))
    if p == 0.0:
        return StudyFigures(
            people=people, attacker=attacker, accuracy=accuracy, upper=upper, lost=NOTHING_LOST, matcher=""
        )
    draws = [
        draw_perturbed(evidence, p, select_by=spec.select_by, draw=draw, seed=spec.seed)
        for draw in range(number_of_draws(p, spec.draws))
    ]
    lost = {
        name: count_matches_lost(
            pairs[name],
            evidence.untouched.subjects.tolist(),
            evidence.labels,
            draws,
            threshold.value,
            fmr,
            resamples=spec.resamples,
            seed=spec.seed,
        )
        for name, threshold in thresholds.items()
    }
    matcher, worst = _worst(lost)
    return StudyFigures(
        people=people,
        attacker=attacker,
        accuracy=accuracy,
        upper=upper,
        lost=worst.lost,
        matcher=matcher,
        fmr=worst.fmr,
    )


def compare_pairs(evidence: Evidence, matchers: Sequence[str], seed: int) -> dict[str, PairScores]:
    """Compare all audited images with each other, before and after, by each matcher that made templates of them."""
    assert evidence.perturbed is not None, "an audit of a run has perturbed images"
    subjects = evidence.untouched.subjects.tolist()
    return {
        name: pair_scores(
            evidence.untouched.templates[name].astype(np.float32),
            evidence.perturbed.templates[name].astype(np.float32),
            subjects,
            get_matcher(name).compare,
            seed=seed,
        )
        for name in matchers
        if name in evidence.untouched.templates
    }


def _worst(lost: Mapping[str, MatchesLost]) -> tuple[str, MatchesLost]:
    if not lost:
        return "", MatchesLost(NOT_KNOWN, None)
    return max(lost.items(), key=lambda item: item[1].lost.value or 0.0)


def template_figures(audits: Mapping[str, TemplateAudit], fmr: float) -> StudyFigures:
    """Return the figures of one protection on the templates of several matchers, by name: the worst of each number.

    The loss is that with a threshold of the protected templates' own, as `facepriv.audit.templates.matching` tells it;
    its interval is as wide as those of both rates together.
    """
    strongest_of, audit = max(audits.items(), key=lambda item: item[1].worst.reversed_accuracy.value or 0.0)
    losses: dict[str, tuple[Interval, float | None]] = {name: _loss(each, fmr) for name, each in audits.items()}
    matcher = max(losses, key=lambda name: 1.0 if losses[name][0].value is None else losses[name][0].value or 0.0)
    return StudyFigures(
        people=audit.people,
        attacker=audit.worst.attacker,
        accuracy=audit.worst.reversed_accuracy,
        upper=max(GUESSING, *(each.upper for each in audits.values())),
        lost=losses[matcher][0],
        matcher=matcher or strongest_of,
        fmr=losses[matcher][1],
    )


def _loss(audit: TemplateAudit, fmr: float) -> tuple[Interval, float | None]:
    if audit.protection == "none":
        return NOTHING_LOST, None
    errors = audit.matching.errors_at(fmr)
    losses: dict[Comparison, float] = {}
    if errors is not None:
        losses = {each: loss for each in errors.own_fnmr if (loss := errors.loss(each)) is not None}
    if errors is None or not losses:
        return NOT_KNOWN, None
    worst = max(losses, key=losses.__getitem__)
    own, before = errors.own_fnmr[worst], errors.untouched

    def difference(one: float | None, other: float | None) -> float | None:
        return None if one is None or other is None else one - other

    interval = Interval(
        value=losses[worst], low=difference(own.low, before.high), high=difference(own.high, before.low)
    )
    return interval, errors.fmr.get(worst)
