"""Error rates of a matcher before, after and across, exact or binned by the number of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.matching.comparisons import Compare, compare_all, compared_subjects, usable_rows
from facepriv.audit.matching.pairs import SAMPLE_TILE, Pairs
from facepriv.audit.matching.score_bins import ScoreBins
from facepriv.audit.matching.streamed_scores import fmr_standard_errors, pilot, stream_all, stream_sample
from facepriv.audit.threads import no_check
from facepriv.metrics.binned_matching import binned_edges, binned_matching
from facepriv.metrics.match_bootstrap import MatchBootstrap
from facepriv.metrics.matching import common_edges, matching
from facepriv.schemas.figures import Matching, MatchingPhases
from facepriv.types import Integers

Templates = NDArray[np.float32]
Scores = NDArray[np.float32]

EXACT_UP_TO = 1_000_000
"""Ordered pairs of images up to which every score is kept and sorted: 1,000 images, which take some tenths of a
second, most of it sorting."""
ALL_UP_TO = 1_000_000_000
"""Non-mated pairs of a phase up to which all are compared."""
SAMPLE = 100_000_000
"""Pairs drawn at random where there are more, mated ones among them left out."""
RESAMPLES = 1000
"""Resamples of the subjects for intervals: some tenths of a second a phase at 1,000 images."""
SEED = 0
"""Of the draws, the same in all phases: then they differ by the images, not by which pairs were drawn."""


def matching_phases(
    before: Templates,
    after: Templates,
    subjects: Sequence[str],
    compare: Compare,
    *,
    check: Callable[[], None] = no_check,
    exact_up_to: int = EXACT_UP_TO,
    all_up_to: int = ALL_UP_TO,
    sample: int = SAMPLE,
) -> MatchingPhases:
    """Compute the error rates of images before, after, and of before compared with after.

    Up to ``exact_up_to`` ordered pairs of images every figure is exact, and FNMR at an operating point has an interval.
    Above, operating points and counts are, and AUC
    and EER lie within ``auc_error`` and ``eer_error``. Above ``all_up_to`` non-mated pairs about ``sample`` of them
    are drawn; mated pairs are all compared.

    Parameters
    ----------
    before, after : ``(n, d)`` templates of the same images; a row with NaN is a failure to acquire.
    subjects : ``n`` subjects.
    compare : the matcher's comparison, as in `FaceMatcher`.
    check : called every few million pairs or more often; what it raises ends the work.
    exact_up_to, all_up_to, sample : as `EXACT_UP_TO`, `ALL_UP_TO` and `SAMPLE`.

    Raises
    ------
    BadInputError
        If a score is NaN or infinite.
    """
    usable = {"before": usable_rows(before), "after": usable_rows(after)}
    usable["cross"] = np.intersect1d(usable["before"], usable["after"], assume_unique=True)
    failed = {phase: len(subjects) - len(rows) for phase, rows in usable.items()}
    sides = {"before": (before, None), "after": (after, None), "cross": (before, after)}
    if len(subjects) ** 2 <= exact_up_to:
        scores = {}
        for phase, (gallery, probes) in sides.items():
            check()
            scores[phase] = compare_all(gallery, probes, subjects, compare)
        edges = common_edges(*(array for pair in scores.values() for array in pair))
        results = {}
        for phase, (mated, non_mated) in scores.items():
            check()
            exact = matching(mated, non_mated, failed[phase], edges=edges)
            results[phase] = _with_intervals(exact, mated, non_mated, compared_subjects(*sides[phase], subjects))
        return MatchingPhases(**results)
    pairs = {phase: Pairs(gallery, probes, subjects, compare) for phase, (gallery, probes) in sides.items()}
    return _streamed(pairs, failed, check, all_up_to, sample)


def _with_intervals(
    result: Matching, mated: Scores, non_mated: Scores, subjects: tuple[Integers, Integers, Integers]
) -> Matching:
    """Return figures with an interval of FNMR at each operating point that enough comparisons support."""
    if not any(point.supported and point.fnmr is not None for point in result.operating_points):
        return result
    bootstrap = MatchBootstrap(*subjects, resamples=RESAMPLES, seed=SEED)
    points = [
        point.model_copy(update={"fnmr_interval": bootstrap.fnmr_at_fmr(mated, non_mated, point.target_fmr).interval()})
        if point.supported
        else point
        for point in result.operating_points
    ]
    return result.model_copy(update={"operating_points": points})


def _streamed(
    pairs: dict[str, Pairs], failed: dict[str, int], check: Callable[[], None], all_up_to: int, sample: int
) -> MatchingPhases:
    pilots = {phase: pilot(phase_pairs, check=check) for phase, phase_pairs in pairs.items()}
    bins = ScoreBins.around((p.scores for p in pilots.values()), (p.cut for p in pilots.values()))
    tiles = -(-sample // SAMPLE_TILE**2)
    streamed = {
        phase: stream_sample(phase_pairs, bins, pilots[phase].cut, tiles=tiles, seed=SEED, check=check)
        if phase_pairs.non_mated > all_up_to
        else stream_all(phase_pairs, bins, pilots[phase].cut, check=check)
        for phase, phase_pairs in pairs.items()
    }
    edges = binned_edges(*streamed.values())
    results = {}
    for phase, scores in streamed.items():
        check()
        results[phase] = binned_matching(scores, failed[phase], edges=edges)
        if pairs[phase].non_mated > all_up_to:
            results[phase] = _as_sampled(results[phase], pairs[phase], tiles, check)
    return MatchingPhases(**results)


def _as_sampled(result: Matching, pairs: Pairs, tiles: int, check: Callable[[], None]) -> Matching:
    """Return figures marked as sampled, with standard errors of FMR."""
    thresholds = [point.threshold for point in result.operating_points]
    errors = fmr_standard_errors(pairs, thresholds, tiles=tiles, seed=SEED, check=check)
    points = [
        point.model_copy(update={"fmr_standard_error": error})
        for point, error in zip(result.operating_points, errors, strict=True)
    ]
    changes = {"non_mated_taken": "sampled", "non_mated_existing": pairs.non_mated, "operating_points": points}
    return result.model_copy(update=changes)
