"""Intervals that take subjects, never images, as drawn at random: the cluster bootstrap.

Images of one subject resemble each other, so that a hundred images of ten subjects say little more than ten images do.
Every figure is therefore computed anew on samples of *subjects*, drawn with replacement within each gender, with all
their images (Davison and Hinkley, Bootstrap Methods and their Application, section 3.8). A drawn sample is a count for
every subject, and a figure on it is a weighted figure, which needs no image to be copied.

Three things keep the intervals honest for few subjects, where the plain percentiles of the resamples miss in up to a
quarter of the cases (tests/metrics/test_coverage.py measures it). Of ``s`` subjects of a gender ``s - 1`` are drawn,
since the variance of a mean over ``s`` drawn ones is too small by ``(s - 1) / s`` (Rao and Wu 1988, Journal of the
American Statistical Association 83:231). An interval is symmetric on the logit scale for a rate and on the logarithmic
one for a positive number, so that it is longer on the side that has more room and never leaves the range. And it
reaches as many standard errors as Student's t asks for, with the degrees of freedom that the subjects' contributions
to the figure really give: where three subjects of sixty make all the errors, three subjects tell how much errors vary,
not sixty.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from scipy.stats import beta
from scipy.stats import t as student

from facepriv.errors import BadInputError
from facepriv.metrics.checks import as_labels
from facepriv.schemas.figures import Group, Interval
from facepriv.types import FEMALE, GENDERS, MALE

LEVEL = 0.95
RESAMPLES = 2000
_BLOCK = 256  # resamples computed at a time: their counts fit the processor's cache

Scale = Literal["rate", "difference", "positive", "real"]
"""``rate``: within 0..1, the interval is symmetric in the logit; ``difference``: of two rates, within -1..1;
``positive``: above 0, symmetric in the logarithm; ``real``: any number."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """A figure with what the resamples made of it; `minus` gives paired differences, `interval` the interval."""

    value: float
    """The figure of all images; NaN where it cannot be computed."""
    replicates: NDArray[np.float64]
    """``(B,)`` the same figure of each resample; NaN where a resample has no image that it needs."""
    scale: Scale
    influence: NDArray[np.float64]
    """``(S,)`` how far each subject moves the figure, to first order; the contributions sum to 0."""
    strata: NDArray[np.int64]
    """``(S,)`` among which subjects each one is drawn."""
    independent: float
    """Number of independent things that the rule of three counts on; subjects, or fewer."""
    unvarying: Interval | None = None
    """The interval where all resamples agree though the value is no end of the scale."""
    each: int = 1
    """Subjects that one comparison takes: 2 for non-mated ones, of which only half as many are independent."""
    weights: NDArray[np.float64] | None = None
    """``(S,)`` what each subject weighs in the figure; None where that is not known."""
    trials: float | None = None
    """Independent trials that the figure is worth at least; by default Kish's effective number of the weights, and
    where there are none, not known."""
    factor: float = 1.0
    """What the standard deviation of the replicates is known to be off by, and is multiplied with."""

    def minus(self, other: Estimate) -> Estimate:
        """Take the paired difference ``self - other`` of two figures of the same `SubjectBootstrap`.

        Both were computed with the same resamples, so what they have in common cancels.

        Raises
        ------
        BadInputError
            ``not-paired`` if the numbers of resamples or of subjects differ.
        """
        mine, others = ((e.replicates.size, e.influence.size) for e in (self, other))
        if mine != others:
            raise BadInputError(
                f"Expected two figures of the same resamples, got {mine[0]} of {mine[1]} subjects and {others[0]} of "
                f"{others[1]}; compute both with one bootstrap.",
                code="not-paired",
            )
        rates = self.scale == other.scale == "rate"
        return Estimate(
            self.value - other.value,
            self.replicates - other.replicates,
            "difference" if rates else "real",
            self.influence - other.influence,
            self.strata,
            min(self.independent, other.independent),
            each=max(self.each, other.each),
            factor=max(self.factor, other.factor),
        )

    @property
    def standard_error(self) -> float:
        """Standard deviation of the replicates, times `factor`; NaN for fewer than two."""
        usable = self.replicates[np.isfinite(self.replicates)]
        return self.factor * float(np.std(usable, ddof=1)) if usable.size > 1 else float("nan")

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the standard error, at least 3.

        A variance estimated by a sum of squared contributions ``d`` varies as their fourth powers do; Satterthwaite's
        rule turns that into ``2 (sum d^2)^2 / (sum d^4 - sum over strata (sum d^2)^2 / s)``: the number of subjects
        where contributions are normal, 2 where a single subject makes the difference; divided by `each`. Fewer than
        3 would buy no coverage, only intervals from next to nothing to next to all.
        """
        squares = self.influence**2
        spread, own, degrees = float(np.sum(squares**2)), 0.0, 0
        for stratum in np.unique(self.strata):
            mine = squares[self.strata == stratum]
            own += float(mine.sum()) ** 2 / mine.size
            degrees += mine.size - 1 if mine.any() else 0
        excess = spread - own
        whole = 2 * float(squares.sum()) ** 2
        effective = whole / excess if excess > whole / max(degrees, 1) else float(degrees)
        return max(effective / self.each, 3.0)

    @property
    def effective(self) -> float:
        """Number of independent trials that a rate is worth at least; 0 where that is not known.

        However alike the images of a subject are, a rate over subjects varies no more than a binomial one of Kish's
        effective number of trials. For figures of pairs it is the number of disjoint pairs: the variance of a
        U-statistic is at most that of the mean over these (Hoeffding 1963, section 5).
        """
        if self.trials is not None:
            return self.trials
        return 0.0 if self.weights is None else effective_number(self.weights)

    def interval(self) -> Interval:
        """Return the figure with its 95 % interval.

        Where a rate is 0 or 1, or a difference of rates is the same in every resample, no resample can tell how far
        off it may be. There the rule of three stands in (Hanley and Lippman-Hand 1983, JAMA 249:1743): an event not
        seen in ``s`` independent subjects has a chance of at most ``1 - 0.05 ** (1 / s)``, with one-sided 95 %
        confidence. All ends are None where the value or the standard error cannot be computed.
        """
        error = self.standard_error
        if not np.isfinite(self.value):
            return Interval(value=None, low=None, high=None)
        if self.scale == "rate":
            if self.value <= 0 or self.value >= 1:
                return unseen_interval(self.value, self.independent)
        elif self.scale == "difference" and error == 0:
            reach = unseen_limit(self.independent)
            low, high = max(self.value - reach, -1.0), min(self.value + reach, 1.0)
            return Interval(value=self.value, low=low, high=high, unseen=True)
        if error == 0 and self.unvarying is not None:
            return self.unvarying
        if not np.isfinite(error):
            return Interval(value=self.value, low=None, high=None)
        reach = float(student.ppf((1 + LEVEL) / 2, self.freedom)) * error
        if self.scale == "positive":
            stretch = float(np.exp(reach / self.value))
            return Interval(value=self.value, low=self.value / stretch, high=self.value * stretch)
        if self.scale == "rate":
            middle = np.log(self.value) - np.log1p(-self.value)
            ends = expit(middle + np.array([-1, 1]) * reach / (self.value * (1 - self.value)))
            # Few subjects that err tell hardly anything of the spread; then even the worst case is a shorter interval.
            low, high = binomial_interval(self.value, self.effective)
            return Interval(value=self.value, low=max(float(ends[0]), low), high=min(float(ends[1]), high))
        limit = 1.0 if self.scale == "difference" else np.inf
        return Interval(value=self.value, low=max(self.value - reach, -limit), high=min(self.value + reach, limit))


def unseen_limit(independent: float) -> float:
    """Upper one-sided 95 % limit of the chance of something not seen in ``independent`` independent trials.

    It solves ``(1 - limit) ** independent = 0.05`` and is about ``3 / independent``.
    """
    return float(1 - (1 - LEVEL) ** (1 / independent)) if independent > 0 else 1.0


def unseen_interval(value: float, independent: float) -> Interval:
    """Return the interval of a rate that was found to be exactly 0 or 1 in ``independent`` independent trials."""
    limit = unseen_limit(independent)
    if value <= 0:
        return Interval(value=0.0, low=0.0, high=limit, unseen=True)
    return Interval(value=1.0, low=1.0 - limit, high=1.0, unseen=True)


def effective_number(weights: NDArray[np.float64]) -> float:
    """Give Kish's effective number ``(sum w)^2 / sum w^2`` of weights (Kish 1965, Survey Sampling, section 11.7)."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def binomial_interval(rate: float, trials: float) -> tuple[float, float]:
    """Return the exact 95 % interval of a rate in independent trials (Clopper and Pearson 1934, Biometrika 26:404).

    ``trials`` need not be whole; of none, nothing follows.
    """
    if trials <= 0:
        return 0.0, 1.0
    tail, successes = (1 - LEVEL) / 2, rate * trials
    low = float(beta.ppf(tail, successes, trials - successes + 1)) if successes > 0 else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, trials - successes)) if successes < trials else 1.0
    return low, high


class SubjectBootstrap:
    """Resamples of the subjects of a set of images, and figures computed on all of them at once.

    Parameters
    ----------
    subjects : (n,) subject of each image, strings or integers.
    labels : (n,) +1 male, -1 female. A subject with images of both labels is drawn among those of its majority.
    resamples : number B of resamples.
    seed : of the draws. The same images in another order give the same figures.

    Raises
    ------
    BadInputError
        ``too-few-subjects`` if a gender has fewer than two subjects; ``bad-shape``, ``bad-label`` if the arrays do not
        fit each other or a label is none of the two; ``out-of-range`` for fewer than two resamples.

    Notes
    -----
    Values are ``(n,)``, or ``(R, n)`` for R random draws of the same release. NaN = not measured: such an image is
    left out, numerator and denominator alike. A figure that is linear in the images' values is computed on their mean
    over the draws; an AUC is the mean of the draws' AUCs.
    """

    def __init__(self, subjects: ArrayLike, labels: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0) -> None:
        names = np.asarray(subjects)
        if names.ndim != 1:
            raise BadInputError(
                f"Expected one subject for each image, got an array of shape {names.shape}; flatten it first.",
                code="bad-shape",
            )
        self.labels = as_labels(labels, names.size)
        if np.any(self.labels == 0):
            raise BadInputError(
                f"Expected labels +1 (male) or -1 (female), got {int(np.sum(self.labels == 0))} images without one; "
                "leave them out.",
                code="bad-label",
            )
        if resamples < 2:
            raise BadInputError(f"Expected at least 2 resamples, got {resamples}.", code="out-of-range")
        self.names, self.subject = np.unique(names, return_inverse=True)
        """``(S,)`` the subjects, sorted, and ``(n,)`` which of them each image shows."""
        votes = np.bincount(self.subject, weights=self.labels, minlength=self.names.size)
        self.gender = np.where(votes >= 0, MALE, FEMALE)
        """``(S,)`` +1, -1: the gender among whose subjects each one is drawn."""
        for name, label in GENDERS.items():
            found = int(np.sum(self.gender == label))
            if found < 2:
                raise BadInputError(
                    f"Expected at least 2 {name} subjects, got {found}; nothing can be said of subjects in general "
                    "from so few: add subjects.",
                    code="too-few-subjects",
                )
        self.resamples = resamples
        self.seed = seed
        self._permuted: dict[int, NDArray[np.float64]] = {}

    @property
    def images(self) -> int:
        """Number of images n."""
        return int(self.subject.size)

    def count(self, group: Group = "all") -> int:
        """Count the subjects, of both genders or of one."""
        return self.names.size if group == "all" else int(np.sum(self.gender == GENDERS[group]))

    @cached_property
    def counts(self) -> NDArray[np.uint16]:
        """``(S, B)`` how often each subject was drawn in each resample; drawn when first asked for."""
        return draw_counts(self.gender, self.resamples, self.seed)

    def permuted_labels(self, permutations: int) -> NDArray[np.float64]:
        """Shuffle the genders among the subjects: ``(S, permutations)`` of +1, -1, the same for every call."""
        if permutations not in self._permuted:
            random = np.random.default_rng(np.random.SeedSequence([self.seed, 1]))
            columns = np.repeat(self.gender[:, None].astype(np.float64), permutations, axis=1)
            self._permuted[permutations] = random.permuted(columns, axis=0)
        return self._permuted[permutations]

    def per_subject(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum ``(n,)`` values of images over each subject: ``(S,)``."""
        return np.bincount(self.subject, weights=values, minlength=self.names.size).astype(np.float64)

    def as_draws(self, values: ArrayLike) -> NDArray[np.float64]:
        """Take ``(n,)`` or ``(R, n)`` values of images as ``(R, n)``.

        Raises
        ------
        BadInputError
            If the shape is another.
        """
        array = np.asarray(values, dtype=np.float64)
        if array.ndim not in (1, 2) or array.shape[-1] != self.images or not array.size:
            raise BadInputError(
                f"Expected one value for each of {self.images} images, shape ({self.images},) or (draws, "
                f"{self.images}), got shape {array.shape}; give values, subjects and labels in the same order.",
                code="bad-shape",
            )
        return np.atleast_2d(array)

    def mean(self, values: ArrayLike, group: Group = "all", *, scale: Scale = "rate") -> Estimate:
        """Estimate the mean over all images or over those of one gender.

        Parameters
        ----------
        values : (n,) or (R, n) of images; NaN = not measured.
        group : whose images.
        scale : what kind of number it is; a ``rate`` must lie within 0..1.

        Raises
        ------
        BadInputError
            If the shape does not fit, or a rate lies outside 0..1.
        """
        x, known = self._measured(values, scale)
        mine = self._of(group)
        return self._ratio(np.where(mine, x, 0.0), (mine & known).astype(np.float64), scale)

    def ratio(
        self, numerator: ArrayLike, denominator: ArrayLike, group: Group = "all", *, scale: Scale = "rate"
    ) -> Estimate:
        """Estimate the ratio of two sums over images, ``sum(numerator) / sum(denominator)``.

        Parameters
        ----------
        numerator, denominator : (n,) or (R, n) of images; an image with NaN in either is left out of both.
        group, scale : as in `mean`.

        Raises
        ------
        BadInputError
            If a shape does not fit.
        """
        above, known = self._measured(numerator, "real")
        below, known_too = self._measured(denominator, "real")
        mine = self._of(group) & known & known_too
        return self._ratio(np.where(mine, above, 0.0), np.where(mine, below, 0.0), scale)

    def balanced_mean(self, values: ArrayLike, *, scale: Scale = "rate") -> Estimate:
        """Estimate the mean of the two genders' means, so that each gender weighs one half.

        Parameters and errors are those of `mean`.
        """
        male, female = (self.mean(values, group, scale=scale) for group in GENDERS)
        unvarying = None
        if scale == "rate" and {male.value, female.value} <= {0.0, 1.0}:
            parts = male.interval(), female.interval()
            value, low, high = (
                float(np.mean([getattr(part, end) for part in parts])) for end in ("value", "low", "high")
            )
            unvarying = Interval(value=value, low=low, high=high, unseen=True)
        return Estimate(
            (male.value + female.value) / 2,
            (male.replicates + female.replicates) / 2,
            scale,
            (male.influence + female.influence) / 2,
            self.gender,
            # An error of a gender weighs one half, so that the smaller gender limits what was not seen.
            2 * min(male.independent, female.independent),
            unvarying,
            trials=2 * min(male.effective, female.effective),
        )

    def auc(self, scores: ArrayLike) -> Estimate:
        """Estimate the chance that a male image's score exceeds a female image's, ties counting half.

        In a resample a pair of images weighs the product of its subjects' counts.

        Parameters
        ----------
        scores : (n,) or (R, n), higher = more male; NaN = not measured. Infinite scores are fine.

        Raises
        ------
        BadInputError
            If the shape does not fit.
        """
        draws = self.as_draws(scores)
        value = float(np.mean([self._auc_of(draw) for draw in draws]))
        replicates = np.mean([self._auc_replicates(draw) for draw in draws], axis=0)
        influence = np.mean([self._auc_influence(draw, value) for draw in draws], axis=0)
        pairs = min(self.count("male"), self.count("female"))  # of a man and a woman, no one in two of them
        images = np.bincount(self.subject, minlength=self.names.size).astype(np.float64)
        trials = min(effective_number(images[self.gender == label]) for label in GENDERS.values())
        return Estimate(value, replicates, "rate", influence, self.gender, pairs, trials=trials)

    def auc_value(self, scores: ArrayLike) -> float:
        """Compute the AUC without resamples; parameters and errors are those of `auc`."""
        return float(np.mean([self._auc_of(draw) for draw in self.as_draws(scores)]))

    def mean_value(self, values: ArrayLike, group: Group = "all") -> float:
        """Compute a mean without resamples; NaN where nothing was measured. Parameters are those of `mean`."""
        x, known = self._measured(values, "real")
        mine = self._of(group) & known
        return float(x[mine].mean()) if mine.any() else float("nan")

    # ------------------------------------------------------------------------------------------------------------

    def _measured(self, values: ArrayLike, scale: Scale) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Average over draws: ``(n,)`` values, 0 where there is none, and ``(n,)`` whether there is one."""
        draws = self.as_draws(values)
        there = ~np.isnan(draws)
        if scale == "rate" and np.any(there & ((draws < 0) | (draws > 1))):
            raise BadInputError(
                "Expected rates from 0 to 1, got a value outside; divide percentages by 100.", code="out-of-range"
            )
        number = there.sum(axis=0)
        total = np.where(there, draws, 0.0).sum(axis=0)
        return np.divide(total, number, out=np.zeros_like(total), where=number > 0), number > 0

    def _of(self, group: Group) -> NDArray[np.bool_]:
        return np.ones(self.images, dtype=bool) if group == "all" else self.labels == GENDERS[group]

    def _ratio(self, numerator: NDArray[np.float64], denominator: NDArray[np.float64], scale: Scale) -> Estimate:
        above, below = self.per_subject(numerator), self.per_subject(denominator)
        sums = weighted_sums(self.counts, np.stack([above, below], axis=1))
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(np.divide(above.sum(), below.sum()))
            replicates = sums[:, 0] / sums[:, 1]
            influence = (above - value * below) / below.sum()
        return Estimate(value, replicates, scale, influence, self.gender, int(np.sum(below != 0)), weights=below)

    def _sorted(
        self, scores: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], bool]:
        known = ~np.isnan(scores)
        male, female = (np.flatnonzero(known & (self.labels == label)) for label in (MALE, FEMALE))
        swapped = male.size < female.size
        # The larger side is summed up once, the smaller one looks up in it.
        many, few = (female, male) if swapped else (male, female)
        many = many[np.argsort(scores[many], kind="stable")]
        few = few[np.argsort(scores[few], kind="stable")]
        left = np.searchsorted(scores[many], scores[few], side="left")
        right = np.searchsorted(scores[many], scores[few], side="right")
        return many, few, left, right, swapped

    def _auc_of(self, scores: NDArray[np.float64]) -> float:
        many, few, left, right, swapped = self._sorted(scores)
        if not few.size:
            return float("nan")
        below = int(left.sum() + right.sum()) / (2 * many.size * few.size)
        return below if swapped else 1 - below

    def _auc_influence(self, scores: NDArray[np.float64], auc: float) -> NDArray[np.float64]:
        known = ~np.isnan(scores)
        sides = [known & (self.labels == label) for label in (MALE, FEMALE)]
        total = np.zeros(self.names.size)
        for mine, others, male in ((sides[0], sides[1], True), (sides[1], sides[0], False)):
            if not mine.any() or not others.any():
                return np.full(self.names.size, np.nan)
            ordered = np.sort(scores[others])
            below = np.searchsorted(ordered, scores[mine], "left") + np.searchsorted(ordered, scores[mine], "right")
            won = below / (2 * ordered.size)
            surplus = (won if male else 1 - won) - auc
            total += np.bincount(self.subject[mine], weights=surplus, minlength=total.size) / won.size
        return total

    def _auc_replicates(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        many, few, left, right, swapped = self._sorted(scores)
        found = np.full(self.resamples, np.nan)
        if not few.size:
            return found
        for start in range(0, self.resamples, _BLOCK):
            counts = self.counts[:, start : start + _BLOCK]
            upto = np.zeros((many.size + 1, counts.shape[1]), dtype=np.float64)
            np.cumsum(counts[self.subject[many]], axis=0, out=upto[1:])
            weights = counts[self.subject[few]].astype(np.float64)
            below = np.einsum("ib,ib->b", weights, upto[left] + upto[right]) / 2
            with np.errstate(divide="ignore", invalid="ignore"):
                share = below / (weights.sum(axis=0) * upto[-1])
            found[start : start + _BLOCK] = share if swapped else 1 - share
        return found


def draw_counts(strata: NDArray[Any], resamples: int, seed: int) -> NDArray[np.uint16]:
    """Draw subjects with replacement within each stratum, one fewer than it has.

    Parameters
    ----------
    strata : (S,) stratum of each subject; a stratum of one subject is always drawn once.
    resamples, seed : number of resamples B, and the seed of the draws.

    Returns
    -------
    ``(S, B)`` how often each subject was drawn in each resample.
    """
    random = np.random.default_rng(np.random.SeedSequence([seed, 0]))
    counts = np.ones((strata.size, resamples), dtype=np.uint16)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        if members.size < 2:
            continue
        for start in range(0, resamples, _BLOCK):
            width = min(_BLOCK, resamples - start)
            drawn = random.integers(0, members.size, size=(members.size - 1, width), dtype=np.int64)
            drawn *= width
            drawn += np.arange(width)
            block = np.bincount(drawn.ravel(), minlength=members.size * width).reshape(members.size, width)
            counts[members, start : start + width] = block
    return counts


def weighted_sums(counts: NDArray[np.uint16], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum ``(S, k)`` values of subjects over each resample of ``(S, B)`` counts: ``(B, k)``."""
    blocks = [
        counts[:, start : start + _BLOCK].T.astype(np.float64) @ values for start in range(0, counts.shape[1], _BLOCK)
    ]
    return np.concatenate(blocks)
