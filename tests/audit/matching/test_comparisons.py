"""Comparing all with all, against two plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepriv.audit.matching.comparisons import compare_all, compared_subjects, subject_codes


def dot(gallery, probes):
    return gallery @ probes.T


def two_loops(gallery, probes, subjects):
    """Every pair once within one phase; every image with every other, both ways, across two."""
    mated, non_mated = [], []
    for i, one in enumerate(gallery):
        for j, other in enumerate(gallery if probes is None else probes):
            if i == j or (probes is None and j < i) or np.isnan(one).any() or np.isnan(other).any():
                continue
            (mated if subjects[i] == subjects[j] else non_mated).append(float(one @ other))
    return sorted(mated), sorted(non_mated)


def templates(rng, n, failed):
    rows = rng.normal(size=(n, 5)).astype(np.float32)
    rows[failed] = np.nan
    return rows


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 25),
    subjects=st.integers(1, 6),
    failures=st.floats(0, 1),
    across=st.booleans(),
    block=st.sampled_from([1, 2, 7, 1024]),
)
def test_equals_two_loops(seed, n, subjects, failures, across, block):
    rng = np.random.default_rng(seed)
    names = [f"s{i}" for i in rng.integers(0, subjects, n)]
    gallery = templates(rng, n, rng.random(n) < failures)
    probes = templates(rng, n, rng.random(n) < failures) if across else None
    mated, non_mated = compare_all(gallery, probes, names, dot, block=block)
    expected = two_loops(gallery, probes, names)
    assert np.allclose(np.sort(mated), expected[0], atol=1e-5)
    assert np.allclose(np.sort(non_mated), expected[1], atol=1e-5)
    assert len(mated) == len(expected[0])
    assert len(non_mated) == len(expected[1])


@given(seed=st.integers(0, 10_000), n=st.integers(1, 9), subjects=st.integers(1, 4), across=st.booleans())
def test_whose_comparisons_they_are(seed, n, subjects, across):
    rng = np.random.default_rng(seed)
    names = [f"s{i}" for i in rng.integers(0, subjects, n)]
    codes = subject_codes(names).astype(np.float32)
    gallery, probes = (np.where(rng.random(n) < 0.2, np.nan, codes).astype(np.float32)[:, None] for _ in range(2))

    def both(a, b):
        return 100 * a + b.T

    phases = gallery, probes if across else None
    mated, non_mated = compare_all(*phases, names, both, block=2)
    same, first, second = compared_subjects(*phases, names)
    assert mated.tolist() == (101 * same).tolist()
    assert non_mated.tolist() == (100 * first + second).tolist()


def test_an_image_is_never_compared_with_itself_in_another_phase():
    # Each image after is a copy of itself before: similarity 1 could come from nowhere else.
    before = np.eye(4, dtype=np.float32)
    mated, non_mated = compare_all(before, before.copy(), ["a", "a", "b", "b"], dot)
    assert mated.tolist() == [0.0] * 4
    assert non_mated.tolist() == [0.0] * 8


def test_across_counts_both_directions():
    before = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    after = np.array([[0.25, 0.5], [0.75, 0.125]], dtype=np.float32)
    mated, non_mated = compare_all(before, after, ["a", "a"], dot)
    assert sorted(mated.tolist()) == [0.5, 0.75]  # 1 before with 2 after, 2 before with 1 after
    assert non_mated.size == 0


@pytest.mark.parametrize("which", ["gallery", "probes", "both"])
def test_a_phase_without_any_template(which):
    """Where every image failed, not even the length of the templates is known."""
    full, nothing = np.ones((3, 128), dtype=np.float32), np.full((3, 1), np.nan, dtype=np.float32)
    gallery = nothing if which in ("gallery", "both") else full
    probes = nothing if which in ("probes", "both") else full
    mated, non_mated = compare_all(gallery, probes, ["a", "a", "b"], dot)
    assert mated.shape == non_mated.shape == (0,)


def test_blocks_ask_for_no_more_rows_than_their_size():
    asked = []

    def counting(gallery, probes):
        asked.append(gallery.shape[0])
        return dot(gallery, probes)

    compare_all(np.ones((8, 2), dtype=np.float32), None, list("aabbccdd"), counting, block=3)
    assert asked == [3, 3, 2]
