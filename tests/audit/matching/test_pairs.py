"""Tiles hold every pair once, and none that does not count."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepriv.audit.matching.comparisons import compare_all
from facepriv.audit.matching.pairs import Pairs


def names_of(gallery, probes):
    """A score that tells whose it is: no two pairs of fewer than 1000 images share one."""
    return gallery[:, :1] * 1000 + probes[:, 0]


def numbered(n, failed):
    rows = np.arange(n, dtype=np.float32)[:, None].repeat(2, axis=1)
    rows[failed] = np.nan
    return rows


def unordered(scores):
    """The two images of each pair, smaller number first."""
    return sorted(tuple(sorted(divmod(int(score), 1000))) for score in np.concatenate([*scores, []]))


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 30),
    subjects=st.integers(1, 6),
    failures=st.floats(0, 1),
    across=st.booleans(),
    tile=st.sampled_from([(1, 1), (2, 3), (5, 4), (512, 1024)]),
    copied=st.booleans(),
)
def test_tiles_hold_what_all_comparisons_are(seed, n, subjects, failures, across, tile, copied):
    random = np.random.default_rng(seed)
    names = [f"s{i}" for i in random.integers(0, subjects, n)]
    gallery = numbered(n, random.random(n) < failures)
    probes = numbered(n, random.random(n) < failures) if across else None
    pairs = Pairs(gallery, probes, names, names_of, tile=tile, copy_bytes=2**20 if copied else 0)
    found = [pairs.scores(one) for one in pairs.tiles()]
    only_mated = [pairs.scores(one).mated for one in pairs.tiles(mated_only=True)]
    mated = [one.mated for one in found]
    non_mated = [one.non_mated.ravel() for one in found]
    expected = compare_all(gallery, probes, names, names_of)
    key = (lambda scores: sorted(np.concatenate([*scores, []]))) if across else unordered
    assert key(mated) == key(only_mated) == key([expected[0]])
    assert key(non_mated) == key([expected[1]])
    assert pairs.mated == len(expected[0])
    assert pairs.non_mated == len(expected[1])


@pytest.mark.parametrize("across", [False, True])
def test_drawn_pairs_are_non_mated_and_all_as_likely(across):
    names = list("aabbbcde")
    rows = numbered(9, [8])
    pairs = Pairs(rows, rows.copy() if across else None, [*names, "f"], names_of, sample_tile=4)
    drawn = [pairs.scores(tile).non_mated.ravel() for tile in pairs.drawn_tiles(6000, 3)]
    first, second = np.divmod(np.concatenate(drawn).astype(int), 1000)
    there = [(i, j) for i, j in product(range(8), range(8)) if names[i] != names[j]]
    counts = {pair: int(np.sum((first == pair[0]) & (second == pair[1]))) for pair in there}
    assert sum(counts.values()) == first.size
    # Each pair is in a quarter of the tiles.
    assert all(1500 - 5 * 34 < count < 1500 + 5 * 34 for count in counts.values())


def test_the_draw_depends_on_the_seed_alone():
    rows = numbered(900, [])
    names = [str(i // 2) for i in range(900)]

    def draw(seed, **sizes):
        pairs = Pairs(rows, None, names, names_of, **sizes)
        return np.concatenate([pairs.scores(tile).non_mated.ravel() for tile in pairs.drawn_tiles(3, seed)])

    one = draw(1)
    np.testing.assert_array_equal(draw(1, tile=(7, 5), copy_bytes=0), one)
    assert not np.array_equal(draw(2), one)
