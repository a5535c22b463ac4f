import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from sklearn.metrics import det_curve, roc_auc_score, roc_curve

from facepriv.errors import BadInputError
from facepriv.metrics.estimates import rule_of_three_limit
from facepriv.metrics.matching import (
    auc,
    common_edges,
    curve_eer,
    det,
    match_histogram,
    matching,
    operating_point,
    supports,
    thin_curve,
)
from facepriv.schemas.figures import Matching

# Few distinct values make ties, many make long curves; both must come out right.
SCORE = st.one_of(st.integers(-4, 4).map(float), st.floats(-1, 1, width=32))
SCORES = st.lists(SCORE, min_size=1, max_size=40)
TARGET = st.one_of(st.sampled_from([0.001, 0.01, 0.1, 0.5, 1.0]), st.floats(0.001, 1))


def eer(mated, non_mated):
    curve = det(mated, non_mated)
    return None if curve is None else curve_eer(curve)


def stacked(mated, non_mated):
    return np.r_[np.ones(len(mated)), np.zeros(len(non_mated))], np.r_[mated, non_mated]


@given(SCORES, SCORES)
def test_auc_agrees_with_scikit_learn(mated, non_mated):
    assert auc(mated, non_mated) == pytest.approx(roc_auc_score(*stacked(mated, non_mated)), abs=1e-12)


@given(SCORES, SCORES)
def test_curve_is_that_of_scikit_learn(mated, non_mated):
    curve = det(mated, non_mated)
    fpr, tpr, threshold = roc_curve(*stacked(mated, non_mated), drop_intermediate=False)
    assert curve.fmr[::-1] == pytest.approx(fpr)
    assert 1 - curve.fnmr[::-1] == pytest.approx(tpr)
    assert curve.threshold[:-1][::-1] == pytest.approx(threshold[1:])


@given(SCORES, SCORES)
def test_every_point_of_scikit_learns_det_curve_is_on_ours(mated, non_mated):
    if len(set(mated) | set(non_mated)) == 1:
        return  # det_curve wants two distinct scores
    curve = det(mated, non_mated)
    ours = set(zip(curve.fmr.round(9), curve.fnmr.round(9), strict=True))
    fmr, fnmr, _ = det_curve(*stacked(mated, non_mated))
    assert set(zip(fmr.round(9), fnmr.round(9), strict=True)) <= ours


@given(SCORES, SCORES)
def test_rates_are_counts_at_score_at_least_threshold(mated, non_mated):
    curve = det(mated, non_mated)
    same, other = np.array(mated), np.array(non_mated)
    for threshold, fmr, fnmr in zip(curve.threshold, curve.fmr, curve.fnmr, strict=True):
        assert fmr == np.mean(other >= threshold)
        assert fnmr == np.mean(same < threshold)
    assert curve.fmr[0] == 1
    assert curve.fnmr[0] == 0
    assert curve.fmr[-1] == 0
    assert curve.fnmr[-1] == 1
    assert np.all(np.diff(curve.threshold) > 0)
    assert np.all(np.isfinite(curve.threshold))


@given(SCORES, SCORES)
def test_eer_is_where_the_interpolated_roc_meets_the_diagonal(mated, non_mated):
    fpr, tpr, _ = roc_curve(*stacked(mated, non_mated), drop_intermediate=False)
    crossing = brentq(lambda x: 1 - x - np.interp(x, fpr, tpr), 0, 1)
    # Where the curve is vertical the crossing's abscissa is still the EER.
    assert eer(mated, non_mated) == pytest.approx(crossing, abs=1e-6)


def test_eer_by_hand():
    # At thresholds 2 and 3 (FMR, FNMR) is (1/2, 1/4) and (0, 1/4); the line between meets FMR = FNMR at 1/4.
    assert eer([1.0, 3.0, 4.0, 5.0], [0.0, 2.0]) == 0.25
    # One tied step from (1, 0) to (0, 1) crosses in its middle.
    assert eer([1.0], [1.0]) == 0.5
    assert eer([2.0, 3.0], [0.0, 1.0]) == 0.0
    assert eer([0.0], [1.0]) == 1.0


@given(SCORES, SCORES)
def test_roles_swapped_and_negated_give_the_same(mated, non_mated):
    turned = [-x for x in non_mated], [-x for x in mated]
    assert auc(*turned) == pytest.approx(auc(mated, non_mated), abs=1e-12)
    assert eer(*turned) == pytest.approx(eer(mated, non_mated), abs=1e-12)
    # Swapping alone turns the matcher upside down.
    assert auc(non_mated, mated) == pytest.approx(1 - auc(mated, non_mated), abs=1e-12)


@given(SCORES, SCORES, st.randoms(), TARGET)
def test_order_and_increasing_maps_do_not_matter(mated, non_mated, random, target):
    same, other = mated[:], non_mated[:]
    random.shuffle(same)
    random.shuffle(other)
    # Times a power of two: strictly increasing in floating point too.
    same, other = [x * 8 for x in same], [x * 8 for x in other]
    assert auc(same, other) == auc(mated, non_mated)
    assert eer(same, other) == eer(mated, non_mated)
    before, after = operating_point(mated, non_mated, target), operating_point(same, other, target)
    assert before.fmr == after.fmr
    assert before.fnmr == after.fnmr
    assert before.supported == after.supported


@given(SCORES, SCORES, TARGET)
def test_operating_point_is_the_best_allowed(mated, non_mated, target):
    point = operating_point(mated, non_mated, target)
    same, other = np.array(mated), np.array(non_mated)
    assert point.fmr <= target
    assert point.fmr == np.mean(other >= point.threshold)
    assert point.fnmr == np.mean(same < point.threshold)
    allowed = [t for t in [*same, *other, np.inf] if np.mean(other >= t) <= target]
    assert point.fnmr == min(np.mean(same < t) for t in allowed)


@pytest.mark.parametrize(("size", "target"), [(300, 0.01), (700, 0.01), (3000, 0.001), (7000, 0.001)])
def test_at_most_includes_equal(size, target):
    other = np.arange(size, dtype=float)
    allowed = round(size * target)
    point = operating_point([size - allowed + 0.0, size - allowed - 1.0], other, target)
    assert point.fmr == target
    assert point.fnmr == 0.5
    assert point.supported


def test_at_most_is_not_nearest():
    # 2 of 150 accepted (1.33 %) is nearer to 1 % than 1 of 150 (0.67 %) is, and yet too many.
    other = np.arange(150.0)
    point = operating_point([148.0, 149.0], other, 0.01)
    assert point.fmr == 1 / 150
    assert point.fnmr == 0.5


def test_too_few_non_mated_comparisons_support_nothing():
    assert not operating_point([1.0], np.zeros(299), 0.01).supported
    assert operating_point([1.0], np.zeros(300), 0.01).supported
    assert supports(3000, 0.001)
    assert not supports(2999, 0.001)
    # The rule of three: no false match among so many leaves an FMR of up to the target, with 95 % confidence.
    assert rule_of_three_limit(3000) == pytest.approx(0.001, rel=0.002)
    found = matching([1.0, 2.0], np.zeros(2999), 0)
    assert found.fmr100 == 0.0
    assert found.fmr1000 is None
    assert found.operating_points[1].fnmr == 0.0


@pytest.mark.parametrize("target", [0.0, -0.1, 1.5, np.nan])
def test_a_target_out_of_range_is_refused(target):
    with pytest.raises(BadInputError, match="target FMR"):
        operating_point([1.0], [0.0], target)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(bad):
    for function in (det, auc, eer, match_histogram, lambda m, n: operating_point(m, n, 0.1)):
        with pytest.raises(BadInputError, match="non-mated"):
            function([0.1], [0.2, bad])
        with pytest.raises(BadInputError, match="mated"):
            function([bad], [0.2])


@pytest.mark.parametrize(("mated", "non_mated"), [([], [0.1]), ([0.1], []), ([], [])])
def test_empty_arrays_give_none(mated, non_mated):
    found = matching(mated, non_mated, 3)
    assert found.auc is None
    assert found.eer is None
    assert found.fmr100 is None
    assert found.fmr1000 is None
    assert found.mated == len(mated)
    assert found.non_mated == len(non_mated)
    assert found.failed == 3
    assert det(mated, non_mated) is auc(mated, non_mated) is eer(mated, non_mated) is None
    assert found.curve.threshold == []
    assert all(p.fnmr is None and not p.supported for p in found.operating_points)
    assert sum(found.histogram.counts["mated"]) == len(mated)
    assert Matching.model_validate_json(found.model_dump_json()) == found


@pytest.fixture(scope="module")
def overlapping():
    rng = np.random.default_rng(7)
    return rng.normal(2.5, 1, 4000), rng.normal(0, 1, 30000)


def test_thin_curve_keeps_ends_and_shape(overlapping):
    curve = det(*overlapping)
    thin = thin_curve(curve)
    assert 250 < len(thin.threshold) <= 300
    points = set(zip(curve.threshold, curve.fmr, curve.fnmr, strict=True))
    assert set(zip(thin.threshold, thin.fmr, thin.fnmr, strict=True)) <= points
    assert thin.fmr[0] == 1
    assert thin.fnmr[0] == 0
    assert thin.fmr[-1] == 0
    assert thin.fnmr[-1] == 1
    # By linear interpolation the whole curve comes back closely, in the bulk and in the tails.
    again = np.interp(curve.threshold, thin.threshold, thin.fnmr), np.interp(curve.threshold, thin.threshold, thin.fmr)
    for exact, found, size in ((curve.fnmr, again[0], 4000), (curve.fmr, again[1], 30000)):
        assert np.max(np.abs(found - exact)) < 4 / 300
        tail = (exact > 10 / size) & (exact < 0.1)
        assert np.max(np.abs(np.log(found[tail] / exact[tail]))) < 0.25
    assert -np.trapezoid(1 - np.array(thin.fnmr), thin.fmr) == pytest.approx(auc(*overlapping), abs=1e-3)


@given(SCORES, SCORES, st.integers(2, 30))
def test_thin_curve_never_exceeds_its_limit(mated, non_mated, limit):
    thin = thin_curve(det(mated, non_mated), limit=limit)
    assert len(thin.threshold) <= limit
    assert thin.fmr[0] == 1
    assert thin.fnmr[0] == 0
    assert thin.fmr[-1] == 0
    assert thin.fnmr[-1] == 1
    assert sorted(set(thin.threshold)) == thin.threshold


def test_thin_curve_refuses_one_point():
    with pytest.raises(BadInputError, match="at least 2"):
        thin_curve(None, limit=1)


@given(SCORES, SCORES, st.integers(1, 30))
def test_histogram_holds_every_comparison(mated, non_mated, bins):
    edges = common_edges(mated, non_mated, bins=bins)
    histogram = match_histogram(mated, non_mated, edges=edges)
    assert len(histogram.edges) == bins + 1
    assert sum(histogram.counts["mated"]) == len(mated)
    assert sum(histogram.counts["non_mated"]) == len(non_mated)


def test_edges_shared_by_phases_catch_what_lies_outside():
    histogram = match_histogram([-5.0, 0.5], [7.0], edges=[0.0, 0.5, 1.0])
    assert histogram.counts == {"mated": [1, 1], "non_mated": [0, 1]}
    with pytest.raises(BadInputError, match="edges"):
        match_histogram([0.1], [0.1], edges=[1.0, 0.0])
    with pytest.raises(BadInputError, match="bin"):
        common_edges([0.1], bins=0)


def test_matching_puts_the_figures_together(overlapping):
    found = matching(*overlapping, 2)
    assert found.auc == auc(*overlapping)
    assert found.eer == eer(*overlapping)
    assert found.fmr100 == operating_point(*overlapping, 0.01).fnmr
    assert found.fmr1000 == operating_point(*overlapping, 0.001).fnmr
    assert found.fmr100 < found.fmr1000
    assert Matching.model_validate_json(found.model_dump_json()) == found
    with pytest.raises(BadInputError, match="failed"):
        matching([1.0], [0.0], -1)


def test_float32_scores_give_the_same_rates(overlapping):
    mated, non_mated = (s.astype(np.float32) for s in overlapping)
    small, large = matching(mated, non_mated, 0), matching(mated.astype(float), non_mated.astype(float), 0)
    assert small.auc == large.auc
    assert small.eer == large.eer
    assert small.fmr100 == large.fmr100
    assert small.operating_points == large.operating_points


@settings(max_examples=20)
@given(SCORES, SCORES)
def test_inputs_are_left_alone(mated, non_mated):
    same, other = np.array(mated), np.array(non_mated)
    matching(same, other, 0)
    assert same.tolist() == mated
    assert other.tolist() == non_mated


def test_a_million_comparisons_take_no_time():
    rng = np.random.default_rng(1)
    start = time.perf_counter()
    found = matching(rng.normal(2, 1, 5000), rng.normal(0, 1, 1_000_000), 0)
    assert len(found.curve.fmr) <= 300
    assert time.perf_counter() - start < 20
