"""Accuracy under a data set's own comparison protocol: for each fold, the threshold is chosen on the other folds.

Source: Huang, G. B., Ramesh, M., Berg, T. and Learned-Miller, E. (2007). Labeled Faces in the Wild, section IV, view 2:
the mean accuracy over the folds and its standard error. A pair is accepted when ``score >= threshold``; the terms are
those of ISO/IEC 19795-1. The protocol says nothing of pairs that cannot be compared because no face was found or no
template could be made of an image. They are counted, the rates are of the compared pairs, and one more accuracy counts
each of them as a wrong decision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import sem

from facepriv.errors import BadInputError
from facepriv.types import Flags, Floats64, Integers


@dataclass(frozen=True)
class ProtocolFold:
    """Result of one fold at the threshold chosen on the other folds."""

    fold: int
    threshold: float
    mated: int
    """Mated pairs that were compared."""
    non_mated: int
    failed_mated: int
    """Mated pairs that could not be compared: failures to acquire."""
    failed_non_mated: int
    accuracy: float | None
    """Proportion of right decisions among the compared pairs; None if none was compared."""
    accuracy_with_failures: float
    """The same of all pairs, each that could not be compared counted as wrong."""
    fmr: float | None
    fnmr: float | None


@dataclass(frozen=True)
class ProtocolResult:
    """Result of a matcher under a protocol."""

    folds: tuple[ProtocolFold, ...]
    """By number."""
    accuracy: float
    """Mean over the folds in which pairs were compared."""
    accuracy_error: float | None
    """Standard error of that mean; None for a single such fold."""
    accuracy_with_failures: float
    accuracy_with_failures_error: float
    fmr: float | None
    """Of all compared pairs, each decided at its fold's threshold."""
    fnmr: float | None

    @property
    def pairs(self) -> int:
        """Pairs of the protocol."""
        return sum(fold.mated + fold.non_mated for fold in self.folds) + self.failed

    @property
    def failed(self) -> int:
        """Pairs that could not be compared."""
        return sum(fold.failed_mated + fold.failed_non_mated for fold in self.folds)


def protocol_result(scores: ArrayLike, mated: ArrayLike, folds: ArrayLike) -> ProtocolResult:
    """Evaluate the scores of a protocol's pairs.

    Parameters
    ----------
    scores : ``(n,)`` similarity, higher = more similar; NaN for a pair that could not be compared.
    mated : ``(n,)`` bool.
    folds : ``(n,)`` number of each pair's fold.

    Raises
    ------
    BadInputError
        With code ``bad-protocol`` if the arrays do not fit each other or a score is infinite, ``one-fold`` if there is
        no other fold to choose a threshold on, ``protocol-too-small`` if other folds leave no mated or no non-mated
        pair that was compared, or no pair was compared at all.
    """
    values, same, numbers = _checked(scores, mated, folds)
    compared = ~np.isnan(values)
    results: list[ProtocolFold] = []
    wrong = np.zeros(values.size, dtype=bool)
    for fold in np.unique(numbers):
        test = numbers == fold
        train = ~test & compared
        if not (same & train).any() or not (~same & train).any():
            raise BadInputError(
                f"No threshold can be chosen for fold {fold}: the other folds need a mated and a non-mated pair that "
                "could be compared; import the images of more pairs.",
                code="protocol-too-small",
            )
        threshold = best_threshold(values[same & train], values[~same & train])
        wrong[test] = (values[test] >= threshold) != same[test]
        results.append(_fold(int(fold), threshold, same[test], compared[test], wrong[test]))
    accuracies = [fold.accuracy for fold in results if fold.accuracy is not None]
    with_failures = [fold.accuracy_with_failures for fold in results]
    return ProtocolResult(
        folds=tuple(results),
        accuracy=float(np.mean(accuracies)),
        accuracy_error=float(sem(accuracies)) if len(accuracies) > 1 else None,
        accuracy_with_failures=float(np.mean(with_failures)),
        accuracy_with_failures_error=float(sem(with_failures)),
        fmr=_proportion(wrong[compared & ~same]),
        fnmr=_proportion(wrong[compared & same]),
    )


def best_threshold(mated: ArrayLike, non_mated: ArrayLike) -> float:
    """Choose the threshold with the most right decisions.

    Only the gap between two neighbouring scores matters to the pairs it is chosen on, so the threshold is the middle
    of the gap; of equally good gaps it is the widest, then the lowest. Multiplying all scores by a positive number
    multiplies it too.

    Parameters
    ----------
    mated, non_mated : ``(m,)``, ``(n,)`` finite scores, neither empty.
    """
    same, other = np.sort(np.asarray(mated, dtype=np.float64)), np.sort(np.asarray(non_mated, dtype=np.float64))
    steps = np.unique(np.concatenate([same, other]))
    # Place i accepts steps[i] and all above; the last place accepts nothing.
    above = np.append(steps, np.nextafter(steps[-1], np.inf))
    below = np.concatenate([steps[:1], steps])
    right = (same.size - np.searchsorted(same, above)) + np.searchsorted(other, above)
    best = np.flatnonzero(right == right.max())
    # To accept all or nothing is no gap: it is chosen only where nothing else is as good.
    gaps = np.append((above - below)[:-1], 0.0)
    place = best[np.argmax(gaps[best])]
    middle = below[place] + (above[place] - below[place]) / 2
    # Between neighbouring floats there is no middle but one of them.
    return float(middle if middle > below[place] else above[place])


def _checked(scores: ArrayLike, mated: ArrayLike, folds: ArrayLike) -> tuple[Floats64, Flags, Integers]:
    values = np.asarray(scores, dtype=np.float64)
    same = np.asarray(mated, dtype=bool)
    numbers = np.asarray(folds, dtype=np.int64)
    if values.ndim != 1 or values.shape != same.shape or values.shape != numbers.shape:
        raise BadInputError(
            f"One score, one truth and one fold for each pair were expected, but arrays of {values.shape}, "
            f"{same.shape} and {numbers.shape} came.",
            code="bad-protocol",
        )
    if np.isinf(values).any():
        raise BadInputError(
            f"{np.isinf(values).sum():,} scores are infinite; a matcher must give finite ones, or NaN where it cannot "
            "compare.",
            code="bad-protocol",
        )
    if np.unique(numbers).size < 2:
        raise BadInputError(
            "The protocol has fewer than two folds, so there is none to choose a threshold on that is not tried.",
            code="one-fold",
        )
    return values, same, numbers


def _fold(number: int, threshold: float, same: Flags, compared: Flags, wrong: Flags) -> ProtocolFold:
    return ProtocolFold(
        fold=number,
        threshold=threshold,
        mated=int((same & compared).sum()),
        non_mated=int((~same & compared).sum()),
        failed_mated=int((same & ~compared).sum()),
        failed_non_mated=int((~same & ~compared).sum()),
        accuracy=_proportion(~wrong[compared]),
        accuracy_with_failures=float((compared & ~wrong).mean()),
        fmr=_proportion(wrong[compared & ~same]),
        fnmr=_proportion(wrong[compared & same]),
    )


def _proportion(flags: Flags) -> float | None:
    return float(flags.mean()) if flags.size else None
