import numpy as np
import pytest

from facepriv.errors import BadInputError
from facepriv.metrics.match_bootstrap import MatchBootstrap
from facepriv.metrics.matching import operating_point
from tests.metrics import fixed_threshold


def comparisons(seed, subjects=15, most=4, full=True, digits=2):
    """Subjects of all pairs of images, mated and non-mated, and their scores."""
    random = np.random.default_rng(seed)
    image = np.repeat(np.arange(subjects), random.integers(1, most + 1, subjects))
    a, b = np.triu_indices(image.size, 1)
    if not full:
        some = random.random(a.size) < 0.4
        a, b = a[some], b[some]
    first, second = image[a], image[b]
    same = first == second
    own = random.normal(size=subjects)
    mated = 2 + own[first[same]] + random.normal(size=same.sum())
    non_mated = (own[first] + own[second])[~same] / 2 + random.normal(size=(~same).sum())
    names = np.array([f"s{i:02d}" for i in range(subjects)])
    where = names[first[same]], names[first[~same]], names[second[~same]]
    return where, mated.round(digits), non_mated.round(digits)


def copied(bootstrap, where, mated, non_mated, resample):
    """Scores as often as their comparison is there in a resample."""
    count = dict(zip(bootstrap.subjects, bootstrap.counts[:, resample].astype(int), strict=True))
    own = np.array([count[s] for s in where[0]], dtype=int)
    product = np.array([count[a] * count[b] for a, b in zip(where[1], where[2], strict=True)], dtype=int)
    return np.repeat(mated, own), np.repeat(non_mated, product)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("target", [0.3, 0.05, 0.01])
def test_every_replicate_is_the_operating_point_of_the_copied_comparisons(target, full):
    where, mated, non_mated = comparisons(1, full=full, digits=1)
    bootstrap = MatchBootstrap(*where, resamples=60, seed=4)
    found = bootstrap.fnmr_at_fmr(mated, non_mated, target)
    assert found.value == operating_point(mated, non_mated, target).fnmr
    for resample in range(60):
        same, other = copied(bootstrap, where, mated, non_mated, resample)
        expected = operating_point(same, other, target).fnmr
        assert found.replicates[resample] == (np.nan if expected is None else pytest.approx(expected, abs=1e-12))


def test_more_scores_than_were_sorted_at_first_change_nothing():
    # One subject has all the high scores, so that resamples with it many times reach far down.
    random = np.random.default_rng(0)
    a, b = np.triu_indices(60, 1)
    non_mated = random.normal(size=a.size) + 6 * (a == 0)
    mated = random.normal(size=60) + 3
    bootstrap = MatchBootstrap(np.arange(60), a, b, resamples=40, seed=1)
    found = bootstrap.fnmr_at_fmr(mated, non_mated, 0.02)
    for resample in range(40):
        same, other = copied(bootstrap, (np.arange(60), a, b), mated, non_mated, resample)
        assert found.replicates[resample] == pytest.approx(operating_point(same, other, 0.02).fnmr, abs=1e-12)


@pytest.mark.parametrize("full", [True, False])
def test_rates_at_a_threshold_are_those_of_the_copied_comparisons(full):
    where, mated, non_mated = comparisons(2, full=full)
    bootstrap = MatchBootstrap(*where, resamples=50, seed=2)
    fnmr, fmr = fixed_threshold.fnmr(bootstrap, mated, 1.0), fixed_threshold.fmr(bootstrap, non_mated, 1.0)
    assert fnmr.value == np.mean(mated < 1)
    assert fmr.value == np.mean(non_mated >= 1)
    for resample in range(50):
        same, other = copied(bootstrap, where, mated, non_mated, resample)
        assert fnmr.replicates[resample] == pytest.approx(np.mean(same < 1), abs=1e-12)
        assert fmr.replicates[resample] == pytest.approx(np.mean(other >= 1), abs=1e-12)


def test_pairs_that_do_not_depend_on_their_subjects_have_the_binomial_error():
    random = np.random.default_rng(5)
    a, b = np.triu_indices(60, 1)
    errors, factors = [], []
    for seed in range(20):
        found = fixed_threshold.fmr(MatchBootstrap(a[:0], a, b, resamples=300, seed=seed), random.random(a.size), 0.9)
        errors.append(found.standard_error)
        factors.append(found.error_factor)
    assert np.mean(errors) == pytest.approx(np.sqrt(0.1 * 0.9 / a.size), rel=0.15)
    assert np.mean(factors) == pytest.approx(1 / np.sqrt(3), rel=0.15)


def test_subjects_that_everyone_is_taken_for_widen_the_interval():
    random = np.random.default_rng(6)
    a, b = np.triu_indices(60, 1)
    own = random.normal(size=60)
    scores = own[a] + own[b]
    threshold = np.quantile(scores, 0.9)
    found = fixed_threshold.fmr(MatchBootstrap(a[:0], a, b), scores, threshold)
    assert found.standard_error > 4 * np.sqrt(0.1 * 0.9 / a.size)


def test_names_order_and_sides_of_comparisons_change_nothing():
    where, mated, non_mated = comparisons(3)
    random = np.random.default_rng(0)
    m, n = random.permutation(mated.size), random.permutation(non_mated.size)
    swap = random.random(non_mated.size) < 0.5
    one = MatchBootstrap(*where, resamples=50)
    first, second = np.where(swap, where[2], where[1])[n], np.where(swap, where[1], where[2])[n]
    other = MatchBootstrap(where[0][m], first, second, resamples=50)
    for figure in (
        lambda x, s, d: fixed_threshold.fnmr(x, s, 1.0),
        lambda x, s, d: fixed_threshold.fmr(x, d, 1.0),
        lambda x, s, d: x.fnmr_at_fmr(s, d, 0.05),
    ):
        expected, found = figure(one, mated, non_mated), figure(other, mated[m], non_mated[n])
        np.testing.assert_allclose(found.replicates, expected.replicates, atol=1e-12)
        np.testing.assert_allclose(found.influence, expected.influence, atol=1e-12)


def test_comparisons_not_made_are_left_out():
    where, mated, non_mated = comparisons(4)
    random = np.random.default_rng(1)
    gone_m, gone_n = random.random(mated.size) < 0.2, random.random(non_mated.size) < 0.2
    bootstrap = MatchBootstrap(*where, resamples=30)
    same, other = np.where(gone_m, np.nan, mated), np.where(gone_n, np.nan, non_mated)
    found = bootstrap.fnmr_at_fmr(same, other, 0.05)
    assert found.value == operating_point(mated[~gone_m], non_mated[~gone_n], 0.05).fnmr
    kept = where[0][~gone_m], where[1][~gone_n], where[2][~gone_n]
    for resample in range(30):
        copies = copied(bootstrap, kept, mated[~gone_m], non_mated[~gone_n], resample)
        assert found.replicates[resample] == pytest.approx(operating_point(*copies, 0.05).fnmr, abs=1e-12)


def test_rule_of_three_counts_subjects_not_comparisons():
    where, mated, non_mated = comparisons(5, subjects=21, most=4)
    bootstrap = MatchBootstrap(*where, resamples=30)
    with_mated = np.unique(where[0]).size
    fnmr = fixed_threshold.fnmr(bootstrap, mated, -99).interval()
    assert fnmr.value == 0
    assert fnmr.low == 0
    assert fnmr.unseen
    assert fnmr.high == pytest.approx(1 - 0.05 ** (1 / with_mated))
    fmr = fixed_threshold.fmr(bootstrap, non_mated, 99).interval()
    assert fmr.value == 0
    assert fmr.low == 0
    assert fmr.unseen
    assert fmr.high == pytest.approx(1 - 0.05 ** (1 / 10))
    apart = bootstrap.fnmr_at_fmr(mated + 99, non_mated, 0.01).interval()
    assert apart.value == 0
    assert apart.unseen


def test_before_and_after_are_paired():
    where, before, non_mated = comparisons(6, subjects=40)
    random = np.random.default_rng(2)
    after = before - 0.1 + 0.02 * random.normal(size=before.size)
    other = non_mated + 0.02 * random.normal(size=non_mated.size)
    bootstrap = MatchBootstrap(*where)
    one = bootstrap.fnmr_at_fmr(before, non_mated, 0.05)
    two = bootstrap.fnmr_at_fmr(after, other, 0.05)
    difference = two.minus(one)
    assert difference.value == pytest.approx(two.value - one.value)
    np.testing.assert_array_equal(difference.replicates, two.replicates - one.replicates)
    assert difference.standard_error < 0.6 * np.hypot(one.standard_error, two.standard_error)
    interval = difference.interval()
    assert interval.low < interval.value < interval.high


def test_unsupported_points_and_missing_scores_have_no_figure():
    where, mated, non_mated = comparisons(7, subjects=8, most=2)
    bootstrap = MatchBootstrap(*where, resamples=20)
    assert non_mated.size < 1000
    assert bootstrap.fnmr_at_fmr(mated, non_mated, 0.001).interval().value is None
    assert bootstrap.fnmr_at_fmr(np.full(mated.size, np.nan), non_mated, 0.01).interval().value is None
    assert bootstrap.fnmr_at_fmr(mated, np.full(non_mated.size, np.nan), 0.01).interval().value is None


def test_constant_scores_are_fine():
    where, mated, non_mated = comparisons(8)
    bootstrap = MatchBootstrap(*where, resamples=20)
    flat, other = np.ones(mated.size), np.ones(non_mated.size)
    assert bootstrap.fnmr_at_fmr(flat, other, 0.05).interval().value == 1


@pytest.mark.parametrize(
    ("where", "code"),
    [
        (([], ["a", "b"], ["b", "b"]), "not-non-mated"),
        ((["a"], [], []), "too-few-subjects"),
        (([], [], []), "too-few-subjects"),
        ((["a"], ["a", "b"], ["b"]), "bad-shape"),
        (([["a"]], ["a"], ["b"]), "bad-shape"),
    ],
)
def test_bad_subjects_are_refused(where, code):
    with pytest.raises(BadInputError) as caught:
        MatchBootstrap(*where)
    assert caught.value.code == code


def test_bad_scores_and_targets_are_refused():
    where, mated, non_mated = comparisons(9)
    bootstrap = MatchBootstrap(*where, resamples=10)
    for call, code in (
        (lambda: bootstrap.fnmr_at_fmr(mated[1:], non_mated, 0.1), "bad-shape"),
        (lambda: bootstrap.fnmr_at_fmr(mated, non_mated[None], 0.1), "bad-shape"),
        (lambda: bootstrap.fnmr_at_fmr(mated, non_mated, 0), "out-of-range"),
        (lambda: bootstrap.fnmr_at_fmr(mated, non_mated, 10), "out-of-range"),
        (lambda: MatchBootstrap(*where, resamples=0), "out-of-range"),
    ):
        with pytest.raises(BadInputError) as caught:
            call()
        assert caught.value.code == code
