import numpy as np
import pytest
from sklearn.metrics import roc_curve

from facepriv.errors import BadInputError
from facepriv.metrics.matching import operating_point
from facepriv.metrics.mixture import ScoreMixture


def parts_of(seed, sizes=((40, 300), (60, 500), (40, 300)), digits=2):
    random = np.random.default_rng(seed)
    return [
        ((random.normal(size=m) + 2 - k / 2).round(digits), random.normal(size=n).round(digits))
        for k, (m, n) in enumerate(sizes)
    ]


@pytest.mark.parametrize("target", [0.1, 0.01, 0.003])
@pytest.mark.parametrize("seed", range(4))
def test_one_part_is_the_operating_point_of_its_scores(seed, target):
    parts = parts_of(seed)
    for k, weights in enumerate(np.eye(3)):
        assert ScoreMixture(parts).operating_point(weights, target) == operating_point(*parts[k], target)


@pytest.mark.parametrize("target", [0.2, 0.05, 0.01, 0.001])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.83, 1.0])
def test_it_is_the_best_of_all_thresholds(p, target):
    parts = parts_of(1)
    weights = np.array([(1 - p) ** 2, 2 * p * (1 - p), p**2])
    found = ScoreMixture(parts).operating_point(weights, target)
    everything = np.unique(np.concatenate([s for part in parts for s in part]))
    best = 1.0
    for threshold in np.append(everything, np.inf):
        fmr = sum(w * np.mean(other >= threshold) for w, (_, other) in zip(weights, parts, strict=True))
        fnmr = sum(w * np.mean(mated < threshold) for w, (mated, _) in zip(weights, parts, strict=True))
        if fmr <= target * (1 + 1e-12):
            best = min(best, fnmr)
    assert found.fnmr == pytest.approx(best, abs=1e-12)
    assert found.fmr <= target
    for rates, parts_rates in (
        (found.fmr, [np.mean(other >= found.threshold) for _, other in parts]),
        (found.fnmr, [np.mean(mated < found.threshold) for mated, _ in parts]),
    ):
        assert rates == pytest.approx(weights @ parts_rates, abs=1e-12)


def test_it_agrees_with_scikit_learn_on_weighted_scores():
    parts, weights = parts_of(3), np.array([0.49, 0.42, 0.09])
    scores = np.concatenate([np.concatenate(part) for part in parts])
    mated = np.concatenate([np.repeat([1, 0], [m.size, n.size]) for m, n in parts])
    share = np.concatenate(
        [np.repeat([w / m.size, w / n.size], [m.size, n.size]) for w, (m, n) in zip(weights, parts, strict=True)]
    )
    fmr, tmr, _ = roc_curve(mated, scores, sample_weight=share, drop_intermediate=False)
    for target in (0.3, 0.04, 0.007):
        found = ScoreMixture(parts).operating_point(weights, target)
        assert found.fnmr == pytest.approx(1 - tmr[fmr <= target].max(), abs=1e-9)


def test_a_mix_of_equal_parts_is_the_part():
    (part,) = parts_of(5, sizes=((50, 300),))
    found = ScoreMixture([part, part, part]).operating_point([0.49, 0.42, 0.09], 0.01)
    expected = operating_point(*part, 0.01)
    assert found.fmr == pytest.approx(expected.fmr, abs=1e-15)
    assert found.fnmr == pytest.approx(expected.fnmr, abs=1e-15)
    assert found.threshold == expected.threshold


def test_whole_subjects_mix_non_mated_comparisons_only():
    parts = parts_of(6)
    found = ScoreMixture(parts).operating_point([0.25, 0.5, 0.25], 0.05, mated_weights=[0.5, 0, 0.5])
    assert found.fnmr == pytest.approx(np.mean([np.mean(parts[k][0] < found.threshold) for k in (0, 2)]))


def test_support_follows_the_effective_number_of_comparisons():
    parts = parts_of(8, sizes=((10, 3000), (10, 150)))
    assert ScoreMixture(parts).operating_point([1, 0], 0.001).supported
    assert not ScoreMixture(parts).operating_point([0, 1], 0.001).supported
    assert ScoreMixture(parts).operating_point([0, 1], 0.02).supported
    # 1 / (0.25 / 3000 + 0.25 / 150) is about 571, three times 190.
    assert ScoreMixture(parts).operating_point([0.5, 0.5], 1 / 190).supported
    assert not ScoreMixture(parts).operating_point([0.5, 0.5], 1 / 192).supported
    # Three times the same images do not make three times as many comparisons.
    equal = parts_of(8, sizes=((10, 300),) * 3)
    assert ScoreMixture(equal).operating_point([0.25, 0.5, 0.25], 0.01).supported
    assert not ScoreMixture(equal).operating_point([0.25, 0.5, 0.25], 0.0099).supported


def test_a_part_without_scores_matters_only_if_it_weighs_something():
    (part,) = parts_of(9, sizes=((20, 200),))
    mixture = ScoreMixture([part, ([], [])])
    assert mixture.operating_point([1, 0], 0.01) == operating_point(*part, 0.01)
    nothing = mixture.operating_point([0.5, 0.5], 0.01)
    assert nothing.threshold is None
    assert nothing.fmr is None
    assert nothing.fnmr is None
    assert not nothing.supported
    with pytest.raises(BadInputError) as caught:
        mixture.fmr(0.0, [0.5, 0.5])
    assert caught.value.code == "empty-part"


@pytest.mark.parametrize(
    ("weights", "target", "code"),
    [
        ([0.5, 0.4, 0.2], 0.01, "out-of-range"),
        ([1.2, -0.2, 0], 0.01, "out-of-range"),
        ([0.5, 0.5], 0.01, "bad-shape"),
        ([1, 0, 0], 0, "out-of-range"),
        ([1, 0, 0], 1.5, "out-of-range"),
    ],
)
def test_bad_weights_and_targets_are_refused(weights, target, code):
    with pytest.raises(BadInputError) as caught:
        ScoreMixture(parts_of(0)).operating_point(weights, target)
    assert caught.value.code == code


def test_bad_scores_are_refused():
    for parts, code in (([], "no-parts"), ([([0.1], [np.nan])], "not-finite"), ([([[0.1]], [0.2])], "bad-shape")):
        with pytest.raises(BadInputError) as caught:
            ScoreMixture(parts)
        assert caught.value.code == code
