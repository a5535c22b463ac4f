"""Estimates from resamples of subjects, with their 95 % intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit
from scipy.stats import beta
from scipy.stats import t as student

from facepriv.errors import BadInputError
from facepriv.schemas.figures import Interval
from facepriv.types import Floats64, Integers

LEVEL = 0.95


Scale = Literal["rate", "difference", "positive", "real"]
"""``rate``: within 0..1, the interval is symmetric in the logit; ``difference``: of two rates, within -1..1;
``positive``: above 0, symmetric in the logarithm; ``real``: any number."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """A figure with its replicates; `minus` gives a paired difference, `interval` the 95 % interval."""

    value: float
    """The figure of all images; NaN where it cannot be computed."""
    replicates: Floats64
    """``(B,)`` the figure of each resample; NaN where a resample lacks the images for it."""
    scale: Scale
    influence: Floats64
    """``(S,)`` how far each subject moves the figure, to first order; the contributions sum to 0."""
    strata: Integers
    """``(S,)`` among which subjects each one is drawn."""
    independent_trials: float
    """Independent trials for the rule of three: subjects, or fewer."""
    constant_interval: Interval | None = None
    """The interval where all resamples agree although the value is not at an end of the scale."""
    least_trials: float = 0.0
    """Lower bound of the number of independent trials of a rate; 0 where it is not known.

    However similar the images of a subject are, a rate over subjects varies no more than a binomial one of Kish's
    effective number of trials (`effective_number`). For figures of pairs it is the number of disjoint pairs: the
    variance of a U-statistic is at most that of the mean over these (Hoeffding 1963, section 5).
    """
    most_trials: float = np.inf
    """Upper bound of the number of independent trials of a rate: as if no two images of a subject were alike."""
    rates: tuple[Estimate, Estimate] | None = None
    """The two rates of which this is the difference, where their own intervals are those of rates."""
    error_factor: float = 1.0
    """Known correction of the standard deviation of the replicates, by which it is multiplied."""

    def minus(self, other: Estimate) -> Estimate:
        """Return the paired difference ``self - other`` of two figures of the same `SubjectBootstrap`.

        Both were computed with the same resamples, so what they have in common cancels.

        Raises
        ------
        BadInputError
            ``not-paired`` if the numbers of resamples or of subjects differ.
        """
        sizes, other_sizes = ((e.replicates.size, e.influence.size) for e in (self, other))
        if sizes != other_sizes:
            raise BadInputError(
                f"Expected two figures of the same resamples, got {sizes[0]} of {sizes[1]} subjects and "
                f"{other_sizes[0]} of {other_sizes[1]}; compute both with one bootstrap.",
                code="not-paired",
            )
        rates = self.scale == other.scale == "rate"
        return Estimate(
            self.value - other.value,
            self.replicates - other.replicates,
            "difference" if rates else "real",
            self.influence - other.influence,
            self.strata,
            min(self.independent_trials, other.independent_trials),
            error_factor=max(self.error_factor, other.error_factor),
            rates=(self, other) if rates and min(self.least_trials, other.least_trials) > 0 else None,
        )

    @property
    def standard_error(self) -> float:
        """Standard deviation of the replicates, times `error_factor`; NaN for fewer than two."""
        usable = self.replicates[np.isfinite(self.replicates)]
        return self.error_factor * float(np.std(usable, ddof=1)) if usable.size > 1 else float("nan")

    @property
    def degrees_of_freedom(self) -> float:
        """Degrees of freedom of the standard error, at least 3.

        A variance estimated by a sum of squared contributions ``d`` varies as their fourth powers do; Satterthwaite's
        rule turns that into ``2 (sum d^2)^2 / (sum d^4 - sum over strata (sum d^2)^2 / s)``: the number of subjects
        where contributions are normal, 2 where a single subject makes the difference. Fewer than 3 would not improve
        coverage, but give intervals of almost the whole range.
        """
        squares = self.influence**2
        fourth_powers, expected, degrees = float(np.sum(squares**2)), 0.0, 0
        for stratum in np.unique(self.strata):
            members = squares[self.strata == stratum]
            expected += float(members.sum()) ** 2 / members.size
            degrees += members.size - 1 if members.any() else 0
        excess = fourth_powers - expected
        total = 2 * float(squares.sum()) ** 2
        effective = total / excess if excess > total / max(degrees, 1) else float(degrees)
        return max(effective, 3.0)

    def interval(self) -> Interval:
        """Return the figure with its 95 % interval.

        A rate has the interval of Jeffreys (`jeffreys_interval`) in as many independent trials as its standard error
        stands for. Where a rate is 0 or 1, or a difference of rates is the same in every resample, the resamples do not
        show its error. There the rule of three stands in (Hanley and Lippman-Hand 1983, JAMA 249:1743): an event not
        seen in ``s`` independent subjects has a chance of at most ``1 - 0.05 ** (1 / s)``, with one-sided 95 %
        confidence. Both ends are None where the value or the standard error cannot be computed.
        """
        error = self.standard_error
        if not np.isfinite(self.value):
            return Interval(value=None, low=None, high=None)
        if self.scale == "rate":
            if self.value <= 0 or self.value >= 1:
                return rule_of_three_interval(self.value, self.independent_trials)
        elif self.scale == "difference" and error == 0:
            reach = rule_of_three_limit(self.independent_trials)
            low, high = max(self.value - reach, -1.0), min(self.value + reach, 1.0)
            return Interval(value=self.value, low=low, high=high, unseen=True)
        if error == 0 and self.constant_interval is not None:
            return self.constant_interval
        if not np.isfinite(error):
            return Interval(value=self.value, low=None, high=None)
        if self.scale == "rate" and self.least_trials > 0:
            return self._rate_interval(error)
        if self.rates is not None:
            return self._difference_interval(*self.rates)
        reach = float(student.ppf((1 + LEVEL) / 2, self.degrees_of_freedom)) * error
        if self.scale == "positive":
            stretch = float(np.exp(reach / self.value))
            return Interval(value=self.value, low=self.value / stretch, high=self.value * stretch)
        if self.scale == "rate":
            middle = np.log(self.value) - np.log1p(-self.value)
            low, high = expit(middle + np.array([-1, 1]) * reach / (self.value * (1 - self.value)))
            return Interval(value=self.value, low=float(low), high=float(high))
        limit = 1.0 if self.scale == "difference" else np.inf
        return Interval(value=self.value, low=max(self.value - reach, -limit), high=min(self.value + reach, limit))

    def _difference_interval(self, one: Estimate, other: Estimate) -> Interval:
        """Return the interval of a difference from those of its two rates, correlation included.

        Its ends are as far away as the rates' nearest and farthest values together (Zou and Donner 2008, Statistics in
        Medicine 27:1693), so that it is as asymmetric as these, and knows the errors that they know.
        """
        first, second = one.interval(), other.interval()
        if first.low is None or first.high is None or second.low is None or second.high is None:
            return Interval(value=self.value, low=None, high=None)
        size = float(np.sqrt((one.influence**2).sum() * (other.influence**2).sum()))
        correlation = float((one.influence * other.influence).sum()) / size if size > 0 else 0.0

        def reach(a: float, b: float) -> float:
            return float(np.sqrt(max(a**2 + b**2 - 2 * correlation * a * b, 0.0)))

        low = self.value - reach(one.value - first.low, second.high - other.value)
        high = self.value + reach(first.high - one.value, other.value - second.low)
        return Interval(value=self.value, low=max(low, -1.0), high=min(high, 1.0), unseen=first.unseen or second.unseen)

    def _rate_interval(self, error: float) -> Interval:
        """Return the interval of Jeffreys, whose far end allows for people like those who have not erred yet.

        Few erring subjects hardly show how many images go wrong together. So the end away from 0 (or from 1) counts
        one subject more, all of whose images err: it goes by fewer trials, never by fewer than `least_trials`. Nor does
        an error that was seen bring it nearer than the rule of three puts it where none was.
        """
        spread = self.value * (1 - self.value)
        most = max(self.most_trials, self.least_trials)
        trials = most if error == 0 else min(max(spread / error**2, self.least_trials), most)
        if not np.isfinite(trials):
            return Interval(value=self.value, low=self.value, high=self.value)
        rare = trials * min(self.value, 1 - self.value)
        fewer = (rare + 1) / (rare / trials + 1 / self.least_trials)
        near, far = jeffreys_interval(self.value, trials), jeffreys_interval(self.value, fewer)
        unseen = rule_of_three_limit(self.independent_trials)
        low, high = (near[0], max(far[1], unseen)) if self.value <= 0.5 else (min(far[0], 1 - unseen), near[1])
        return Interval(value=self.value, low=min(low, self.value), high=max(high, self.value))


def rule_of_three_limit(trials: float) -> float:
    """Return the upper one-sided 95 % limit of a rate of 0 in ``trials`` independent trials.

    It solves ``(1 - limit) ** trials = 0.05`` and is about ``3 / trials``.
    """
    return float(1 - (1 - LEVEL) ** (1 / trials)) if trials > 0 else 1.0


def rule_of_three_interval(value: float, trials: float) -> Interval:
    """Return the interval of a rate of exactly 0 or 1 in ``trials`` independent trials."""
    limit = rule_of_three_limit(trials)
    if value <= 0:
        return Interval(value=0.0, low=0.0, high=limit, unseen=True)
    return Interval(value=1.0, low=1.0 - limit, high=1.0, unseen=True)


def effective_number(weights: Floats64) -> float:
    """Return Kish's effective number ``(sum w)^2 / sum w^2`` of weights (Kish 1965, Survey Sampling, section 11.7)."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def jeffreys_interval(rate: float, trials: float) -> tuple[float, float]:
    """Return the 95 % interval of Jeffreys of a rate within 0..1 in independent trials, which need not be whole.

    Among intervals of a binomial rate its coverage is near 95 % also where successes are few, while the exact one of
    Clopper and Pearson covers more (Brown, Cai and DasGupta 2001, Statistical Science 16:101).
    """
    tail = (1 - LEVEL) / 2
    successes, failures = rate * trials + 0.5, (1 - rate) * trials + 0.5
    return float(beta.ppf(tail, successes, failures)), float(beta.ppf(1 - tail, successes, failures))
