"""How well a matcher still works on a database of which the policy perturbs a share of the images.

Each comparison of the mixed database is one of four: both images before, either one after, or both after. Where each
image is drawn by itself they weigh ``(1-p)^2``, ``p(1-p)`` in either direction, and ``p^2``. Where whole subjects are
drawn, mated comparisons never mix: they weigh ``1-p`` and ``p``; non-mated ones, of two subjects, weigh as above. The
expected rates follow from the weighted scores, with nothing drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.metrics.checks import as_probabilities
from facepriv.metrics.matching import FMR_TARGETS, auc
from facepriv.metrics.mixture import ScoreMixture
from facepriv.schemas.audits import SelectBy, Utility
from facepriv.schemas.figures import OperatingPoint
from facepriv.types import Flags, Floats64, Integers

Compare = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]

COMBINATIONS = ((False, False), (False, True), (True, False), (True, True))
"""Whether the first and the second image of a pair are perturbed, in the order of `PairScores.scores`."""
MOST_NON_MATED = 1_000_000
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class PairScores:
    """Similarity of pairs of different images in all four combinations."""

    first: Integers
    """``(n,)`` row of one image of each pair."""
    second: Integers
    """``(n,)`` row of the other image."""
    mated: Flags
    """``(n,)`` whether both images show one subject."""
    scores: NDArray[np.float32]
    """``(4, n)`` similarity in the order of `COMBINATIONS`; NaN where an image has no template, so that the comparison
    does not exist."""

    def __post_init__(self) -> None:
        n = len(self.first)
        shapes = (self.first.shape, self.second.shape, self.mated.shape, self.scores.shape)
        if shapes != ((n,), (n,), (n,), (len(COMBINATIONS), n)):
            raise BadInputError(
                f"Expected rows of both images, whether mated, and four scores of each pair, got shapes {shapes}.",
                code="bad-shape",
            )
        if np.isinf(self.scores).any():
            raise BadInputError(
                "Expected finite similarity scores, got an infinite one; write NaN where there is no comparison.",
                code="not-finite",
            )


def pair_scores(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    subjects: Sequence[str],
    compare: Compare,
    *,
    most_non_mated: int = MOST_NON_MATED,
    seed: int = 0,
) -> PairScores:
    """Compare every image with every other one, each pair once, in all four combinations.

    Parameters
    ----------
    before, after : ``(n, d)`` templates of the same images; a row with NaN is a failure to acquire.
    subjects : (n,) subjects.
    compare : the matcher's comparison, ``(g, d), (q, d) -> (g, q)``.
    most_non_mated : of more non-mated pairs than this, about so many are drawn at random, each as likely as any other;
        mated pairs are all kept.
    seed : of that draw.

    Raises
    ------
    BadInputError
        If the numbers of templates and subjects differ, or `most_non_mated` is below 1.
    """
    n = len(subjects)
    if before.ndim != 2 or after.ndim != 2 or len(before) != n or len(after) != n:
        raise BadInputError(
            f"Expected templates before and after of {n} images, got shapes {before.shape} and {after.shape}; "
            "write rows of NaN for images without a template.",
            code="bad-shape",
        )
    if most_non_mated < 1:
        raise BadInputError(f"Expected to keep at least 1 non-mated pair, got {most_non_mated}.", code="out-of-range")
    _, subject, sizes = np.unique(
        np.asarray(subjects, dtype=object).astype(str), return_inverse=True, return_counts=True
    )
    non_mated = n * (n - 1) // 2 - int((sizes * (sizes - 1) // 2).sum())
    share = min(1.0, most_non_mated / max(non_mated, 1))
    rng = np.random.default_rng(seed)
    templates = (before, after)
    usable = [np.flatnonzero(np.isfinite(t).all(axis=1) & (t.shape[1] > 0)) for t in templates]
    none, no_scores = np.empty(0, dtype=np.int64), np.empty((len(COMBINATIONS), 0), dtype=np.float32)
    parts = [(none, none, np.empty(0, dtype=np.bool_), no_scores)]
    for start in range(0, n, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, n))
        same = subject[rows][:, None] == subject[None, :]
        keep = rows[:, None] < np.arange(n)[None, :]
        if share < 1:
            keep &= same | (rng.random(keep.shape) < share)
        i, j = np.nonzero(keep)
        scores = np.full((len(COMBINATIONS), len(i)), np.nan, dtype=np.float32)
        for number, sides in enumerate(COMBINATIONS):
            (gallery, mine), (probes, theirs) = ((templates[side], usable[side]) for side in sides)
            mine = mine[(mine >= start) & (mine < start + _BLOCK)]
            if len(mine) and len(theirs):
                whole = np.full(keep.shape, np.nan, dtype=np.float32)
                whole[np.ix_(mine - start, theirs)] = compare(gallery[mine], probes[theirs])
                scores[number] = whole[i, j]
        parts.append((rows[i], j, same[i, j], scores))
    return PairScores(*(np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)))


class MixedMatching:
    """Expected error rates of one matcher at any proportion; scores are sorted once, here.

    Parameters
    ----------
    scores : pairs in all four combinations.
    select_by : whether the policy draws images or subjects.
    """

    def __init__(self, scores: PairScores, *, select_by: SelectBy = "image") -> None:
        self._by = select_by
        self._mated, self._non_mated = (
            [part[kind & np.isfinite(part)] for part in scores.scores] for kind in (scores.mated, ~scores.mated)
        )
        self._mixture = ScoreMixture(list(zip(self._mated, self._non_mated, strict=True)))
        self._thresholds = np.unique(np.concatenate([*self._mated, *self._non_mated])).astype(np.float64)
        # Chance that a mated score of one combination exceeds a non-mated one of another, ties counting half.
        self._order = np.array([[auc(a, b) or 0.0 for b in self._non_mated] for a in self._mated])

    def utility(self, p: float, matcher: str) -> Utility:
        """Return the expected operating points, EER and AUC at a proportion.

        Rates are ratios of expected counts: of comparisons that exist, the share that is accepted. Operating points
        hold FMR *at most* the target; at ``p`` = 0 and 1 all figures are those of `facepriv.metrics.matching`.

        Raises
        ------
        BadInputError
            If ``p`` lies outside 0..1.
        """
        mated, non_mated = self._weights(p)
        if mated is None or non_mated is None:
            none = [
                OperatingPoint(target_fmr=t, threshold=None, fmr=None, fnmr=None, supported=False) for t in FMR_TARGETS
            ]
            return Utility(p=p, matcher=matcher, fmr100=none[0], fmr1000=none[1], eer=None, auc=None)
        points = [self._mixture.operating_point(non_mated, t, mated_weights=mated) for t in FMR_TARGETS]
        return Utility(
            p=p,
            matcher=matcher,
            fmr100=points[0],
            fmr1000=points[1],
            eer=self._eer(mated, non_mated),
            auc=float(mated @ self._order @ non_mated),
        )

    def _weights(self, p: float) -> tuple[Floats64 | None, Floats64 | None]:
        """Return the share of each combination in the mated and non-mated comparisons that exist; None if none do."""
        q = float(as_probabilities(p, "the proportion"))
        apart = np.array([(1 - q) ** 2, q * (1 - q), q * (1 - q), q**2])
        together = np.array([1 - q, 0.0, 0.0, q])
        mated = together if self._by == "subject" else apart
        return _of_existing(mated, self._mated), _of_existing(apart, self._non_mated)

    def _eer(self, mated: Floats64, non_mated: Floats64) -> float:
        """Interpolate as `facepriv.metrics.matching.curve_eer` does, by halving the thresholds instead of the curve.

        Thresholds that are scores of combinations without weight do no harm: rates there are those of the next score
        that has weight.
        """

        def rates(index: int) -> tuple[float, float]:
            at = self._thresholds[index] if index < len(self._thresholds) else np.inf
            return float(self._mixture.fmr(at, non_mated)), float(self._mixture.fnmr(at, mated))

        low, high = 0, len(self._thresholds)  # FNMR - FMR is -1 at the least threshold and 1 above all
        while high - low > 1:
            middle = (low + high) // 2
            fmr, fnmr = rates(middle)
            low, high = (low, middle) if fnmr >= fmr else (middle, high)
        (left_fmr, left_fnmr), (right_fmr, right_fnmr) = rates(low), rates(high)
        left, right = left_fnmr - left_fmr, right_fnmr - right_fmr
        return left_fmr - left / (right - left) * (right_fmr - left_fmr)


def mixed_utility(
    scores: PairScores, ps: Sequence[float], matcher: str, *, select_by: SelectBy = "image"
) -> list[Utility]:
    """Return the expected utility at each proportion (`MixedMatching.utility`).

    Raises
    ------
    BadInputError
        If a proportion lies outside 0..1.
    """
    mixed = MixedMatching(scores, select_by=select_by)
    return [mixed.utility(float(p), matcher) for p in ps]


def _of_existing(drawn: Floats64, parts: Sequence[NDArray[np.float32]]) -> Floats64 | None:
    counts = drawn * [len(part) for part in parts]
    total = counts.sum()
    return counts / total if total > 0 else None
