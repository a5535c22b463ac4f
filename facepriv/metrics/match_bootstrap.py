"""Bootstrap over the subjects behind a list of comparisons: a matcher's error rates with their estimates.

Subjects are resampled (`facepriv.metrics.resampling`), and their comparisons follow: a mated comparison counts as often
as its subject was drawn, a non-mated one as often as the product of its two subjects' counts, for it is there whenever
both are (Owen and Eckles 2012, Annals of Applied Statistics 6:895; ISO/IEC 19795-1:2006, annex B, on comparisons that
are not independent). Before and after a perturbation are computed on the same resamples, so that their difference is a
paired one (`Estimate.minus`).

Where no error was seen, the rule of three counts independent trials, of which there are far fewer than comparisons:
for mated ones the number of subjects, for non-mated ones that of disjoint pairs of subjects, half the subjects rounded
down, since two pairs that share a subject go wrong together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facepriv.errors import BadInputError
from facepriv.metrics.estimates import Estimate
from facepriv.metrics.matching import operating_point
from facepriv.metrics.pair_counts import PairCounts
from facepriv.metrics.resampling import RESAMPLES, draw_counts, weighted_sums
from facepriv.types import Flags, Floats64, Integers

_CELLS = 4_000_000  # comparisons times resamples held at a time: 32 MB of float64


class MatchBootstrap:
    """Resamples of the subjects behind a list of comparisons, and error rates on all of them at once.

    Parameters
    ----------
    mated : (m,) subject of each mated comparison, strings or integers.
    first, second : (n,), (n,) the two subjects of each non-mated comparison, in either order.
    resamples, seed : number B of resamples, and the seed of the draws.

    Raises
    ------
    BadInputError
        ``bad-shape`` if the arrays do not fit; ``not-non-mated`` if a non-mated comparison has one subject twice;
        ``too-few-subjects`` for fewer than two subjects; ``out-of-range`` for fewer than two resamples.

    Notes
    -----
    Scores are given in the order of the comparisons; NaN = not compared (failure to acquire), left out. Different
    scores of the same comparisons, say before and after, thus share resamples.
    """

    def __init__(
        self, mated: ArrayLike, first: ArrayLike, second: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0
    ) -> None:
        parts = [np.asarray(part) for part in (mated, first, second)]
        if any(part.ndim != 1 for part in parts) or parts[1].size != parts[2].size:
            raise BadInputError(
                "Expected one subject for each mated and two for each non-mated comparison, got shapes "
                f"{', '.join(str(part.shape) for part in parts)}; give them in the same order.",
                code="bad-shape",
            )
        if resamples < 2:
            raise BadInputError(f"Expected at least 2 resamples, got {resamples}.", code="out-of-range")
        # An empty list has no type of its own, and would make numbers of names or names of numbers.
        filled = [part for part in parts if part.size] or parts
        self.subjects, codes = np.unique(np.concatenate(filled), return_inverse=True)
        """``(S,)`` the subjects, sorted."""
        if self.subjects.size < 2:
            raise BadInputError(
                f"Expected comparisons of at least 2 subjects, got {self.subjects.size}; nothing can be said of "
                "subjects in general from so few: add subjects.",
                code="too-few-subjects",
            )
        ends = np.cumsum([part.size for part in parts])
        self._mated, first_codes, second_codes = np.split(codes.astype(np.int64), ends[:2])
        self._non_mated = np.stack([first_codes, second_codes])
        same = int(np.sum(first_codes == second_codes))
        if same:
            raise BadInputError(
                f"Expected non-mated comparisons of two subjects, got {same} of a subject with itself; "
                "give these as mated.",
                code="not-non-mated",
            )
        self.resamples = resamples
        self.seed = seed
        self._strata = np.zeros(self.subjects.size, dtype=np.int64)

    @cached_property
    def counts(self) -> NDArray[np.uint16]:
        """``(S, B)`` how often each subject was drawn in each resample."""
        return draw_counts(self._strata, self.resamples, self.seed)

    def fnmr_at_fmr(self, mated: ArrayLike, non_mated: ArrayLike, target: float) -> Estimate:
        """Estimate the lowest FNMR at which FMR is at most ``target``, with the threshold of each resample.

        Parameters
        ----------
        mated, non_mated : (m,), (n,) similarity scores; NaN = not compared.
        target : FMR as a fraction, 0 < target <= 1; FMR100 is 0.01, FMR1000 is 0.001.

        Returns
        -------
        The figure is that of `facepriv.metrics.matching.operating_point`; NaN if either kind has no scores, or there
        are fewer than ``3 / target`` non-mated ones, which do not support it.

        Raises
        ------
        BadInputError
            If the shapes do not fit or the target is out of range.
        """
        same, subject = self._compared(mated, self._mated, "mated")
        other, (first, second) = self._compared(non_mated, self._non_mated, "non-mated")
        point = operating_point(same, other, target)
        if point.fnmr is None or point.threshold is None or not point.supported:
            nothing = np.full(self.resamples, np.nan)
            return Estimate(float("nan"), nothing, "rate", np.zeros(self.subjects.size), self._strata, 0)
        limits = self._rejected_up_to(other, first, second, target)
        replicates = self._rejected(same, subject, limits)
        comparisons = self._per_subject(subject)
        influence = (self._per_subject(subject, same < point.threshold) - point.fnmr * comparisons) / same.size
        fmr = self._accepted(other >= point.threshold, first, second)
        slope = self._slope(replicates, influence, fmr)
        # Through the threshold FNMR inherits the surplus variance of FMR, which is removed in the same way.
        free = replicates - slope * (1 - fmr.factor) * (fmr.replicates - fmr.value)
        deviation, deviation_free = (float(np.nanstd(x)) if np.isfinite(x).any() else 0.0 for x in (replicates, free))
        influence = influence + slope * fmr.influence
        return Estimate(
            point.fnmr,
            replicates,
            "rate",
            influence,
            self._strata,
            int(np.sum(comparisons > 0)),
            error_factor=deviation_free / deviation if deviation > 0 else 1.0,
        )

    # ------------------------------------------------------------------------------------------------------------

    def _compared(self, scores: ArrayLike, subjects: Integers, what: str) -> tuple[Floats64, Integers]:
        """Return the scores of the comparisons that were made, and the subjects ``(..., n)`` of these."""
        array = np.asarray(scores, dtype=np.float64)
        if array.shape != subjects.shape[-1:]:
            raise BadInputError(
                f"Expected {subjects.shape[-1]} {what} scores, one for each comparison, got shape {array.shape}; "
                "give NaN where there was none.",
                code="bad-shape",
            )
        compared = ~np.isnan(array)
        return array[compared], subjects[..., compared]

    def _per_subject(self, subject: Integers, values: ArrayLike | None = None) -> Floats64:
        weights = None if values is None else np.asarray(values, dtype=np.float64)
        return np.bincount(subject, weights=weights, minlength=self.subjects.size).astype(np.float64)

    def _blocks(self, rows: int) -> Iterator[tuple[slice, Floats64]]:
        """Yield some resamples at a time, so few that ``rows`` comparisons of each fit in memory."""
        width = max(min(256, _CELLS // max(rows, 1)), 1)
        for start in range(0, self.resamples, width):
            block = slice(start, min(start + width, self.resamples))
            yield block, self.counts[:, block].astype(np.float64)

    def _rejected_up_to(self, other: Floats64, first: Integers, second: Integers, target: float) -> Floats64:
        """Return, for each resample, the greatest score at which more than ``target`` of its non-mated ones match.

        ``(B,)``; scores up to it must be rejected. -inf where all may be accepted, NaN where a resample has no
        non-mated comparison. Only the greatest scores are sorted and weighed, as many as the resamples need.
        """
        total = PairCounts(first, second, self.subjects.size).weights(self.counts)
        limits = np.full(self.resamples, np.nan)
        pending = total > 0
        size = min(other.size, int(3 * target * other.size) + 200)
        while pending.any():
            tail = np.arange(other.size)
            if size < other.size:
                cut = np.partition(other, other.size - size)[other.size - size]
                tail = np.flatnonzero(other >= cut)  # all scores equal to the last one too
            tail = tail[np.argsort(-other[tail], kind="stable")]
            scores = other[tail]
            ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
            for block, counts in self._blocks(tail.size):
                if not pending[block].any():
                    continue
                weight = np.cumsum(counts[first[tail]] * counts[second[tail]], axis=0)[ends]
                with np.errstate(divide="ignore", invalid="ignore"):
                    over = weight / total[block] > target
                reached = over.any(axis=0)
                greatest = np.where(reached, scores[ends][over.argmax(axis=0)], -np.inf)
                final = pending[block] & (reached | (tail.size == other.size))
                limits[block] = np.where(final, greatest, limits[block])
                pending[block] &= ~final
            size = min(other.size, 4 * size)
        return limits

    def _rejected(self, same: Floats64, subject: Integers, limits: Floats64) -> Floats64:
        """Return, for each resample, the proportion of its mated scores that are not above its limit."""
        order = np.argsort(same, kind="stable")
        ordered, subject = same[order], subject[order]
        upto = np.searchsorted(ordered, limits, side="right")
        limited = ~np.isnan(limits)
        if not limited.any():
            return np.full(self.resamples, np.nan)
        low, high = int(upto[limited].min()), int(upto[limited].max())
        # Below all limits and above them only the subjects' sums matter.
        sums = weighted_sums(
            self.counts, np.stack([self._per_subject(subject[:low]), self._per_subject(subject)], axis=1)
        )
        between = np.zeros(self.resamples)
        at = np.clip(upto, low, high) - low
        for block, counts in self._blocks(high - low + 1):
            weight = np.zeros((high - low + 1, counts.shape[1]))
            np.cumsum(counts[subject[low:high]], axis=0, out=weight[1:])
            between[block] = weight[at[block], np.arange(counts.shape[1])]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(limited, (sums[:, 0] + between) / sums[:, 1], np.nan)

    def _accepted(self, accepted: Flags, first: Integers, second: Integers) -> _Accepted:
        pairs = PairCounts(first, second, self.subjects.size)
        wrong = PairCounts(first[accepted], second[accepted], self.subjects.size)
        value = float(accepted.sum() / accepted.size)
        with np.errstate(divide="ignore", invalid="ignore"):
            replicates = wrong.weights(self.counts) / pairs.weights(self.counts)
        surplus = (wrong.table - value * pairs.table) / accepted.size
        influence = np.asarray(surplus.sum(axis=1), dtype=np.float64).ravel()
        squares = float(surplus.multiply(surplus).sum()) / 2  # the table holds each pair twice
        of_pairs = max(squares - float(influence @ influence) / max(pairs.subjects - 2, 1), 0.0)
        usable = replicates[np.isfinite(replicates)]
        variance = float(usable.var(ddof=1)) if usable.size > 1 else 0.0
        # The jackknife's factor for a statistic of pairs (Arvesen 1969, Annals of Mathematical Statistics 40:2076): a
        # subject's surplus is measured against the few others there are.
        few = (pairs.subjects - 1) / max(pairs.subjects - 2, 1)
        factor = few * float(np.sqrt(max(variance - 2 * of_pairs, squares) / variance)) if variance > 0 else 1.0
        return _Accepted(value, replicates, factor, influence, pairs.subjects)

    def _slope(self, replicates: Floats64, influence: Floats64, fmr: _Accepted) -> float:
        """Return the regression on FMR at a fixed threshold of what mated comparisons do not explain of FNMR."""
        explained = weighted_sums(self.counts, influence[:, None])[:, 0]
        finite = np.isfinite(replicates) & np.isfinite(fmr.replicates)
        rest, cause = (replicates - explained)[finite], fmr.replicates[finite]
        cause = cause - cause.mean() if cause.size else cause
        spread = float(cause @ cause)
        return float(cause @ rest) / spread if spread > 0 else 0.0


@dataclass(frozen=True, eq=False)
class _Accepted:
    """FMR at a fixed threshold, with the correction of its replicates' standard deviation."""

    value: float
    replicates: Floats64
    factor: float
    influence: Floats64
    subjects: int
