import numpy as np
import pytest

from facepriv.errors import BadInputError
from facepriv.metrics.matching import auc, curve_eer, det, operating_point
from facepriv.policy.mixed_utility import (
    COMBINATIONS,
    MixedMatching,
    PairScores,
    mixed_utility,
    pair_scores,
)

SUBJECTS = [f"s{i // 3}" for i in range(60)]


def cosine(gallery, probes):
    return gallery @ probes.T


def templates(rng, *, noise=0.0, dims=8, centres=None):
    centres = rng.normal(size=(20, dims)) if centres is None else centres
    rows = np.repeat(centres, 3, axis=0) + 0.4 * rng.normal(size=(60, dims)) + noise * rng.normal(size=(60, dims))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def both():
    rng = np.random.default_rng(4)
    centres = rng.normal(size=(20, 8))
    return templates(rng, centres=centres), templates(rng, centres=centres, noise=0.8)


@pytest.fixture(scope="module")
def scores(both):
    return pair_scores(*both, SUBJECTS, cosine)


def released_scores(pairs, perturbed):
    """Mated and non-mated scores of one released database."""
    combination = 2 * perturbed[pairs.first].astype(int) + perturbed[pairs.second]
    released = pairs.scores[combination, np.arange(len(combination))]
    exists = np.isfinite(released)
    return released[exists & pairs.mated], released[exists & ~pairs.mated]


def test_pairs_are_compared_once_in_all_combinations(both, scores):
    before, after = both
    assert len(scores.first) == 60 * 59 // 2
    assert np.all(scores.first < scores.second)
    assert scores.mated.sum() == 20 * 3
    for row, (one, other) in enumerate(COMBINATIONS):
        left, right = (after if one else before)[scores.first], (after if other else before)[scores.second]
        np.testing.assert_allclose(scores.scores[row], (left * right).sum(axis=1), atol=1e-6)


@pytest.mark.parametrize("by", ["image", "subject"])
def test_ends_are_the_plain_figures(scores, by):
    for p, row in ((0.0, 0), (1.0, 3)):
        found = MixedMatching(scores, select_by=by).utility(p, "m")
        same, other = scores.scores[row][scores.mated], scores.scores[row][~scores.mated]
        for point, target in ((found.fmr100, 0.01), (found.fmr1000, 0.001)):
            expected = operating_point(same, other, target)
            assert point.fmr == expected.fmr
            assert point.fnmr == expected.fnmr
            assert point.supported == expected.supported
            assert point.target_fmr == target
            assert point.threshold == pytest.approx(expected.threshold, abs=1e-6)
        assert found.eer == pytest.approx(curve_eer(det(same, other)), abs=1e-12)
        assert found.auc == pytest.approx(auc(same, other), abs=1e-12)


@pytest.mark.parametrize("p", [0.0, 0.07, 1 / 3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("by", ["image", "subject"])
@pytest.mark.parametrize("lost", [False, True])
def test_an_integer_mix_equals_the_repeated_scores(scores, by, p, lost):
    """At p = k/m the weights are whole numbers over m squared, so repeating scores gives the very mixture."""
    m = {0.07: 100, 1 / 3: 3, 0.5: 2, 0.9: 10}.get(p, 1)
    k = round(p * m)
    apart = [(m - k) ** 2, k * (m - k), k * (m - k), k**2]
    together = [m * (m - k), 0, 0, m * k]
    few = np.flatnonzero(scores.mated)[:12], np.flatnonzero(~scores.mated)[:110]
    some = np.concatenate(few)
    values = scores.scores[:, some].copy()
    if lost:  # more comparisons of perturbed images are lost than of others, so that counts matter and not p alone
        values[3, ::2] = values[1, ::3] = values[2, 1::3] = np.nan
    sub = PairScores(scores.first[some], scores.second[some], scores.mated[some], values)
    same = np.concatenate(
        [np.repeat(r[sub.mated], w) for r, w in zip(sub.scores, together if by == "subject" else apart, strict=True)]
    )
    other = np.concatenate([np.repeat(r[~sub.mated], w) for r, w in zip(sub.scores, apart, strict=True)])
    same, other = same[np.isfinite(same)], other[np.isfinite(other)]
    found = MixedMatching(sub, select_by=by).utility(p, "m")
    assert found.auc == pytest.approx(auc(same, other), abs=1e-12)
    assert found.eer == pytest.approx(curve_eer(det(same, other)), abs=1e-9)
    expected = operating_point(same, other, 0.01)
    assert found.fmr100.fnmr == pytest.approx(expected.fnmr, abs=1e-12)
    assert found.fmr100.fmr == pytest.approx(expected.fmr, abs=1e-12)
    assert found.fmr100.fmr <= 0.01 * (1 + 1e-9)
    assert not found.fmr100.supported, "110 comparisons, of 300"


@pytest.mark.parametrize("by", ["image", "subject"])
def test_expected_rates_are_the_mean_of_many_draws(scores, by):
    rng = np.random.default_rng(9)
    p, threshold = 0.4, 0.6
    draws = []
    for _ in range(1500):
        chosen = rng.random(60) < p if by == "image" else np.repeat(rng.random(20) < p, 3)
        same, other = released_scores(scores, chosen)
        draws.append((np.mean(same < threshold), np.mean(other >= threshold)))
    non_mated = [(1 - p) ** 2, p * (1 - p), p * (1 - p), p**2]
    mated = [1 - p, 0, 0, p] if by == "subject" else non_mated
    expected = [
        sum(w * np.mean(r[scores.mated] < threshold) for w, r in zip(mated, scores.scores, strict=True)),
        sum(w * np.mean(r[~scores.mated] >= threshold) for w, r in zip(non_mated, scores.scores, strict=True)),
    ]
    errors = np.std(draws, axis=0) / np.sqrt(len(draws))
    assert np.all(np.abs(np.mean(draws, axis=0) - expected) < 5 * errors)


def test_mated_pairs_of_one_subject_never_mix_when_subjects_are_drawn():
    """Cross comparisons are planted to fail and the others to succeed: only drawing images loses anything."""
    mated = np.repeat([True, False], [50, 200])
    scores = np.where(mated, 0.9, 0.1)[None].repeat(4, axis=0).astype(np.float32)
    scores[1:3, mated] = 0.0
    pairs = PairScores(np.arange(250), np.arange(250) + 250, mated, scores)
    by_image, by_subject = (mixed_utility(pairs, [0, 0.5, 1], "m", select_by=by) for by in ("image", "subject"))
    assert [u.fmr100.fnmr for u in by_image] == pytest.approx([0, 0.5, 0])
    assert [u.fmr100.fnmr for u in by_subject] == pytest.approx([0, 0, 0])
    assert [u.p for u in by_image] == [0, 0.5, 1]
    assert by_image[1].matcher == "m"


def test_what_does_not_change_does_not_depend_on_p(both):
    before, _ = both
    pairs = pair_scores(before, before, SUBJECTS, cosine)
    found = mixed_utility(pairs, np.linspace(0, 1, 14), "m")
    for one in found:
        assert one.fmr100.fnmr == pytest.approx(found[0].fmr100.fnmr, abs=1e-12)
        assert one.eer == pytest.approx(found[0].eer, abs=1e-12)
        assert one.auc == pytest.approx(found[0].auc, abs=1e-12)


def test_an_fmr_of_exactly_the_target_is_at_most_the_target_at_every_p():
    """3 of 300 non-mated scores are at least 0.8, so that 0.8 is a threshold for 1 %, however weights are rounded."""
    mated = np.repeat([True, False], [10, 300])
    scores = np.concatenate([np.full(10, 0.85), np.linspace(0, 0.5, 297), [0.8, 0.9, 0.95]]).astype(np.float32)
    pairs = PairScores(np.arange(310), np.arange(310) + 310, mated, np.tile(scores, (4, 1)))
    for by in ("image", "subject"):
        found = mixed_utility(pairs, np.linspace(0, 1, 101), "m", select_by=by)
        assert {one.fmr100.fnmr for one in found} == {0.0}
        assert {round(one.fmr100.threshold, 6) for one in found} == {0.8}


def test_failures_to_acquire_are_counted_and_take_part_in_nothing(both):
    before, after = both[0].copy(), both[1].copy()
    after[:3] = np.nan  # one whole subject is lost by perturbing
    after[10] = np.nan
    pairs = pair_scores(before, after, SUBJECTS, cosine)
    all_after = np.isin(np.arange(60), [0, 1, 2, 10], invert=True)
    same, other = released_scores(pairs, np.ones(60, bool))
    direct = pair_scores(
        before[all_after], after[all_after], [s for s, ok in zip(SUBJECTS, all_after, strict=True) if ok], cosine
    )
    assert sorted(same) == sorted(direct.scores[3][direct.mated])
    assert len(other) == 56 * 55 // 2 - 55
    assert MixedMatching(pairs).utility(1.0, "m").auc == pytest.approx(auc(same, other), abs=1e-12)


@pytest.mark.parametrize("width", [8, 0])
def test_a_run_that_loses_every_face_has_no_utility_at_one(both, width):
    before, _ = both
    pairs = pair_scores(before, np.full((60, width), np.nan, np.float32), SUBJECTS, cosine)
    found = mixed_utility(pairs, [0.0, 0.5, 1.0], "m")
    assert found[2].fmr1000.fnmr is None
    assert found[2].auc is None
    assert not found[2].fmr1000.supported
    # What is left at one half are pairs of untouched images only.
    assert found[1].fmr100.fnmr == pytest.approx(found[0].fmr100.fnmr)


def test_too_few_comparisons_do_not_support_a_point(scores):
    found = mixed_utility(scores, [0.3], "m")[0]
    assert found.fmr100.supported
    assert not found.fmr1000.supported, "1,710 pairs, of 3,000"
    few = np.flatnonzero(scores.mated | (np.arange(len(scores.mated)) % 8 == 0))
    less = PairScores(scores.first[few], scores.second[few], scores.mated[few], scores.scores[:, few])
    assert not mixed_utility(less, [0.3], "m")[0].fmr100.supported


def test_a_sample_of_non_mated_pairs_keeps_all_mated_ones(both, scores):
    drawn = [pair_scores(*both, SUBJECTS, cosine, most_non_mated=600, seed=seed) for seed in (1, 1, 2)]
    assert all(one.mated.sum() == 60 for one in drawn)
    assert abs((~drawn[0].mated).sum() - 600) < 5 * np.sqrt(600)
    assert drawn[0].second.tolist() == drawn[1].second.tolist() != drawn[2].second.tolist()
    whole = {(i, j): column for i, j, column in zip(scores.first, scores.second, scores.scores.T, strict=True)}
    for i, j, column in zip(drawn[0].first, drawn[0].second, drawn[0].scores.T, strict=True):
        np.testing.assert_allclose(column, whole[i, j], atol=1e-6)


def test_blocks_do_not_show():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 4)).astype(np.float32)
    found = pair_scores(rows, -rows, [str(i // 2) for i in range(300)], cosine)
    assert len({*zip(found.first.tolist(), found.second.tolist(), strict=True)}) == 300 * 299 // 2
    np.testing.assert_allclose(found.scores[3], found.scores[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.scores[1], -found.scores[0], rtol=1e-4, atol=1e-5)


def test_no_images_have_no_utility():
    pairs = pair_scores(np.empty((0, 4), np.float32), np.empty((0, 4), np.float32), [], cosine)
    assert mixed_utility(pairs, [0.5], "m")[0].eer is None


EMPTY = np.empty(0, np.int64)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda s, b: mixed_utility(s, [1.2], "m"), "out-of-range"),
        (lambda s, b: pair_scores(b, b[:-1], SUBJECTS, cosine), "bad-shape"),
        (lambda s, b: pair_scores(b, b, SUBJECTS, cosine, most_non_mated=0), "out-of-range"),
        (lambda s, b: PairScores(EMPTY, EMPTY, EMPTY.astype(bool), np.empty((3, 0), np.float32)), "bad-shape"),
        (lambda s, b: PairScores(s.first, s.second, s.mated, s.scores + np.float32(np.inf)), "not-finite"),
    ],
)
def test_bad_input_is_named(scores, both, call, code):
    with pytest.raises(BadInputError) as caught:
        call(scores, both[0])
    assert caught.value.code == code
