"""Images of different subjects that a matcher takes for one person: possible errors of identity labels.

How alike different people are by chance differs between matchers and data sets, so the threshold is taken from the
data set itself. Distances between different subjects, ``sqrt(2 - 2 s)`` for a cosine similarity ``s``, lie about their
median like a normal distribution for every matcher tried, which similarities near 1 do not. What is nearer than the
median by `SPREADS` robust standard deviations is reported; docs/importing.md has the figures. Lookalikes and relatives
pass too, so the pairs are for people to look at and prove nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from facepriv.audit.matching.pairs import Pairs, Tile
from facepriv.audit.matching.streamed_scores import pilot
from facepriv.audit.threads import map_in_threads, no_check
from facepriv.types import Floats64

SPREADS = 5.0
LEAST_DISTANCE = 0.05
"""Distance up to which two images are alike whatever the spread: that of one photo saved twice."""
LISTED = 200
"""Pairs that are kept, the most alike."""
LEAST_COMPARISONS = 100
"""Non-mated comparisons below which nothing can be said about what is usual."""


@dataclass(frozen=True)
class AlikePairs:
    """Pairs of images of different subjects that are alike."""

    threshold: float
    compared: int
    found: int
    pairs: tuple[tuple[int, int, float], ...]
    """Rows of the templates and the score, the most alike first, at most ``listed``; of equal scores the first rows."""


def find_alike(pairs: Pairs, *, check: Callable[[], None] = no_check, listed: int = LISTED) -> AlikePairs | None:
    """Find the alike ones among all non-mated pairs; None where there are too few to know what is usual.

    The result depends neither on tiles nor on threads.

    Parameters
    ----------
    pairs : of a set of images with itself.
    check : called between tiles; what it raises ends the work.
    listed : as `LISTED`.

    Raises
    ------
    BadInputError
        If a score is NaN or infinite.
    """
    if pairs.non_mated < LEAST_COMPARISONS:
        return None
    usual = pilot(pairs, check=check).scores
    threshold = np.float32(_threshold(usual.astype(np.float64)))
    greatest: list[tuple[float, int, int]] = []
    count = 0

    def compare(tile: Tile) -> tuple[int, list[tuple[float, int, int]]]:
        rows, columns = pairs.gallery.images[tile.rows], pairs.probes.images[tile.columns]
        scores = np.asarray(pairs.compare(pairs.gallery.templates(tile.rows), pairs.probes.templates(tile.columns)))
        alike = scores >= threshold
        alike &= pairs.gallery.subject[tile.rows][:, None] != pairs.probes.subject[tile.columns]
        if tile.rows is tile.columns:
            alike &= ~np.tri(len(scores), dtype=np.bool_)
        at = np.argwhere(alike)
        ends = np.sort(np.stack([rows[at[:, 0]], columns[at[:, 1]]], axis=1), axis=1)
        # Negative rows, so that of equal scores the first rows count as greater.
        entries = zip(scores[alike].tolist(), (-ends[:, 0]).tolist(), (-ends[:, 1]).tolist(), strict=True)
        return len(at), heapq.nlargest(listed, entries)

    def take(part: tuple[int, list[tuple[float, int, int]]]) -> None:
        nonlocal count, greatest
        count += part[0]
        greatest = heapq.nlargest(listed, greatest + part[1])

    map_in_threads(compare, pairs.tiles(), take, check=check)
    most_alike = tuple((-first, -second, score) for score, first, second in greatest)
    return AlikePairs(threshold=float(threshold), compared=pairs.non_mated, found=count, pairs=most_alike)


def _threshold(usual: Floats64) -> float:
    """Return the score from which images are alike, from some non-mated scores."""
    distances = np.sqrt(np.maximum(2 - 2 * usual, 0))
    median = float(np.median(distances))
    # 1.4826 makes the median deviation of normal values their standard deviation.
    spread = 1.4826 * float(np.median(np.abs(distances - median)))
    return 1 - max(median - SPREADS * spread, LEAST_DISTANCE) ** 2 / 2
