"""Bootstrap over the subjects of a set of images: means and AUC with their estimates."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facepriv.errors import BadInputError
from facepriv.metrics.checks import as_labels
from facepriv.metrics.estimates import Estimate, Scale, effective_number
from facepriv.metrics.resampling import BLOCK, RESAMPLES, draw_counts, weighted_sums
from facepriv.schemas.figures import Group, Interval
from facepriv.types import FEMALE, GENDERS, MALE, Flags, Floats64


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
        self.subjects, self.subject_index = np.unique(names, return_inverse=True)
        """``(S,)`` the subjects, sorted, and ``(n,)`` which of them each image shows."""
        votes = np.bincount(self.subject_index, weights=self.labels, minlength=self.subjects.size)
        self.genders = np.where(votes >= 0, MALE, FEMALE)
        """``(S,)`` +1, -1: the gender among whose subjects each one is drawn."""
        for name, label in GENDERS.items():
            count = int(np.sum(self.genders == label))
            if count < 2:
                raise BadInputError(
                    f"Expected at least 2 {name} subjects, got {count}; nothing can be said of subjects in general "
                    "from so few: add subjects.",
                    code="too-few-subjects",
                )
        self.resamples = resamples
        self.seed = seed
        self._permuted: dict[int, Floats64] = {}

    @property
    def images(self) -> int:
        """Number of images n."""
        return int(self.subject_index.size)

    def subject_count(self, group: Group = "all") -> int:
        """Return the number of subjects of both genders or of one."""
        return self.subjects.size if group == "all" else int(np.sum(self.genders == GENDERS[group]))

    @cached_property
    def counts(self) -> NDArray[np.uint16]:
        """``(S, B)`` how often each subject was drawn in each resample."""
        return draw_counts(self.genders, self.resamples, self.seed)

    def permuted_labels(self, permutations: int) -> Floats64:
        """Return genders shuffled among the subjects: ``(S, permutations)`` of +1, -1, the same for every call."""
        if permutations not in self._permuted:
            random = np.random.default_rng(np.random.SeedSequence([self.seed, 1]))
            columns = np.repeat(self.genders[:, None].astype(np.float64), permutations, axis=1)
            self._permuted[permutations] = random.permuted(columns, axis=0)
        return self._permuted[permutations]

    def sum_by_subject(self, values: Floats64) -> Floats64:
        """Return the sums ``(S,)`` of ``(n,)`` values of images over each subject."""
        return np.bincount(self.subject_index, weights=values, minlength=self.subjects.size).astype(np.float64)

    def stack_draws(self, values: ArrayLike) -> Floats64:
        """Return ``(n,)`` or ``(R, n)`` values of images as ``(R, n)``.

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
        x, measured = self._mean_over_draws(values, scale)
        members = self._is_in(group)
        return self._ratio(np.where(members, x, 0.0), (members & measured).astype(np.float64), scale)

    def balanced_mean(self, values: ArrayLike, *, scale: Scale = "rate") -> Estimate:
        """Estimate the mean of the two genders' means, so that each gender weighs one half.

        Parameters and errors are those of `mean`.
        """
        male, female = (self.mean(values, group, scale=scale) for group in GENDERS)
        constant_interval = None
        if scale == "rate" and {male.value, female.value} <= {0.0, 1.0}:
            intervals = male.interval(), female.interval()
            value, low, high = (
                float(np.mean([getattr(interval, end) for interval in intervals])) for end in ("value", "low", "high")
            )
            constant_interval = Interval(value=value, low=low, high=high, unseen=True)
        value = (male.value + female.value) / 2
        # The variances of the two means add up; a gender's variance is that of its rate in so many trials.
        # A real mean of exactly 0 or 1 has no such variance, however much its values differ.
        squares = sum(e.value * (1 - e.value) / e.most_trials for e in (male, female) if e.most_trials != 0) / 4
        return Estimate(
            value,
            (male.replicates + female.replicates) / 2,
            scale,
            (male.influence + female.influence) / 2,
            self.genders,
            # An error of a gender weighs one half, so the smaller gender sets the limit of the rule of three.
            2 * min(male.independent_trials, female.independent_trials),
            constant_interval,
            least_trials=2 * min(male.least_trials, female.least_trials),
            most_trials=value * (1 - value) / squares if squares > 0 else np.inf,
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
        draws = self.stack_draws(scores)
        value = float(np.mean([self._auc_of(draw) for draw in draws]))
        replicates = np.mean([self._auc_replicates(draw) for draw in draws], axis=0)
        influence = np.mean([self._auc_influence(draw, value) for draw in draws], axis=0)
        # Pairs of a man and a woman, nobody in two of them.
        pairs = min(self.subject_count(group) for group in GENDERS)
        images = np.bincount(self.subject_index, minlength=self.subjects.size).astype(np.float64)
        trials = min(effective_number(images[self.genders == label]) for label in GENDERS.values())
        estimate = Estimate(value, replicates, "rate", influence, self.genders, pairs, least_trials=trials)
        if not estimate.standard_error > 0:
            return estimate
        # A pair weighs the product of two counts, so resamples vary more than the AUC of other people does. The
        # contributions of subjects do not (DeLong et al. 1988, Biometrics 44:837).
        variance = 0.0
        for label in GENDERS.values():
            members = influence[self.genders == label]
            variance += float((members**2).sum()) * members.size / (members.size - 1)
        return replace(estimate, error_factor=min(float(np.sqrt(variance)) / estimate.standard_error, 1.0))

    def auc_value(self, scores: ArrayLike) -> float:
        """Compute the AUC without resamples; parameters and errors are those of `auc`."""
        return float(np.mean([self._auc_of(draw) for draw in self.stack_draws(scores)]))

    def mean_value(self, values: ArrayLike, group: Group = "all") -> float:
        """Compute a mean without resamples; NaN where nothing was measured. Parameters are those of `mean`."""
        x, measured = self._mean_over_draws(values, "real")
        members = self._is_in(group) & measured
        return float(x[members].mean()) if members.any() else float("nan")

    # ------------------------------------------------------------------------------------------------------------

    def _mean_over_draws(self, values: ArrayLike, scale: Scale) -> tuple[Floats64, Flags]:
        """Return the means ``(n,)`` over draws, 0 where nothing was measured, and ``(n,)`` whether something was."""
        draws = self.stack_draws(values)
        measured = ~np.isnan(draws)
        if scale == "rate" and np.any(measured & ((draws < 0) | (draws > 1))):
            raise BadInputError(
                "Expected rates from 0 to 1, got a value outside; divide percentages by 100.", code="out-of-range"
            )
        number = measured.sum(axis=0)
        total = np.where(measured, draws, 0.0).sum(axis=0)
        return np.divide(total, number, out=np.zeros_like(total), where=number > 0), number > 0

    def _is_in(self, group: Group) -> Flags:
        return np.ones(self.images, dtype=bool) if group == "all" else self.labels == GENDERS[group]

    def _ratio(self, numerator: Floats64, denominator: Floats64, scale: Scale) -> Estimate:
        above, below = self.sum_by_subject(numerator), self.sum_by_subject(denominator)
        sums = weighted_sums(self.counts, np.stack([above, below], axis=1))
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(np.divide(above.sum(), below.sum()))
            replicates = sums[:, 0] / sums[:, 1]
            influence = (above - value * below) / below.sum()
        subjects, least_trials = int(np.sum(below != 0)), effective_number(below)
        squares = float((((numerator - value * denominator) / below.sum()) ** 2).sum()) if subjects else 0.0
        most_trials = value * (1 - value) / squares if squares > 0 else np.inf
        return Estimate(
            value,
            replicates,
            scale,
            influence,
            self.genders,
            subjects,
            least_trials=least_trials,
            most_trials=most_trials,
        )

    def _sorted(
        self, scores: Floats64
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], bool]:
        measured = ~np.isnan(scores)
        male, female = (np.flatnonzero(measured & (self.labels == label)) for label in (MALE, FEMALE))
        swapped = male.size < female.size
        # The larger group is summed up once, and the smaller one looks up in it.
        many, few = (female, male) if swapped else (male, female)
        many = many[np.argsort(scores[many], kind="stable")]
        few = few[np.argsort(scores[few], kind="stable")]
        left = np.searchsorted(scores[many], scores[few], side="left")
        right = np.searchsorted(scores[many], scores[few], side="right")
        return many, few, left, right, swapped

    def _auc_of(self, scores: Floats64) -> float:
        many, few, left, right, swapped = self._sorted(scores)
        if not few.size:
            return float("nan")
        below = int(left.sum() + right.sum()) / (2 * many.size * few.size)
        return below if swapped else 1 - below

    def _auc_influence(self, scores: Floats64, auc: float) -> Floats64:
        measured = ~np.isnan(scores)
        groups = [measured & (self.labels == label) for label in (MALE, FEMALE)]
        total = np.zeros(self.subjects.size)
        for members, others, male in ((groups[0], groups[1], True), (groups[1], groups[0], False)):
            if not members.any() or not others.any():
                return np.full(self.subjects.size, np.nan)
            ordered = np.sort(scores[others])
            below = np.searchsorted(ordered, scores[members], "left") + np.searchsorted(
                ordered, scores[members], "right"
            )
            won = below / (2 * ordered.size)
            surplus = (won if male else 1 - won) - auc
            total += np.bincount(self.subject_index[members], weights=surplus, minlength=total.size) / won.size
        return total

    def _auc_replicates(self, scores: Floats64) -> Floats64:
        many, few, left, right, swapped = self._sorted(scores)
        replicates = np.full(self.resamples, np.nan)
        if not few.size:
            return replicates
        for start in range(0, self.resamples, BLOCK):
            counts = self.counts[:, start : start + BLOCK]
            upto = np.zeros((many.size + 1, counts.shape[1]), dtype=np.float64)
            np.cumsum(counts[self.subject_index[many]], axis=0, out=upto[1:])
            weights = counts[self.subject_index[few]].astype(np.float64)
            below = np.einsum("ib,ib->b", weights, upto[left] + upto[right]) / 2
            with np.errstate(divide="ignore", invalid="ignore"):
                area = below / (weights.sum(axis=0) * upto[-1])
            replicates[start : start + BLOCK] = area if swapped else 1 - area
        return replicates
