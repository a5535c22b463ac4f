"""How a matcher fares before, after and across, by the way that fits the number of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.matching.comparisons import Compare, compare_all, usable_rows
from facepriv.audit.matching.pairs import SAMPLE_TILE, Pairs
from facepriv.audit.matching.score_bins import ScoreBins
from facepriv.audit.matching.streamed_scores import SampledScores, pilot, stream_all, stream_sample
from facepriv.audit.threads import no_check
from facepriv.metrics.binned_matching import BinnedScores, binned_edges, binned_matching
from facepriv.metrics.matching import common_edges, matching
from facepriv.schemas.figures import Matching, MatchingPhases

Templates = NDArray[np.float32]

EXACT_UP_TO = 1_000_000
"""Ordered pairs of images up to which every score is kept and sorted: 1,000 images, which take some tenths of a
second, most of it sorting."""
ALL_UP_TO = 1_000_000_000
"""Non-mated pairs of a phase up to which all are compared."""
SAMPLE = 100_000_000
"""Pairs drawn at random where there are more, mated ones among them left out."""
SEED = 0
"""Of that draw, the same in all phases: then they differ by the images, not by which pairs were drawn."""


def matching_phases(
    before: Templates,
    after: Templates,
    subjects: Sequence[str],
    compare: Compare,
    *,
    check: Callable[[], None] = no_check,
) -> MatchingPhases:
    """Compare images before, after, and before with after, and give the error rates of each phase.

    Up to `EXACT_UP_TO` ordered pairs of images every figure is exact. Above, operating points and counts are, and AUC
    and EER lie within ``auc_error`` and ``eer_error``. Above `ALL_UP_TO` non-mated pairs about `SAMPLE` of them are
    drawn; mated pairs are all compared.

    Parameters
    ----------
    before, after
        ``(n, d)`` templates of the same images; a row with NaN is a failure to acquire.
    subjects
        ``n`` subjects.
    compare
        The matcher's comparison, as in `FaceMatcher`.
    check
        Called every few million pairs or more often; what it raises ends the work.

    Raises
    ------
    BadInputError
        If a score is NaN or infinite.
    """
    usable = {"before": usable_rows(before), "after": usable_rows(after)}
    usable["cross"] = np.intersect1d(usable["before"], usable["after"], assume_unique=True)
    failed = {phase: len(subjects) - len(rows) for phase, rows in usable.items()}
    sides = {"before": (before, None), "after": (after, None), "cross": (before, after)}
    if len(subjects) ** 2 <= EXACT_UP_TO:
        scores = {}
        for phase, (gallery, probes) in sides.items():
            check()
            scores[phase] = compare_all(gallery, probes, subjects, compare)
        edges = common_edges(*(array for pair in scores.values() for array in pair))
        found = {}
        for phase, (mated, non_mated) in scores.items():
            check()
            found[phase] = matching(mated, non_mated, failed[phase], edges=edges)
        return MatchingPhases(**found)
    pairs = {phase: Pairs(gallery, probes, subjects, compare) for phase, (gallery, probes) in sides.items()}
    return _streamed(pairs, failed, check)


def _streamed(pairs: dict[str, Pairs], failed: dict[str, int], check: Callable[[], None]) -> MatchingPhases:
    pilots = {phase: pilot(one, check=check) for phase, one in pairs.items()}
    bins = ScoreBins.around((p.scores for p in pilots.values()), (p.cut for p in pilots.values()))
    streamed: dict[str, BinnedScores | SampledScores] = {}
    for phase, one in pairs.items():
        if one.non_mated > ALL_UP_TO:
            tiles = -(-SAMPLE // SAMPLE_TILE**2)
            streamed[phase] = stream_sample(one, bins, pilots[phase].cut, tiles=tiles, seed=SEED, check=check)
        else:
            streamed[phase] = stream_all(one, bins, pilots[phase].cut, check=check)
    edges = binned_edges(*(_scores(one) for one in streamed.values()))
    found = {}
    for phase, summed in streamed.items():
        check()
        found[phase] = binned_matching(_scores(summed), failed[phase], edges=edges)
        if isinstance(summed, SampledScores):
            found[phase] = _as_sampled(found[phase], summed, check)
    return MatchingPhases(**found)


def _scores(one: BinnedScores | SampledScores) -> BinnedScores:
    return one.scores if isinstance(one, SampledScores) else one


def _as_sampled(found: Matching, one: SampledScores, check: Callable[[], None]) -> Matching:
    """Say of figures that they come from pairs drawn at random, and how far FMR may be off."""
    errors = one.fmr_standard_errors([point.threshold for point in found.operating_points], check=check)
    points = [
        point.model_copy(update={"fmr_standard_error": error})
        for point, error in zip(found.operating_points, errors, strict=True)
    ]
    taken = {"non_mated_taken": "sampled", "non_mated_existing": one.pairs.non_mated, "operating_points": points}
    return found.model_copy(update=taken)
