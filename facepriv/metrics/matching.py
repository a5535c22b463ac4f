"""Error rates of a face matcher from mated and non-mated similarity scores (ISO/IEC 19795-1; Figures 6 and 7).

A comparison is accepted when ``score >= threshold``. FMR is the proportion of non-mated comparisons that are accepted,
FNMR that of mated ones that are not. Only `thin_curve` approximates; nothing is binned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from facepriv.errors import BadInputError
from facepriv.metrics.checks import Floats, as_finite
from facepriv.schemas.figures import Curve, Histogram, Matching, OperatingPoint
from facepriv.types import Floats64

FMR_TARGETS = (0.01, 0.001)
"""Targets of FMR100 and FMR1000."""
RULE_OF_THREE = 3
"""False matches that ought to be seen at a target: had there been none among fewer comparisons, FMR might exceed it."""


def supports(non_mated: float, target: float) -> bool:
    """Return whether so many non-mated comparisons say anything at a target FMR: ``3 / target`` by the rule of three.

    If none of so many independent comparisons match falsely, FMR is at most the target with 95 % confidence (ISO/IEC
    19795-1:2006, annex B).
    """
    # The tolerance is for products such as 3 * (1 / 3) only.
    return non_mated * target >= RULE_OF_THREE - 1e-9


@dataclass(frozen=True, eq=False)
class Det:
    """An exact DET curve: every distinct score as a threshold, and one above all scores."""

    threshold: Floats
    """``(k,)`` increasing and finite; the last is the next float above the greatest score and accepts nothing."""
    fmr: Floats64
    """``(k,)`` from 1 down to 0."""
    fnmr: Floats64
    """``(k,)`` from 0 up to 1."""


def _finite_scores(mated: ArrayLike, non_mated: ArrayLike) -> tuple[Floats, Floats]:
    return as_finite(mated, "mated scores"), as_finite(non_mated, "non-mated scores")


def det(mated: ArrayLike, non_mated: ArrayLike) -> Det | None:
    """Compute the exact DET curve.

    Parameters
    ----------
    mated, non_mated : (m,), (n,) similarity scores, higher = more similar.

    Returns
    -------
    The curve, or None if either array is empty.

    Raises
    ------
    BadInputError
        If a score is NaN or infinite.
    """
    same, other = _finite_scores(mated, non_mated)
    if not same.size or not other.size:
        return None
    scores = np.unique(np.concatenate([same, other]))
    threshold = np.append(scores, np.nextafter(scores[-1], scores.dtype.type(np.inf)))
    # Counts divided once, not 1 - rate, so that 3 of 300 is the very same float as a target of 0.01.
    accepted = other.size - np.searchsorted(np.sort(other), threshold, side="left")
    rejected = np.searchsorted(np.sort(same), threshold, side="left")
    return Det(threshold, accepted / other.size, rejected / same.size)


def auc(mated: ArrayLike, non_mated: ArrayLike) -> float | None:
    """Compute the area under the ROC curve: chance that a mated score exceeds a non-mated one, ties counting half.

    It is the Mann-Whitney statistic over ``m n``, exact, by sorting. None if either array is empty; errors as in
    `det`.
    """
    same, other = _finite_scores(mated, non_mated)
    if not same.size or not other.size:
        return None
    ordered = np.sort(other)
    below = np.searchsorted(ordered, same, side="left").sum(dtype=np.int64)
    not_above = np.searchsorted(ordered, same, side="right").sum(dtype=np.int64)
    return float((int(below) + int(not_above)) / (2 * same.size * other.size))


def curve_eer(curve: Det) -> float:
    """Compute the equal error rate, interpolated.

    Consecutive points of the exact DET curve are joined by straight lines; the EER is where that line meets
    FMR = FNMR. There is exactly one such point, since FNMR - FMR grows at every threshold. The convention fits the
    AUC, which counts ties half.
    """
    right = equal_error_index(curve)
    left = right - 1
    gap = curve.fnmr - curve.fmr
    weight = -gap[left] / (gap[right] - gap[left])
    return float(curve.fmr[left] + weight * (curve.fmr[right] - curve.fmr[left]))


def equal_error_index(curve: Det) -> int:
    """Find the first point of a curve whose FNMR is not below its FMR; it is never the very first point."""
    # The gap runs from -1 to 1 and never falls.
    return int(np.searchsorted(curve.fnmr - curve.fmr, 0.0, side="left"))


def operating_point(mated: ArrayLike, non_mated: ArrayLike, target: float) -> OperatingPoint:
    """Find the lowest FNMR at which FMR is at most ``target``.

    It is reached at the smallest threshold whose FMR is at most ``target``; that one is reported. Where only a
    threshold above every score will do, FNMR is 1.

    Parameters
    ----------
    mated, non_mated : (m,), (n,) similarity scores, higher = more similar.
    target : FMR as a fraction, 0 < target <= 1.

    Returns
    -------
    The point; ``supported`` is false where there are too few non-mated comparisons (`supports`). All None and
    unsupported if either array is empty.

    Raises
    ------
    BadInputError
        If a score is NaN or infinite, or the target is out of range.
    """
    same, other = _finite_scores(mated, non_mated)
    return curve_operating_point(det(same, other), other.size, target)


def curve_operating_point(curve: Det | None, non_mated: int, target: float) -> OperatingPoint:
    """Find the operating point of a curve of so many non-mated comparisons, as `operating_point` does."""
    if not 0 < target <= 1:
        raise BadInputError(
            f"Expected a target FMR above 0 and at most 1, got {target:g}; write 0.001 for 0.1 %.", code="out-of-range"
        )
    if curve is None:
        return OperatingPoint(target_fmr=target, threshold=None, fmr=None, fnmr=None, supported=False)
    at = int(np.argmax(curve.fmr <= target))
    return OperatingPoint(
        target_fmr=target,
        threshold=float(curve.threshold[at]),
        fmr=float(curve.fmr[at]),
        fnmr=float(curve.fnmr[at]),
        supported=supports(non_mated, target),
    )


def thin_curve(curve: Det | None, *, limit: int = 300) -> Curve:
    """Keep at most ``limit`` points of a DET curve: both ends, and the rest evenly spread along it.

    "Along" is measured half on linear axes, half on logit axes, so that neither the bulk nor the tails that a DET
    plot magnifies lose their shape. The points kept are exact. Neighbours that were not neighbours before lie at most
    about ``4 / limit`` apart in FMR and FNMR. An absent curve gives empty lists.

    Raises
    ------
    BadInputError
        If ``limit`` is below 2.
    """
    if limit < 2:
        raise BadInputError(f"Expected to keep at least 2 points of a curve, got {limit}.", code="bad-limit")
    if curve is None:
        return Curve(threshold=[], fmr=[], fnmr=[])
    size = curve.threshold.size
    if size <= limit:
        keep = np.arange(size)
    else:
        linear = _cumulative_change(curve.fmr) + _cumulative_change(curve.fnmr)
        tails = _cumulative_change(_logit(curve.fmr)) + _cumulative_change(_logit(curve.fnmr))
        along = linear / linear[-1] + tails / tails[-1]
        keep = np.searchsorted(along, np.linspace(0, along[-1], limit), side="left")
        keep = np.unique(np.concatenate([[0], keep[1:-1], [size - 1]]))
    return Curve(
        threshold=[float(t) for t in curve.threshold[keep]],
        fmr=curve.fmr[keep].tolist(),
        fnmr=curve.fnmr[keep].tolist(),
    )


def _cumulative_change(values: Floats64) -> Floats64:
    return np.concatenate([[0.0], np.cumsum(np.abs(np.diff(values)))])


def _logit(rates: Floats64) -> Floats64:
    """Return logits, with rates of 0 and 1 moved by half an observation."""
    inner = rates[(rates > 0) & (rates < 1)]
    half = min(inner.min(), 1 - inner.max()) / 2 if inner.size else 0.25
    clipped = np.clip(rates, half, 1 - half)
    return np.log(clipped) - np.log1p(-clipped)


def common_edges(*scores: ArrayLike, bins: int = 80) -> list[float]:
    """Return the edges of ``bins`` equal bins over all given scores, so that several phases share one axis.

    Raises
    ------
    BadInputError
        If a score is NaN or infinite, or ``bins`` is below 1.
    """
    if bins < 1:
        raise BadInputError(f"Expected at least one bin, got {bins}.", code="bad-bins")
    filled = [array for array in (as_finite(s, "match scores") for s in scores) if array.size]
    low = min((float(s.min()) for s in filled), default=0.0)
    high = max((float(s.max()) for s in filled), default=1.0)
    if not high > low:
        low, high = low - 0.5, low + 0.5
    return [float(e) for e in np.linspace(low, high, bins + 1)]


def match_histogram(mated: ArrayLike, non_mated: ArrayLike, *, edges: ArrayLike | None = None) -> Histogram:
    """Count mated and non-mated scores in the same bins (Figure 6).

    Parameters
    ----------
    mated, non_mated : (m,), (n,) similarity scores.
    edges : increasing bin edges, by default `common_edges` of both arrays. Scores outside count in the end bins.

    Returns
    -------
    Counts ``mated`` and ``non_mated``; bins are closed on the left, the last on both sides.

    Raises
    ------
    BadInputError
        If a score is NaN or infinite, or the edges do not increase.
    """
    same, other = _finite_scores(mated, non_mated)
    at = np.asarray(common_edges(same, other) if edges is None else edges, dtype=np.float64)
    if at.ndim != 1 or at.size < 2 or not np.all(np.diff(at) > 0):
        raise BadInputError("Expected bin edges as at least two increasing numbers.", code="bad-bins")

    def counts(values: Floats) -> list[int]:
        return [int(c) for c in np.histogram(np.clip(values.astype(np.float64), at[0], at[-1]), bins=at)[0]]

    return Histogram(edges=at.tolist(), counts={"mated": counts(same), "non_mated": counts(other)})


def matching(mated: ArrayLike, non_mated: ArrayLike, failed: int, *, edges: ArrayLike | None = None) -> Matching:
    """Compute the error rates of a matcher in one phase.

    ``fmr100`` and ``fmr1000`` are None where there are too few non-mated comparisons to support them; the operating
    points still say what was measured.

    Parameters
    ----------
    mated, non_mated : (m,), (n,) similarity scores, higher = more similar; either may be empty.
    failed : images without a template in this phase.
    edges : bin edges of the histogram, for phases that share them (`common_edges`).

    Raises
    ------
    BadInputError
        If a score is NaN or infinite, or ``failed`` is negative.
    """
    if failed < 0:
        raise BadInputError(f"Expected a count of failed images, got {failed}.", code="out-of-range")
    same, other = _finite_scores(mated, non_mated)
    histogram = match_histogram(same, other, edges=edges)
    return matching_of_curve(det(same, other), same.size, other.size, failed, auc=auc(same, other), histogram=histogram)


def matching_of_curve(
    curve: Det | None,
    mated: int,
    non_mated: int,
    failed: int,
    *,
    auc: float | None,
    histogram: Histogram,
    auc_error: float = 0.0,
    eer_error: float = 0.0,
) -> Matching:
    """Put the error rates of a matcher together from a curve of so many comparisons; see `Matching`."""
    points = [curve_operating_point(curve, non_mated, target) for target in FMR_TARGETS]
    fmr100, fmr1000 = (point.fnmr if point.supported else None for point in points)
    return Matching(
        mated=mated,
        non_mated=non_mated,
        non_mated_existing=non_mated,
        failed=failed,
        auc=auc,
        auc_error=auc_error,
        eer=None if curve is None else curve_eer(curve),
        eer_error=eer_error,
        fmr100=fmr100,
        fmr1000=fmr1000,
        operating_points=points,
        curve=thin_curve(curve),
        histogram=histogram,
    )
