"""Resamples of the subjects of a set of images, and figures computed on all of them at once."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facepriv.errors import BadInputError
from facepriv.metrics.checks import as_labels
from facepriv.metrics.estimates import Estimate, Scale, effective_number
from facepriv.metrics.resampling import BLOCK, RESAMPLES, draw_counts, weighted_sums
from facepriv.schemas.figures import Group, Interval
from facepriv.types import FEMALE, GENDERS, MALE


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
        for start in range(0, self.resamples, BLOCK):
            counts = self.counts[:, start : start + BLOCK]
            upto = np.zeros((many.size + 1, counts.shape[1]), dtype=np.float64)
            np.cumsum(counts[self.subject[many]], axis=0, out=upto[1:])
            weights = counts[self.subject[few]].astype(np.float64)
            below = np.einsum("ib,ib->b", weights, upto[left] + upto[right]) / 2
            with np.errstate(divide="ignore", invalid="ignore"):
                share = below / (weights.sum(axis=0) * upto[-1])
            found[start : start + BLOCK] = share if swapped else 1 - share
        return found
