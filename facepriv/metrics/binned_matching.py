"""Error rates of a face matcher from more non-mated scores than are kept.

Mated scores are all kept, and so are the greatest non-mated ones, among which every operating point lies; the other
non-mated scores are counted in bins. What follows is exact where it rests on kept scores or on counts at the edges of
bins, and says how far it may be off where it does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepriv.metrics.matching import (
    FMR_TARGETS,
    Det,
    curve_eer,
    curve_operating_point,
    equal_error_at,
    thin_curve,
)
from facepriv.results import Histogram, Matching

Scores = NDArray[np.float32]


def scores_to_keep(non_mated: int) -> int:
    """Say how many of the greatest of so many non-mated scores hold all operating points, and one score more."""
    return min(non_mated, int(max(FMR_TARGETS) * non_mated) + 2)


@dataclass(frozen=True, eq=False)
class BinnedScores:
    """Scores of one phase of a matcher; all are finite, higher = more similar."""

    mated: Scores
    """``(m,)`` sorted."""
    edges: Scores
    """``(b - 1,)`` least score of every bin but the first, increasing; the first and the last bin have no end."""
    counts: NDArray[np.int64]
    """``(b,)`` non-mated scores in each bin, the kept ones too."""
    greatest: Scores
    """``(k,)`` the greatest non-mated scores, sorted; at least `scores_to_keep`."""
    lowest: float
    """No non-mated score is lower."""

    @property
    def non_mated(self) -> int:
        """Number of non-mated scores."""
        return int(self.counts.sum())

    @property
    def kept_above(self) -> float:
        """All non-mated scores above this one are kept; -inf where all are kept."""
        return float(self.greatest[0]) if self.greatest.size < self.non_mated else -np.inf

    @property
    def not_kept(self) -> NDArray[np.int64]:
        """``(b,)`` non-mated scores in each bin that are not kept; none in a bin that begins above `kept_above`."""
        kept = np.bincount(self.bin_of(self.greatest), minlength=self.counts.size)
        return self.counts - kept

    def bin_of(self, scores: Scores) -> NDArray[np.int64]:
        """Give the bin of each of ``(n,)`` scores."""
        return np.searchsorted(self.edges, scores, side="right")


def binned_det(scores: BinnedScores) -> Det | None:
    """Trace the DET curve through the exact points that are known.

    They are every distinct score above `BinnedScores.kept_above` as a threshold, and below it the edges of the bins
    and one threshold that accepts everything. None if there are no mated or no non-mated scores.
    """
    if not scores.mated.size or not scores.non_mated:
        return None
    top = np.unique(np.concatenate([scores.mated, scores.greatest]))
    top = top[top > scores.kept_above]
    threshold = np.append(top, np.nextafter(max(scores.mated[-1], scores.greatest[-1]), np.float32(np.inf)))
    if np.isfinite(scores.kept_above):
        lowest = np.float32(min(scores.lowest, scores.mated[0]))
        known = scores.edges[(scores.edges > lowest) & (scores.edges <= scores.kept_above)]
        threshold = np.concatenate([[lowest], known, threshold]).astype(np.float32)
    in_top = threshold > scores.kept_above
    accepted = np.empty(threshold.size, dtype=np.int64)
    accepted[in_top] = scores.greatest.size - np.searchsorted(scores.greatest, threshold[in_top], side="left")
    from_bin = np.cumsum(scores.counts[::-1])[::-1]
    accepted[~in_top] = from_bin[scores.bin_of(threshold[~in_top])]
    if not in_top[0]:
        accepted[0] = scores.non_mated
    rejected = np.searchsorted(scores.mated, threshold, side="left")
    return Det(threshold, accepted / scores.non_mated, rejected / scores.mated.size)


def binned_auc(scores: BinnedScores) -> tuple[float, float] | None:
    """Give the area under the ROC curve and how far it may be off; None as in `binned_det`.

    It is the Mann-Whitney statistic of `facepriv.metrics.matching.auc`, where a mated score and a non-mated one that is
    not kept count half if they share a bin: off by at most half for each such pair.
    """
    mated, non_mated = scores.mated, scores.non_mated
    if not mated.size or not non_mated:
        return None
    below = np.searchsorted(scores.greatest, mated, side="left").sum(dtype=np.int64)
    not_above = np.searchsorted(scores.greatest, mated, side="right").sum(dtype=np.int64)
    others = scores.not_kept
    low = mated[mated <= scores.kept_above]
    mated_in_bin = np.bincount(scores.bin_of(low), minlength=others.size)
    shared = int(mated_in_bin @ others)
    lower = int(mated_in_bin @ (np.cumsum(others) - others)) + (mated.size - low.size) * int(others.sum())
    pairs = 2 * mated.size * non_mated
    return (int(below) + int(not_above) + 2 * lower + shared) / pairs, shared / pairs


def binned_eer(curve: Det, scores: BinnedScores) -> tuple[float, float]:
    """Give the equal error rate, interpolated as in `facepriv.metrics.matching.eer`, and how far it may be off.

    The exact curve passes through both neighbours of the crossing, and both rates are monotone in between.
    """
    right = equal_error_at(curve)
    left = right - 1
    if curve.threshold[left] > scores.kept_above:
        return curve_eer(curve), 0.0
    return curve_eer(curve), float(min(curve.fmr[left] - curve.fmr[right], curve.fnmr[right] - curve.fnmr[left]))


def binned_edges(*phases: BinnedScores, bins: int = 80) -> list[float]:
    """Give edges of about ``bins`` equal bins over all scores, so that several phases share one axis.

    Up to the last edge of the phases' own bins, which are the same in all of them, they are edges of these, and above
    it all scores are kept: counts between them are exact.
    """
    edges = phases[0].edges
    step = float(edges[-1] - edges[0]) / (edges.size - 1)
    found = [part for phase in phases for part in (phase.mated, phase.greatest) if part.size]
    highest = max((float(part[-1]) for part in found), default=float(edges[-1]))
    used = np.flatnonzero(np.sum([phase.counts for phase in phases], axis=0)[1:])
    first = int(used[0]) if used.size else 0
    least = min((float(phase.mated[0]) for phase in phases if phase.mated.size), default=float(edges[first]))
    first = min(first, int(np.clip(np.searchsorted(edges, least, side="right") - 1, 0, edges.size - 1)))
    every = max(1, int(np.ceil((highest - float(edges[first])) / step / bins)))
    shared = [float(edge) for edge in edges[first::every]]
    wide = every * step
    more = max(1, int(np.ceil((highest - shared[-1]) / wide)))
    return shared + [shared[-1] + wide * (i + 1) for i in range(more)]


def binned_histogram(scores: BinnedScores, edges: list[float]) -> Histogram:
    """Count mated and non-mated scores between ``edges`` of `binned_edges`; scores outside count in the end bins."""
    at = np.asarray(edges)

    def counts(kept: Scores) -> NDArray[np.int64]:
        return np.histogram(np.clip(kept.astype(np.float64), at[0], at[-1]), bins=at)[0].astype(np.int64)

    non_mated = counts(scores.greatest)
    starts = np.append(scores.lowest, scores.edges.astype(np.float64))
    to = np.clip(np.searchsorted(at, starts, side="right") - 1, 0, at.size - 2)
    np.add.at(non_mated, to, scores.not_kept)
    return Histogram(edges=edges, counts={"mated": counts(scores.mated).tolist(), "non_mated": non_mated.tolist()})


def binned_matching(scores: BinnedScores, failed: int, *, edges: list[float] | None = None) -> Matching:
    """Put together how a matcher fares in one phase.

    Operating points are those of `facepriv.metrics.matching.matching` to the last bit. AUC and EER may differ by
    ``auc_error`` and ``eer_error``. The curve's points are exact.

    Parameters
    ----------
    scores : of the phase.
    failed : images without a template in this phase.
    edges : of the histogram, by default `binned_edges` of this phase alone.
    """
    curve = binned_det(scores)
    area, area_error = binned_auc(scores) or (None, 0.0)
    equal, equal_error = (None, 0.0) if curve is None else binned_eer(curve, scores)
    points = [curve_operating_point(curve, scores.non_mated, target) for target in FMR_TARGETS]
    fmr100, fmr1000 = (point.fnmr if point.supported else None for point in points)
    return Matching(
        mated=scores.mated.size,
        non_mated=scores.non_mated,
        non_mated_existing=scores.non_mated,
        failed=failed,
        auc=area,
        auc_error=area_error,
        eer=equal,
        eer_error=equal_error,
        fmr100=fmr100,
        fmr1000=fmr1000,
        operating_points=points,
        curve=thin_curve(curve),
        histogram=binned_histogram(scores, edges or binned_edges(scores)),
    )
