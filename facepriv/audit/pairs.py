"""Which pairs of images are compared, in tiles that fit a cache: all of them, mated ones only, or some at random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.comparisons import Compare, subject_codes, usable_rows

Scores = NDArray[np.float32]
Rows = NDArray[np.int64]

TILE = (512, 1024)
"""Rows and columns of a tile: its scores take 2 MB."""
SAMPLE_TILE = 256
"""Images on either side of a tile drawn at random. Part of the draw, so another number draws other pairs."""


@dataclass(frozen=True, eq=False)
class Tile:
    """Images of the gallery and images of the probes, each compared with each."""

    rows: Rows
    columns: Rows
    mixed: bool
    """Whether a mated pair or an image with itself may be among them."""
    ordered: bool = False
    """Whether a pair counts only where the row is the earlier one, so that it counts once."""


@dataclass(frozen=True, eq=False)
class TileScores:
    """Scores of the pairs of a tile that count."""

    mated: Scores
    """``(m,)``"""
    non_mated: Scores
    """Of any shape, contiguous."""


class Pairs:
    """All pairs of a set of images in one phase, each once, or across two phases, in both directions.

    Images without a template take no part. Within a phase `compare` is taken to be symmetric.

    Parameters
    ----------
    gallery : (n, d) templates; a row with NaN is a failure to acquire.
    probes : (n, d) templates of the same images in another phase; None compares the gallery with itself.
    subjects : (n,) subjects.
    compare : the matcher's comparison, ``(g, d), (p, d) -> (g, p)``; called from several threads at once.
    """

    def __init__(
        self, gallery: Scores, probes: Scores | None, subjects: Sequence[str], compare: Compare
    ) -> None:
        self.gallery = gallery
        self.probes = gallery if probes is None else probes
        self.across = probes is not None
        self.compare = compare
        self.subject = subject_codes(subjects)
        self.rows = self._sorted(usable_rows(gallery))
        self.columns = self._sorted(usable_rows(self.probes)) if self.across else self.rows
        in_rows, in_columns = (np.bincount(self.subject[of], minlength=len(subjects)) for of in (self.rows, self.columns))
        together = int(in_rows @ in_columns)
        with_itself = len(np.intersect1d(self.rows, self.columns, assume_unique=True))
        both_ways = 1 if self.across else 2
        self.mated = (together - with_itself) // both_ways
        """Mated pairs that exist."""
        self.non_mated = (len(self.rows) * len(self.columns) - together) // both_ways
        """Non-mated pairs that exist."""

    def tiles(self) -> Iterator[Tile]:
        """Cut all pairs into tiles, with images of one subject side by side so that few tiles are mixed."""
        for start in range(0, len(self.rows), TILE[0]):
            rows = self.rows[start : start + TILE[0]]
            first = 0 if self.across else start // TILE[1] * TILE[1]
            for at in range(first, len(self.columns), TILE[1]):
                columns = self.columns[at : at + TILE[1]]
                yield Tile(rows, columns, self._may_meet(rows, columns), ordered=not self.across)

    def mixed_tiles(self) -> Iterator[Tile]:
        """Give only the tiles of `tiles` that may hold mated pairs."""
        return (tile for tile in self.tiles() if tile.mixed)

    def drawn_tiles(self, number: int, seed: int) -> Iterator[Tile]:
        """Draw so many tiles at random, independently: images of either side are as likely as any other."""
        if not len(self.rows) or not len(self.columns):
            return
        for tile in range(number):
            random = np.random.default_rng([seed, tile])
            rows, columns = (
                random.choice(of, min(SAMPLE_TILE, len(of)), replace=False, shuffle=False)
                for of in (self.rows, self.columns)
            )
            yield Tile(rows, columns, mixed=True)

    def scores(self, tile: Tile) -> TileScores:
        """Compare the images of a tile."""
        table = np.ascontiguousarray(
            self.compare(self.gallery[tile.rows], self.probes[tile.columns]), dtype=np.float32
        )
        if not tile.mixed:
            return TileScores(np.empty(0, np.float32), table)
        same = self.subject[tile.rows][:, None] == self.subject[tile.columns]
        if tile.ordered:
            # Both sides are sorted alike, so the order of subjects and then of images is that of the tile.
            counts = self._place(tile.rows)[:, None] < self._place(tile.columns)
        elif same.any():
            counts = tile.rows[:, None] != tile.columns
        else:
            return TileScores(np.empty(0, np.float32), table)
        return TileScores(table[same & counts], table[~same & counts])

    def _sorted(self, rows: Rows) -> Rows:
        return rows[np.argsort(self.subject[rows], kind="stable")]

    def _place(self, rows: Rows) -> Rows:
        return self.subject[rows] * len(self.subject) + rows

    def _may_meet(self, rows: Rows, columns: Rows) -> bool:
        mine, theirs = self.subject[rows[[0, -1]]], self.subject[columns[[0, -1]]]
        return bool(mine[0] <= theirs[1] and theirs[0] <= mine[1])
