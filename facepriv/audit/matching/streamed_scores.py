"""Scores of more pairs of images than fit in memory, counted tile by tile (`BinnedScores`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.matching.pairs import Pairs, Tile
from facepriv.audit.matching.score_bins import BINS, ScoreBins
from facepriv.audit.threads import map_in_threads, no_check
from facepriv.metrics.binned_matching import BinnedScores, scores_to_keep
from facepriv.metrics.checks import as_finite
from facepriv.types import Integers

Scores = NDArray[np.float32]

PILOT_TILES = 8
"""Tiles drawn to learn where scores lie: about half a million pairs."""
_ROOM = 1.2  # so many more scores than needed are kept, by what the pilot says
_SLACK = 1_000_000  # scores held before they are cut down, besides twice those that are kept
_SEED = 9107


@dataclass(frozen=True, eq=False)
class Pilot:
    """Where the scores of a set of pairs lie, from some of them."""

    scores: Scores
    """``(n,)`` non-mated scores, sorted."""
    cut: float
    """Scores above it are likely to be all that must be kept, and some more; -inf where nothing is known."""


def pilot(pairs: Pairs, *, check: Callable[[], None] = no_check) -> Pilot:
    """Compare some pairs drawn at random, always the same ones.

    Raises
    ------
    BadInputError
        If a score is NaN or infinite.
    """
    drawn: list[Scores] = []
    tiles = pairs.drawn_tiles(PILOT_TILES, _SEED)
    map_in_threads(pairs.scores, tiles, lambda tile: drawn.append(tile.non_mated.ravel()), check=check)
    scores = _finite(np.sort(np.concatenate([np.empty(0, np.float32), *drawn])), "non-mated scores")
    keep = int(_ROOM * scores_to_keep(scores.size)) + 1
    return Pilot(scores, float(scores[-keep]) if keep <= scores.size else -np.inf)


def stream_all(pairs: Pairs, bins: ScoreBins, cut: float, *, check: Callable[[], None] = no_check) -> BinnedScores:
    """Compare all pairs.

    The result depends neither on tiles nor on threads nor on ``cut``, which only saves time: where it turns out too
    high, all is done again without one.

    Parameters
    ----------
    pairs : to be compared.
    bins, cut : from pilots; see `ScoreBins.around` and `Pilot`.
    check : called between tiles; what it raises ends the work.

    Raises
    ------
    BadInputError
        If a score is NaN or infinite.
    """
    return _stream(pairs, pairs.tiles, pairs.non_mated, bins, cut, check, _Mated(pairs.mated))


def stream_sample(
    pairs: Pairs, bins: ScoreBins, cut: float, *, tiles: int, seed: int, check: Callable[[], None] = no_check
) -> BinnedScores:
    """Compare all mated pairs, and the non-mated pairs of so many tiles drawn at random (`Pairs.drawn_tiles`).

    The pairs depend on the seed and on the images that have templates; nothing depends on the other tiles or on
    threads. Errors as in `stream_all`.
    """
    mated = _Mated(pairs.mated)
    map_in_threads(lambda tile: pairs.scores(tile).mated, pairs.tiles(mated_only=True), mated.add, check=check)
    most = tiles * pairs.sample_tile**2
    return _stream(pairs, lambda: pairs.drawn_tiles(tiles, seed), most, bins, cut, check, mated, mated_too=False)


def fmr_standard_errors(
    pairs: Pairs,
    thresholds: Sequence[float | None],
    *,
    tiles: int,
    seed: int,
    check: Callable[[], None] = no_check,
) -> list[float | None]:
    """Return the standard error of FMR at each threshold that comes from the draw of `stream_sample`; None without one.

    Pairs of a tile share images, so tiles are what is counted as drawn: FMR is a ratio of sums over independent tiles,
    and its error that of such a ratio (Cochran 1977, Sampling Techniques, section 6.4). The tiles are compared once
    more.
    """
    at = np.array([np.nan if threshold is None else threshold for threshold in thresholds], dtype=np.float32)

    def count(tile: Tile) -> list[int]:
        scores = pairs.scores(tile).non_mated
        return [scores.size, *(int(np.count_nonzero(scores >= threshold)) for threshold in at)]

    counts: list[list[int]] = []
    map_in_threads(count, pairs.drawn_tiles(tiles, seed), counts.append, check=check)
    table = np.array(counts, dtype=np.float64).reshape(-1, 1 + len(at))
    compared, accepted = table[:, :1], table[:, 1:]
    if len(table) < 2 or not compared.sum():
        return [None] * len(at)
    residual = accepted - accepted.sum(axis=0) / compared.sum() * compared
    errors = np.sqrt(len(table) / (len(table) - 1) * (residual**2).sum(axis=0)) / compared.sum()
    return [None if threshold is None else float(e) for threshold, e in zip(thresholds, errors, strict=True)]


class _Greatest:
    """The ``size`` greatest of all scores added; of equal ones it does not matter which."""

    def __init__(self, size: int, cut: float) -> None:
        self.size = size
        self.cut = cut
        """Scores up to this one are not wanted."""
        self._parts: list[Scores] = []
        self._held = 0

    def add(self, scores: Scores) -> None:
        self._parts.append(scores)
        self._held += scores.size
        if self._held > 2 * self.size + _SLACK:
            kept = self._together()
            self._parts, self._held = [np.partition(kept, kept.size - self.size)[kept.size - self.size :]], self.size
            if self.size:
                self.cut = max(self.cut, float(self._parts[0].min()))

    def sorted(self, size: int) -> Scores:
        return np.sort(self._together())[max(self._held - size, 0) :]

    def _together(self) -> Scores:
        return np.concatenate([np.empty(0, np.float32), *self._parts])


class _Mated:
    """Mated scores, whose number is known before: they may be so many that a list of parts is too much."""

    def __init__(self, size: int) -> None:
        self._scores = np.empty(size, dtype=np.float32)
        self._size = 0

    def add(self, scores: Scores) -> None:
        self._scores[self._size : self._size + scores.size] = scores
        self._size += scores.size

    def sorted(self) -> Scores:
        self._scores.sort()
        return _finite(self._scores, "mated scores")


def _stream(
    pairs: Pairs,
    tiles: Callable[[], Iterable[Tile]],
    most: int,
    bins: ScoreBins,
    cut: float,
    check: Callable[[], None],
    mated: _Mated,
    *,
    mated_too: bool = True,
) -> BinnedScores:
    """Sum up the non-mated pairs of tiles, ``most`` or fewer; mated ones are added to ``mated`` or known already."""
    greatest = _Greatest(scores_to_keep(most), cut)
    counts = np.zeros(BINS, dtype=np.int64)
    lowest = np.inf

    def compare(tile: Tile) -> tuple[Scores, Integers, float, Scores]:
        scores = pairs.scores(tile)
        flat = scores.non_mated.reshape(-1)
        return scores.mated, *bins.count(scores.non_mated), flat[np.flatnonzero(flat > greatest.cut)]

    def take(part: tuple[Scores, Integers, float, Scores]) -> None:
        nonlocal lowest
        same, in_bins, least, high = part
        counts[:] += in_bins
        lowest = min(lowest, least)
        greatest.add(high)
        if mated_too:
            mated.add(same)

    map_in_threads(compare, tiles(), take, check=check)
    keep = scores_to_keep(int(counts.sum()))
    kept = greatest.sorted(keep)
    if kept.size < keep:
        return _stream(pairs, tiles, most, bins, -np.inf, check, mated, mated_too=False)
    if not counts[0]:
        occupied = np.flatnonzero(counts)
        lowest = float(bins.edges[occupied[0] - 1]) if occupied.size else 0.0
    return BinnedScores(mated.sorted(), bins.edges, counts, kept, lowest)


def _finite(ordered: Scores, what: str) -> Scores:
    """Refuse sorted scores that are not finite: these are at the ends."""
    as_finite(ordered[[0, -1]] if ordered.size else ordered, what)
    return ordered
