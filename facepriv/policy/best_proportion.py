"""The proportion at which the worst of all measured attackers learns least, as far as matching stays good enough."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facepriv.errors import BadInputError
from facepriv.metrics.checks import as_probabilities
from facepriv.schemas.audits import CurvePoint, Utility
from facepriv.schemas.figures import OperatingPoint
from facepriv.wording import listed, percent

TOLERANCE = 0.01
"""By how much the worst attacker may do better at a smaller proportion that is preferred all the same."""
_ROUNDING = 1e-9
_GUESSING = 0.5


@dataclass(frozen=True)
class BestProportion:
    """The proportion chosen from measured curves, or the judgement of a given one, and why."""

    p: float
    accuracy: float | None
    """The worst attacker's accuracy at ``p``; None if no curve was measured there."""
    attacker: str | None
    """That attacker; the first named of equals."""
    sentence: str
    """The same in words for a person."""


def draw_standard_error(men: int, women: int, draws: int) -> float:
    """Return the standard error of an accuracy at equal priors that comes from which images were drawn, at most.

    The draw decides for each unit (image, or subject where these are drawn) whether the attacker is right or wrong;
    that varies at most as a fair coin, with standard deviation 1/2, and is averaged over units, genders and draws:
    ``sqrt((1/men + 1/women) / (16 draws))``. A tolerance of this size keeps noise from choosing.

    Parameters
    ----------
    men, women : units of either label, at least 1.
    draws : draws that each point is averaged over, at least 1.

    Raises
    ------
    BadInputError
        If a count is below 1.
    """
    if min(men, women, draws) < 1:
        raise BadInputError(
            f"Expected at least one man, one woman and one draw, got {men}, {women} and {draws}.", code="out-of-range"
        )
    return math.sqrt((1 / men + 1 / women) / (16 * draws))


def best_proportion(
    curve: Sequence[CurvePoint],
    utility: Sequence[Utility] = (),
    *,
    most_fnmr_loss: float | None = None,
    tolerance: float = TOLERANCE,
) -> BestProportion:
    """Choose the proportion from measured points.

    Of the proportions that keep the floor, it is the smallest at which the worst attacker's accuracy is within
    ``tolerance`` of the least that any of them reaches: changing fewer images costs less, and differences inside the
    noise are no reason to change more.

    Parameters
    ----------
    curve : every attacker's accuracy at every measured proportion.
    utility : every matcher at every measured proportion and at 0; needed for a floor only.
    most_fnmr_loss : by how much the lowest FNMR at FMR at most 0.1 % may exceed that at ``p`` = 0, for every matcher;
        None for no floor.
    tolerance : accuracies that differ by no more are as good, fraction (`draw_standard_error`).

    Returns
    -------
    The choice. Where the floor allows no measured proportion, ``p`` is 0 and the sentence says so.

    Raises
    ------
    BadInputError
        If there is no curve, an attacker is missing at a proportion or given twice, a proportion or accuracy lies
        outside 0..1, the floor or tolerance is out of range, or utility is missing where there is a floor.
    """
    worst = _worst(curve)
    given = {_key(point.p): point.p for point in curve}
    slack = float(as_probabilities(tolerance, "the tolerance"))
    lost = _losses(utility, list(worst), most_fnmr_loss)
    allowed = [p for p in worst if lost.get(p) is None]
    free = _smallest(worst, list(worst), slack)
    caveat = _caveat(utility, most_fnmr_loss)
    if not allowed:
        least = min(worst)
        sentence = f"Change no image: every proportion costs too much recognition. At {percent(least)}, {lost[least]}."
        accuracy, attacker = worst.get(0.0, (None, None))
        return BestProportion(0.0, accuracy, attacker, sentence + caveat)
    p = _smallest(worst, allowed, slack)
    return BestProportion(given[p], *worst[p], _sentence(p, worst, allowed, free, lost, slack) + caveat)


def judge_proportion(
    p: float,
    curve: Sequence[CurvePoint],
    utility: Sequence[Utility] = (),
    *,
    most_fnmr_loss: float | None = None,
    tolerance: float = TOLERANCE,
) -> BestProportion:
    """Say what a proportion that the auditor has set comes to, beside the one that would be chosen.

    Parameters and errors are those of `best_proportion`; also raises if ``p`` lies outside 0..1 or was not measured.
    """
    share = _key(float(as_probabilities(p, "the proportion")))
    best = best_proportion(curve, utility, most_fnmr_loss=most_fnmr_loss, tolerance=tolerance)
    worst = _worst(curve)
    if share not in worst:
        raise BadInputError(
            f"Expected a proportion at which attackers were measured, got {percent(share)}; measure it, or take one of "
            f"{listed([f'{percent(q)}' for q in worst], 'or')}.",
            code="not-measured",
        )
    accuracy, attacker = worst[share]
    lost = _losses(utility, [share], most_fnmr_loss).get(share)
    sentence = (
        f"You set the proportion to {percent(share)}: the strongest attacker ({attacker}) is right in "
        f"{percent(accuracy)} of cases."
    )
    if lost is not None:
        sentence += f" This costs too much recognition: {lost}."
    if _key(best.p) != share and best.accuracy is not None:
        sentence += (
            f" Of the measured proportions, {percent(best.p)} is best: there the strongest attacker is right in "
            f"{percent(best.accuracy)} of cases."
        )
    return BestProportion(p, accuracy, attacker, sentence + _caveat(utility, most_fnmr_loss))


def _key(p: float) -> float:
    """Take away rounding, so that 3 * 0.1 and 0.3 are one proportion."""
    return round(p, 9)


def _worst(curve: Sequence[CurvePoint]) -> dict[float, tuple[float, str]]:
    """Return the greatest accuracy and whose it is by proportion, increasing."""
    if not curve:
        raise BadInputError(
            "A proportion is chosen from attackers' accuracies at several proportions, but none was measured; audit a "
            "run with at least one attacker.",
            code="no-curve",
        )
    as_probabilities([point.p for point in curve], "a proportion of the curve")
    as_probabilities([point.accuracy for point in curve], "an attacker's accuracy")
    table: dict[float, dict[str, float]] = {}
    for point in sorted(curve, key=lambda point: point.p):
        accuracies = table.setdefault(_key(point.p), {})
        if point.attacker in accuracies:
            raise BadInputError(
                f"Expected each attacker once at each proportion, got {point.attacker} twice at {percent(point.p)}.",
                code="repeated-point",
            )
        accuracies[point.attacker] = point.accuracy
    attackers = {point.attacker for point in curve}
    for p, accuracies in table.items():
        if len(accuracies) < len(attackers):
            missing = listed(sorted(attackers - accuracies.keys()))
            raise BadInputError(
                f"Expected every attacker at every proportion, got none of {missing} at {percent(p)}; measure it "
                "there too.",
                code="uneven-curve",
            )
    return {
        p: max(((accuracy, name) for name, accuracy in accuracies.items()), key=lambda pair: pair[0])
        for p, accuracies in table.items()
    }


def _smallest(worst: Mapping[float, tuple[float, str]], among: Sequence[float], slack: float) -> float:
    least = min(worst[p][0] for p in among)
    return min(p for p in among if worst[p][0] <= least + slack + _ROUNDING)


def _losses(utility: Sequence[Utility], ps: Sequence[float], most: float | None) -> dict[float, str]:
    """Say of each proportion that breaks the floor what it costs there, of the matcher that loses most."""
    if most is None:
        return {}
    limit = float(as_probabilities(most, "the greatest loss of FNMR"))
    table = {(point.matcher, _key(point.p)): point.fmr1000 for point in utility}
    matchers = list(dict.fromkeys(point.matcher for point in utility))
    missing = [f"{m} at {percent(p)}" for m in matchers for p in (0.0, *ps) if (m, p) not in table]
    if missing or not matchers:
        raise BadInputError(
            "A floor of utility needs every matcher at 0 and at every measured proportion, but there is nothing of "
            f"{missing[0] if missing else 'any matcher'}; measure it, or set no floor.",
            code="no-utility",
        )
    broken = {}
    for p in ps:
        losses = [(loss, m) for m in matchers if (loss := _loss(table[m, 0.0], table[m, p])) > limit + _ROUNDING]
        if losses:
            loss, matcher = max(losses)
            how = "has nothing left to compare"
            if not math.isinf(loss):
                how = f"wrongly rejects {100 * loss:.1f} more of every 100 genuine pairs"
            broken[p] = f"{matcher} {how} (allowed: {100 * limit:.1f})"
    return broken


def _loss(before: OperatingPoint, here: OperatingPoint) -> float:
    if before.fnmr is None:
        return 0.0  # nothing to lose; such a matcher is named among the unsupported
    return math.inf if here.fnmr is None else here.fnmr - before.fnmr


def _sentence(
    p: float,
    worst: Mapping[float, tuple[float, str]],
    allowed: Sequence[float],
    free: float,
    lost: Mapping[float, str],
    slack: float,
) -> str:
    accuracy, attacker = worst[p]
    right = f"the strongest attacker ({attacker}) is right in {percent(accuracy)} of cases"
    guessing = accuracy <= _GUESSING + slack
    if p == 0 and guessing:
        return f"Change no image: {right}, which is no better than guessing."
    if list(allowed) == [0.0] and lost:
        least = min(lost)
        return (
            f"Change no image: every other proportion costs too much recognition. At {percent(least)}, {lost[least]}. "
            f"With no image changed, {right}."
        )
    how = "Change no image" if p == 0 else f"Change {percent(p)} of the images"
    if free in lost:
        return (
            f"{how}: {right}. Changing {percent(free)} would lower this to {percent(worst[free][0])} but cost too much "
            f"recognition: {lost[free]}."
        )
    best, where = min((worst[proportion][0], proportion) for proportion in allowed)
    more = f"{percent(best)} at {percent(where)}"
    if p == 0:
        measured = "measured proportion that keeps matching good enough" if lost else "other measured proportion"
        lowers = f"lowers this noticeably (best: {more})" if where != 0 else "lowers this"
        return (
            f"This run does not protect gender: {right}, and no {measured} {lowers}. Try another method or more "
            "guiding classifiers."
        )
    if where != p:
        return f"{how}: {right}. Changing more gains at most {100 * slack:.1f} points (best: {more})."
    if guessing:
        return f"{how}: {right}, which is no better than guessing."
    others = "At every other measured proportion" + (" that keeps matching good enough" if lost else "")
    return f"{how}: {right}. {others}, the strongest attacker is right more often."


def _caveat(utility: Sequence[Utility], most: float | None) -> str:
    """Name the matchers of which too few comparisons exist to know whether the floor is kept."""
    unsupported = list(dict.fromkeys(point.matcher for point in utility if not point.fmr1000.supported))
    if most is None or not unsupported:
        return ""
    return (
        f" {listed(unsupported)}: too few impostor comparisons to measure this loss, so whether the limit is kept is "
        "uncertain."
    )
