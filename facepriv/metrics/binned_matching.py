"""Error rates of a face matcher from non-mated scores that are counted in bins.

All mated scores are kept, and the greatest non-mated ones, among which every operating point lies; the other non-mated
scores are counted in bins. Figures are exact where they rest on kept scores or on counts at the edges of bins;
elsewhere they come with a bound of their error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facepriv.metrics.matching import FMR_TARGETS, Det, equal_error_index, matching_of_curve
from facepriv.schemas.figures import Histogram, Matching
from facepriv.types import Integers

Scores = NDArray[np.float32]

_POINTS = 2048  # scores of either kind that become thresholds of a curve
_BLOCK = 1_000_000  # mated scores ranked at a time: their ranks take twice their own memory


def scores_to_keep(non_mated: int) -> int:
    """Return how many of the greatest of ``non_mated`` scores hold all operating points, and one score more."""
    return min(non_mated, int(max(FMR_TARGETS) * non_mated) + 2)


@dataclass(frozen=True, eq=False)
class BinnedScores:
    """Scores of one phase of a matcher; all are finite, higher = more similar."""

    mated: Scores
    """``(m,)`` sorted."""
    edges: Scores
    """``(b - 1,)`` least score of every bin but the first, increasing; the first and the last bin have no end."""
    counts: Integers
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
    def not_kept(self) -> Integers:
        """``(b,)`` non-mated scores in each bin that are not kept; none in a bin that begins above `kept_above`."""
        return self.counts - _counts(self.greatest, self.edges)

    def bin_of(self, scores: Scores) -> Integers:
        """Return the bin of each of ``(n,)`` scores."""
        return np.searchsorted(self.edges, scores, side="right")


def binned_det(scores: BinnedScores) -> Det | None:
    """Trace the DET curve through exact points.

    Above `BinnedScores.kept_above`, where thresholds are distinct scores, they are the operating points, the neighbours
    of the equal error rate, and some thousand others: all there are if they are no more. Below, thresholds are the
    edges of the bins, and one that accepts everything. None if there are no mated or no non-mated scores.
    """
    if not scores.mated.size or not scores.non_mated:
        return None
    picked = [
        _evenly_by_rank(scores.mated),
        _evenly_by_rank(scores.greatest),
        *(_neighbours(scores, target) for target in FMR_TARGETS),
    ]
    top = np.concatenate(picked)
    above_all = np.nextafter(max(scores.mated[-1], scores.greatest[-1]), np.float32(np.inf))
    threshold = np.append(top[top > scores.kept_above], above_all)
    if np.isfinite(scores.kept_above):
        lowest = np.float32(min(scores.lowest, scores.mated[0]))
        edges = scores.edges[(scores.edges > lowest) & (scores.edges <= scores.kept_above)]
        threshold = np.concatenate([[lowest], edges, threshold])
    coarse = _rates(scores, threshold)
    right = equal_error_index(coarse)
    low, high = max(coarse.threshold[right - 1], scores.kept_above), coarse.threshold[right]
    near = [part[_place(part, low, "right") : _place(part, high, "left")] for part in (scores.mated, scores.greatest)]
    return _rates(scores, np.concatenate([coarse.threshold, *near]))


def _evenly_by_rank(ordered: Scores) -> Scores:
    """Return scores evenly by rank, both ends among them; all if they are few."""
    return ordered[np.unique(np.linspace(0, ordered.size - 1, min(ordered.size, _POINTS)).round().astype(np.int64))]


def _neighbours(scores: BinnedScores, target: float) -> Scores:
    """Return the greatest score at which FMR exceeds a target, and the least one above it, where it does not."""
    allowed = int(target * scores.non_mated) + 1
    while allowed / scores.non_mated > target:
        allowed -= 1
    too_low = scores.greatest[-1 - allowed] if allowed < scores.greatest.size else -np.inf
    parts = (part[_place(part, too_low, "right") :][:1] for part in (scores.mated, scores.greatest))
    return np.concatenate([[np.float32(too_low)], *parts])


def _place(ordered: Scores, score: float, side: Literal["left", "right"]) -> int:
    return int(np.searchsorted(ordered, np.float32(score), side=side))


def _rates(scores: BinnedScores, thresholds: Scores) -> Det:
    """Count at thresholds above `BinnedScores.kept_above`, at edges of bins, and at or below every score."""
    threshold = np.unique(thresholds[np.isfinite(thresholds)].astype(np.float32))
    kept = scores.greatest.size - np.searchsorted(scores.greatest, threshold, side="left")
    from_bin = np.cumsum(scores.counts[::-1])[::-1]
    counted = np.where(threshold < scores.edges[0], scores.non_mated, from_bin[scores.bin_of(threshold)])
    accepted = np.where(threshold > scores.kept_above, kept, counted)
    rejected = np.searchsorted(scores.mated, threshold, side="left")
    return Det(threshold, accepted / scores.non_mated, rejected / scores.mated.size)


def binned_auc(scores: BinnedScores) -> tuple[float, float] | None:
    """Return the area under the ROC curve and how far it may be off; None as in `binned_det`.

    It is the Mann-Whitney statistic of `facepriv.metrics.matching.auc`, where a mated score and a non-mated one that is
    not kept count half if they share a bin: off by at most half for each such pair.
    """
    mated, non_mated = scores.mated, scores.non_mated
    if not mated.size or not non_mated:
        return None
    below, not_above = 0, 0
    for start in range(0, mated.size, _BLOCK):
        block = mated[start : start + _BLOCK]
        below += int(np.searchsorted(scores.greatest, block, side="left").sum(dtype=np.int64))
        not_above += int(np.searchsorted(scores.greatest, block, side="right").sum(dtype=np.int64))
    others = scores.not_kept
    low = mated[: _place(mated, scores.kept_above, "right")]
    mated_in_bin = np.bincount(scores.bin_of(low), minlength=others.size)
    shared = int(mated_in_bin @ others)
    lower = int(mated_in_bin @ (np.cumsum(others) - others)) + (mated.size - low.size) * int(others.sum())
    pairs = 2 * mated.size * non_mated
    return (below + not_above + 2 * lower + shared) / pairs, shared / pairs


def eer_error(curve: Det, scores: BinnedScores) -> float:
    """Return how far the equal error rate of a curve of `binned_det` may be off.

    The exact curve passes through both neighbours of the crossing, and both rates are monotone in between.
    """
    right = equal_error_index(curve)
    left = right - 1
    if curve.threshold[left] > scores.kept_above:
        return 0.0
    return float(min(curve.fmr[left] - curve.fmr[right], curve.fnmr[right] - curve.fnmr[left]))


def binned_edges(*phases: BinnedScores, bins: int = 80) -> list[float]:
    """Return edges of about ``bins`` equal bins over all scores, so that several phases share one axis.

    Up to the last edge of the phases' own bins, which are the same in all of them, they are edges of these, and above
    it all scores are kept: counts between them are exact.
    """
    edges = phases[0].edges
    step = float(edges[-1] - edges[0]) / (edges.size - 1)
    filled = [part for phase in phases for part in (phase.mated, phase.greatest) if part.size]
    highest = max((float(part[-1]) for part in filled), default=float(edges[-1]))
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
    inner = np.asarray(edges[1:-1])
    starts = np.append(-np.inf, scores.edges.astype(np.float64))
    non_mated = _counts(scores.greatest, inner)
    np.add.at(non_mated, np.searchsorted(inner, starts, side="right"), scores.not_kept)
    return Histogram(
        edges=edges, counts={"mated": _counts(scores.mated, inner).tolist(), "non_mated": non_mated.tolist()}
    )


def _counts(ordered: Scores, edges: NDArray[np.floating[Any]]) -> Integers:
    """Count sorted scores between edges, below the first and from the last on: one count more than edges."""
    places = np.searchsorted(ordered, edges.astype(np.float64), side="left")
    return np.diff(np.concatenate([[0], places, [ordered.size]]))


def binned_matching(scores: BinnedScores, failed: int, *, edges: list[float] | None = None) -> Matching:
    """Compute the error rates of a matcher in one phase.

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
    return matching_of_curve(
        curve,
        scores.mated.size,
        scores.non_mated,
        failed,
        auc=area,
        histogram=binned_histogram(scores, edges or binned_edges(scores)),
        auc_error=area_error,
        eer_error=0.0 if curve is None else eer_error(curve, scores),
    )
