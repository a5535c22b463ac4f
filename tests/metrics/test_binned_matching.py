"""Error rates from scores in bins, against those from all scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from facepriv.metrics.binned_matching import (
    BinnedScores,
    binned_auc,
    binned_det,
    binned_edges,
    binned_histogram,
    binned_matching,
    scores_to_keep,
)
from facepriv.metrics.matching import auc, curve_eer, det, match_histogram, matching
from facepriv.schemas.figures import Matching

# Few distinct values make ties, also at the operating points and at the edges of bins.
SCORE = st.one_of(st.integers(-4, 4).map(lambda i: i / 4), st.floats(-1, 1, width=32))
MATED = st.lists(SCORE, max_size=30)
NON_MATED = st.lists(SCORE, max_size=250)


def binned(mated, non_mated, bins=16, keep=None):
    mated, non_mated = np.sort(np.float32(mated)), np.sort(np.float32(non_mated))
    edges = np.linspace(-0.9, 0.9, bins - 1, dtype=np.float32)
    counts = np.bincount(np.searchsorted(edges, non_mated, side="right"), minlength=bins)
    keep = scores_to_keep(non_mated.size) if keep is None else keep
    lowest = float(non_mated[0]) if non_mated.size else 0.0
    return BinnedScores(mated, edges, counts, non_mated[non_mated.size - keep :], lowest)


def both(mated, non_mated):
    return matching(np.float32(mated), np.float32(non_mated), 1), binned_matching(binned(mated, non_mated), 1)


@settings(deadline=None)
@given(MATED, NON_MATED)
def test_operating_points_and_counts_are_those_of_all_scores(mated, non_mated):
    exact, found = both(mated, non_mated)
    assert found.operating_points == exact.operating_points
    for name in ("mated", "non_mated", "non_mated_existing", "failed", "fmr100", "fmr1000"):
        assert getattr(found, name) == getattr(exact, name)
    assert Matching.model_validate_json(found.model_dump_json()) == found


@settings(deadline=None)
@given(st.lists(SCORE, min_size=1, max_size=30), st.lists(SCORE, min_size=1, max_size=250))
def test_auc_and_eer_lie_within_what_is_said(mated, non_mated):
    scores = binned(mated, non_mated)
    found = binned_matching(scores, 0)
    assert abs(found.auc - auc(np.float32(mated), np.float32(non_mated))) <= found.auc_error + 1e-12
    assert abs(found.eer - curve_eer(det(np.float32(mated), np.float32(non_mated)))) <= found.eer_error + 1e-12
    # At most half of the pairs that share a bin.
    shared = np.bincount(scores.bin_of(scores.mated), minlength=16) @ scores.counts
    assert found.auc_error <= shared / (2 * len(mated) * len(non_mated)) + 1e-12


@settings(deadline=None)
@given(st.lists(SCORE, min_size=1, max_size=30), st.lists(SCORE, min_size=1, max_size=250))
def test_every_point_of_the_curve_is_exact(mated, non_mated):
    curve = binned_det(binned(mated, non_mated))
    same, other = np.float32(mated), np.float32(non_mated)
    assert curve.fmr.tolist() == [np.mean(other >= t) for t in curve.threshold]
    assert curve.fnmr.tolist() == [np.mean(same < t) for t in curve.threshold]
    assert curve.fmr[0] == 1
    assert curve.fnmr[0] == 0
    assert curve.fmr[-1] == 0
    assert curve.fnmr[-1] == 1
    assert np.all(np.diff(curve.threshold) > 0)


@settings(deadline=None)
@given(st.lists(SCORE, min_size=1, max_size=30), st.lists(SCORE, min_size=1, max_size=60))
def test_with_all_scores_kept_the_curve_is_that_of_scikit_learn(mated, non_mated):
    scores = binned(mated, non_mated, keep=len(non_mated))
    curve, exact = binned_det(scores), det(np.float32(mated), np.float32(non_mated))
    np.testing.assert_array_equal(curve.threshold, exact.threshold)
    labels = np.r_[np.ones(len(mated)), np.zeros(len(non_mated))]
    fpr, tpr, _ = roc_curve(labels, np.float32([*mated, *non_mated]), drop_intermediate=False)
    assert curve.fmr[::-1] == pytest.approx(fpr)
    assert 1 - curve.fnmr[::-1] == pytest.approx(tpr)
    assert binned_auc(scores) == (pytest.approx(auc(np.float32(mated), np.float32(non_mated)), abs=1e-12), 0)


@settings(deadline=None)
@given(MATED, NON_MATED)
def test_histogram_counts_as_from_all_scores(mated, non_mated):
    scores = binned(mated, non_mated)
    edges = binned_edges(scores, bins=5)
    assert np.all(np.diff(edges) > 0)
    # Edges that are a bin's take the float32 value of it; the scores are float32 too.
    expected = match_histogram(np.float32(mated), np.float32(non_mated), edges=edges)
    found = binned_histogram(scores, edges)
    assert found.counts == expected.counts


def test_phases_share_edges_that_reach_over_all_scores():
    low, high = binned([-0.5], np.linspace(-0.6, 0, 300)), binned([3.0], np.linspace(0, 0.5, 300))
    edges = binned_edges(low, high)
    assert edges[0] <= -0.5
    assert edges[-1] >= 3.0
    widths = np.diff(edges)
    np.testing.assert_allclose(widths, widths[0], rtol=1e-3)


def test_more_scores_than_points_keep_the_operating_points_exact():
    random = np.random.default_rng(4)
    mated, non_mated = random.normal(0.5, 0.1, 9_000), random.normal(0, 0.1, 900_000)
    exact, found = both(mated, non_mated)
    assert found.operating_points == exact.operating_points
    assert found.eer == exact.eer
    assert found.eer_error == 0
    assert abs(found.auc - exact.auc) <= found.auc_error < 1e-3


def test_results_of_before_comparisons_were_streamed_still_load():
    found = binned_matching(binned([0.5], [0.1, 0.2]), 0)
    old = found.model_dump()
    for name in ("non_mated_taken", "non_mated_existing", "auc_error", "eer_error"):
        del old[name]
    for point in old["operating_points"]:
        del point["fmr_standard_error"]
    loaded = Matching.model_validate(old)
    assert loaded.non_mated_taken == "all"
    assert loaded.non_mated_existing is None
    assert loaded.operating_points == found.operating_points
