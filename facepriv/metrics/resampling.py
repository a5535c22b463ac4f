"""Resamples of subjects for the cluster bootstrap, in which subjects, never images, are drawn at random.

Images of one subject resemble each other, so that a hundred images of ten subjects say little more than ten images do.
Every figure is therefore computed again on samples of *subjects*, drawn with replacement within each gender, with all
their images (Davison and Hinkley, Bootstrap Methods and their Application, section 3.8). A drawn sample is a count for
every subject, and a figure on it is a weighted figure, which needs no image to be copied.

Three things make the intervals cover the truth for few subjects, where plain percentiles of the resamples miss it in up
to a quarter of the cases (tests/metrics/test_coverage.py measures it). Of ``s`` subjects of a gender ``s - 1`` are
drawn, since the variance of a mean over ``s`` drawn ones is too small by ``(s - 1) / s`` (Rao and Wu 1988, Journal of
the American Statistical Association 83:231). An interval is symmetric on the logit scale for a rate and on the
logarithmic one for a positive number, so that it is longer on the side that has more room and never leaves the range.
And it reaches as many standard errors as Student's t asks for, with the degrees of freedom that the subjects'
contributions to the figure give: where three subjects of sixty make all the errors, errors vary as among three
subjects, not sixty.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.types import Floats64

RESAMPLES = 2000
BLOCK = 256  # resamples computed at a time: their counts fit the processor's cache


def draw_counts(strata: NDArray[Any], resamples: int, seed: int) -> NDArray[np.uint16]:
    """Draw subjects with replacement within each stratum, one fewer than it has.

    Parameters
    ----------
    strata : (S,) stratum of each subject; a stratum of one subject is always drawn once.
    resamples, seed : number of resamples B, and the seed of the draws.

    Returns
    -------
    ``(S, B)`` how often each subject was drawn in each resample.
    """
    random = np.random.default_rng(np.random.SeedSequence([seed, 0]))
    counts = np.ones((strata.size, resamples), dtype=np.uint16)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        if members.size < 2:
            continue
        for start in range(0, resamples, BLOCK):
            width = min(BLOCK, resamples - start)
            drawn = random.integers(0, members.size, size=(members.size - 1, width), dtype=np.int64)
            drawn *= width
            drawn += np.arange(width)
            block = np.bincount(drawn.ravel(), minlength=members.size * width).reshape(members.size, width)
            counts[members, start : start + width] = block
    return counts


def weighted_sums(counts: NDArray[np.uint16], values: Floats64, *, power: int = 1) -> Floats64:
    """Sum ``(S, ...)`` values of subjects over each resample of ``(S, B)`` counts, or powers of these: ``(B, ...)``."""
    blocks = [
        counts[:, start : start + BLOCK].T.astype(np.float64) ** power @ values
        for start in range(0, counts.shape[1], BLOCK)
    ]
    return np.concatenate(blocks)
