"""Bins of scores: every score in the bin that the edges say, whatever the scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepriv.audit.matching.score_bins import BINS, ScoreBins
from facepriv.errors import BadInputError

WORLDS = [(0.0, 0.1), (100.0, 0.5), (-3e4, 1.0), (0.0, 1e-20), (0.0, 1e20), (7.0, 0.0), (0.0, 0.0)]


def made(centre, spread, size=4000):
    sample = np.random.default_rng(1).normal(centre, spread, size).astype(np.float32)
    return ScoreBins.around([sample], [float(np.quantile(sample, 0.99))]), sample


@pytest.mark.parametrize(("centre", "spread"), WORLDS)
@pytest.mark.parametrize("width", [1, 3, 16, 1000])
def test_counts_are_those_between_the_edges(centre, spread, width):
    bins, sample = made(centre, spread)
    # Scores right at the edges and next to them, in every lane and in the rest of a row.
    near = [np.nextafter(bins.edges, np.float32(side)) for side in (-np.inf, np.inf)]
    scores = np.concatenate([sample, bins.edges, *near])
    scores = scores[: len(scores) // width * width].reshape(-1, width)
    expected = np.bincount(np.searchsorted(bins.edges, scores.ravel(), side="right"), minlength=BINS)
    counts, _ = bins.count(scores)
    assert counts.tolist() == expected.tolist()
    assert np.all(np.diff(bins.edges) > 0)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_scores_far_off_fall_into_the_end_bins(far):
    bins, _ = made(0.0, 0.1)
    scores = np.float32(far)
    counts, lowest = bins.count(scores)
    expected = np.bincount(np.searchsorted(bins.edges, scores, side="right"), minlength=BINS)
    assert counts.tolist() == expected.tolist()
    if counts[0]:
        assert lowest == scores.min()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_finite_score_is_refused(bad):
    bins, _ = made(0.0, 0.1)
    for size in (1, 7, 64):
        scores = np.full(size, 0.1, dtype=np.float32)
        scores[-1] = bad
        with pytest.raises(BadInputError, match="compare") as caught:
            bins.count(scores)
        assert caught.value.code == "not-finite"


def test_nothing_to_go_by():
    bins = ScoreBins.around([np.empty(0, np.float32)], [-np.inf])
    assert bins.count(np.empty((0, 3), np.float32)) == (pytest.approx(np.zeros(BINS)), np.inf)
    assert np.all(np.diff(bins.edges) > 0)


def test_bins_reach_from_below_the_sample_to_the_top():
    bins, sample = made(0.0, 0.1)
    assert bins.edges[0] < sample.min()
    assert np.quantile(sample, 0.99) < bins.edges[-1] < np.quantile(sample, 0.99) + 0.6
