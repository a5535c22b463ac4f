"""Pairs of images to compare, in tiles that fit a cache: all pairs, mated ones only, or some at random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.matching.comparisons import Compare, subject_codes, usable_rows
from facepriv.types import Integers

Scores = NDArray[np.float32]
Places = Integers

TILE = (512, 1024)
"""Rows and columns of a tile: its scores take 2 MB."""
SAMPLE_TILE = 256
"""Images on either side of a tile drawn at random. Part of the draw, so another number draws other pairs."""
SORTED_COPY = 128 * 2**20
"""Bytes of templates up to which they are copied in the order of subjects, so that tiles need not be gathered."""


@dataclass(frozen=True, eq=False)
class Tile:
    """Places of some images of the gallery and of some probes, each compared with each."""

    rows: slice | Places
    columns: slice | Places


@dataclass(frozen=True, eq=False)
class TileScores:
    """Scores of the pairs of a tile that count."""

    mated: Scores
    """``(m,)``"""
    non_mated: Scores
    """Of any shape, contiguous."""


class Side:
    """The images of one side that have a template, those of a subject side by side."""

    def __init__(self, templates: Scores, subject: Places, copy_bytes: int) -> None:
        usable = usable_rows(templates)
        self.images = usable[np.argsort(subject[usable], kind="stable")]
        """``(k,)`` rows of the templates."""
        self.subject = subject[self.images]
        """``(k,)`` their subjects, sorted."""
        self._templates = templates
        self._sorted = templates[self.images] if templates.nbytes <= copy_bytes else None

    def __len__(self) -> int:
        return len(self.images)

    def templates(self, places: slice | Places) -> Scores:
        """Return the templates of some images."""
        return self._templates[self.images[places]] if self._sorted is None else self._sorted[places]


class Pairs:
    """All pairs of a set of images in one phase, each once, or across two phases, in both directions.

    Images without a template take no part.

    Parameters
    ----------
    gallery : (n, d) templates; a row with NaN is a failure to acquire.
    probes : (n, d) templates of the same images in another phase; None compares the gallery with itself.
    subjects : (n,) subjects.
    compare : the matcher's comparison, as in `FaceMatcher`.
    tile, sample_tile, copy_bytes : as `TILE`, `SAMPLE_TILE` and `SORTED_COPY`.
    """

    def __init__(
        self,
        gallery: Scores,
        probes: Scores | None,
        subjects: Sequence[str],
        compare: Compare,
        *,
        tile: tuple[int, int] = TILE,
        sample_tile: int = SAMPLE_TILE,
        copy_bytes: int = SORTED_COPY,
    ) -> None:
        subject = subject_codes(subjects)
        self.tile, self.sample_tile = tile, sample_tile
        self.gallery = Side(gallery, subject, copy_bytes)
        self.probes = self.gallery if probes is None else Side(probes, subject, copy_bytes)
        self.across = probes is not None
        self.compare = compare
        rows, columns = (np.bincount(side.subject, minlength=len(subjects)) for side in (self.gallery, self.probes))
        same_subject = int(rows @ columns)
        both_ways = 1 if self.across else 2
        with_itself = len(self.gallery)
        if self.across:
            with_itself = len(np.intersect1d(self.gallery.images, self.probes.images, assume_unique=True))
        self.mated = (same_subject - with_itself) // both_ways
        """Mated pairs that exist."""
        self.non_mated = (len(self.gallery) * len(self.probes) - same_subject) // both_ways
        """Non-mated pairs that exist."""

    def tiles(self, *, mated_only: bool = False) -> Iterator[Tile]:
        """Yield tiles of all pairs, of which few hold mated pairs or pairs to leave out, or those few only."""
        height, width = self.tile
        for start in range(0, len(self.gallery), height):
            rows = slice(start, min(start + height, len(self.gallery)))
            first = 0 if self.across else rows.stop
            if not self.across:
                yield Tile(rows, rows)
            # Probes of the rows' subjects; before and behind them there are probes of others only.
            subjects = self.gallery.subject[rows]
            low = max(first, int(np.searchsorted(self.probes.subject, subjects[0], side="left")))
            high = max(first, int(np.searchsorted(self.probes.subject, subjects[-1], side="right")))
            for begin, end in [(low, high)] if mated_only else [(first, low), (low, high), (high, len(self.probes))]:
                for at in range(begin, end, width):
                    yield Tile(rows, slice(at, min(at + width, end)))

    def drawn_tiles(self, number: int, seed: int) -> Iterator[Tile]:
        """Yield ``number`` tiles drawn at random, independently; all images of a side are equally likely."""
        if not len(self.gallery) or not len(self.probes):
            return
        for tile in range(number):
            random = np.random.default_rng([seed, tile])
            sides = (len(self.gallery), len(self.probes))
            yield Tile(*(random.choice(size, min(self.sample_tile, size), replace=False) for size in sides))

    def scores(self, tile: Tile) -> TileScores:
        """Compare the images of a tile."""
        scores = self.compare(self.gallery.templates(tile.rows), self.probes.templates(tile.columns))
        table = np.ascontiguousarray(scores, dtype=np.float32)
        empty = np.empty(0, dtype=np.float32)
        if not self._may_share(tile):
            return TileScores(empty, table)
        same = self.gallery.subject[tile.rows][:, None] == self.probes.subject[tile.columns]
        if tile.rows is tile.columns:
            once = np.tri(len(table), dtype=np.bool_)  # and the diagonal, where an image meets itself
            return TileScores(table[same & ~once], table[~(same | once)])
        if not same.any():
            return TileScores(empty, table)
        itself = self.gallery.images[tile.rows][:, None] == self.probes.images[tile.columns]
        return TileScores(table[same & ~itself], table[~same])

    def _may_share(self, tile: Tile) -> bool:
        """Return whether some subject may be on both sides."""
        if not isinstance(tile.rows, slice):
            return True
        rows, columns = self.gallery.subject[tile.rows], self.probes.subject[tile.columns]
        return bool(rows[0] <= columns[-1] and columns[0] <= rows[-1])
