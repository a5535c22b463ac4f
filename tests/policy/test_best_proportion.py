import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepriv.errors import BadInputError
from facepriv.policy.best_proportion import best_proportion, draw_standard_error, judge_proportion
from facepriv.schemas.audits import CurvePoint, Utility
from facepriv.schemas.figures import OperatingPoint

PS = [0.0, 0.25, 0.5, 0.75, 1.0]


def points(ps=PS, **accuracies):
    return [
        CurvePoint(p=p, attacker=name, accuracy=value, auc=value, bits=0.0)
        for name, values in accuracies.items()
        for p, value in zip(ps, values, strict=True)
    ]


def usefulness(fnmrs, ps=PS, matcher="m", *, supported=True):
    def point(target, fnmr):
        return OperatingPoint(target_fmr=target, threshold=0.5, fmr=target, fnmr=fnmr, supported=supported)

    return [
        Utility(p=p, matcher=matcher, fmr100=point(0.01, 0.0), fmr1000=point(0.001, fnmr), eer=0.0, auc=1.0)
        for p, fnmr in zip(ps, fnmrs, strict=True)
    ]


CURVE = points(sign=[1, 0.75, 0.5, 0.75, 1], score=[1, 0.9, 0.8, 0.7, 0.9])


def test_the_worst_attacker_decides_not_the_sign():
    found = best_proportion(CURVE)
    assert found.p == 0.75
    assert found.accuracy == 0.75
    assert found.attacker == "sign"
    assert "75.0 % of the images" in found.sentence
    assert best_proportion(CURVE[:5]).p == 0.5
    assert "no better than guessing" in best_proportion(CURVE[:5]).sentence


def test_of_near_equals_the_smallest():
    curve = points(score=[1, 0.606, 0.6, 0.61, 0.62])
    assert best_proportion(curve).p == 0.25
    assert "Changing more gains at most 1.0 points (best: 60.0 % at 50.0 %)" in best_proportion(curve).sentence
    assert best_proportion(curve, tolerance=0.0).p == 0.5
    assert best_proportion(points(score=[0.9] * 5)).p == 0
    assert "This run does not protect gender" in best_proportion(points(score=[0.9] * 5)).sentence
    assert "Change no image" in best_proportion(points(score=[0.5] * 5)).sentence


def test_the_floor_binds():
    loss = usefulness([0.02, 0.025, 0.029, 0.05, 0.3])
    found = best_proportion(CURVE, loss, most_fnmr_loss=0.01)
    assert found.p == 0.5
    assert "Changing 75.0 % would lower this to 75.0 % but cost too much recognition" in found.sentence
    assert "m wrongly rejects 3.0 more of every 100 genuine pairs (allowed: 1.0)" in found.sentence
    # A floor that is met exactly is kept.
    assert best_proportion(CURVE, loss, most_fnmr_loss=0.03).p == 0.75
    assert "recognition" not in best_proportion(CURVE, loss, most_fnmr_loss=0.03).sentence
    assert best_proportion(CURVE, loss).p == 0.75


def test_every_matcher_keeps_the_floor():
    both = usefulness([0, 0, 0, 0, 0]) + usefulness([0, 0, 0.2, 0.3, 0.4], matcher="other")
    found = best_proportion(CURVE, both, most_fnmr_loss=0.01)
    assert found.p == 0.25
    assert "other wrongly rejects 30.0 more" in found.sentence


def test_no_proportion_above_0_is_allowed():
    found = best_proportion(CURVE, usefulness([0.0, 0.5, 0.5, 0.5, 0.5]), most_fnmr_loss=0.1)
    assert found.p == 0.0
    assert found.accuracy == 1.0
    assert "every other proportion costs too much recognition" in found.sentence


def test_no_measured_proportion_is_allowed():
    curve = [point for point in CURVE if point.p > 0]
    found = best_proportion(curve, usefulness([0.0, 0.5, 0.5, None, 0.5]), most_fnmr_loss=0.1)
    assert found.p == 0.0
    assert found.accuracy is None
    assert found.attacker is None
    assert "every proportion costs too much recognition" in found.sentence


def test_a_matcher_with_nothing_left_breaks_the_floor():
    found = best_proportion(CURVE, usefulness([0.0, 0.0, 0.0, None, None]), most_fnmr_loss=1.0)
    assert "has nothing left to compare" in found.sentence


def test_unsupported_points_are_flagged():
    weak = usefulness([0.0] * 5, matcher="small", supported=False)
    found = best_proportion(CURVE, usefulness([0.0] * 5) + weak, most_fnmr_loss=0.01)
    assert "small: too few impostor comparisons" in found.sentence
    assert "too few" not in best_proportion(CURVE, weak).sentence


@given(st.lists(st.tuples(st.floats(0.5, 1), st.floats(0.5, 1)), min_size=2, max_size=8), st.floats(0, 0.1))
def test_no_allowed_proportion_is_better_by_more_than_the_tolerance(pairs, tolerance):
    ps = np.linspace(0, 1, len(pairs)).tolist()
    found = best_proportion(points(ps, a=[a for a, _ in pairs], b=[b for _, b in pairs]), tolerance=tolerance)
    worst = dict(zip(ps, map(max, pairs), strict=True))
    assert found.accuracy == worst[found.p] <= min(worst.values()) + tolerance + 1e-9
    assert all(worst[p] > min(worst.values()) + tolerance for p in ps if p < found.p)


def test_order_of_points_does_not_matter():
    assert best_proportion(CURVE[::-1]) == best_proportion(CURVE)


def test_rounding_parts_no_proportions():
    curve = points([0.0, 0.1 * 3], a=[1, 0.6]) + points([0.0, 0.3], b=[1, 0.7])
    found = best_proportion(curve, usefulness([0.0, 0.0], [0.0, 0.3]), most_fnmr_loss=0.0)
    assert found.p == pytest.approx(0.3)
    assert found.accuracy == 0.7
    assert found.attacker == "b"
    assert judge_proportion(0.1 * 3, curve).accuracy == 0.7


def test_a_set_proportion_is_judged_beside_the_best():
    loss = usefulness([0.0, 0.0, 0.0, 0.05, 0.3])
    found = judge_proportion(1.0, CURVE, loss, most_fnmr_loss=0.01)
    assert found.p == 1.0
    assert found.accuracy == 1.0
    assert "costs too much recognition: m wrongly rejects 30.0 more" in found.sentence
    assert "50.0 % is best" in found.sentence
    good = judge_proportion(0.75, CURVE)
    assert "is best" not in good.sentence
    assert "recognition" not in good.sentence


def test_noise_is_the_spread_of_coins():
    rng = np.random.default_rng(1)
    men, women, draws = 30, 50, 3
    seen = [
        (rng.random((draws, men)) < 0.5).mean() / 2 + (rng.random((draws, women)) < 0.5).mean() / 2 for _ in range(4000)
    ]
    assert np.std(seen) == pytest.approx(draw_standard_error(men, women, draws), rel=0.06)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: best_proportion([]), "no-curve"),
        (lambda: best_proportion(points([0.0, 1.5], a=[1, 1])), "out-of-range"),
        (lambda: best_proportion(points([0.0], a=[float("nan")])), "out-of-range"),
        (lambda: best_proportion(CURVE[:-1]), "uneven-curve"),
        (lambda: best_proportion([*CURVE, CURVE[0]]), "repeated-point"),
        (lambda: best_proportion(CURVE, tolerance=-0.1), "out-of-range"),
        (lambda: best_proportion(CURVE, usefulness([0.0] * 5), most_fnmr_loss=1), None),
        (lambda: best_proportion(CURVE, usefulness([0.0] * 5), most_fnmr_loss=10), "out-of-range"),
        (lambda: best_proportion(CURVE, most_fnmr_loss=0.01), "no-utility"),
        (lambda: best_proportion(CURVE, usefulness([0.0] * 5)[1:], most_fnmr_loss=0.01), "no-utility"),
        (lambda: judge_proportion(1.2, CURVE), "out-of-range"),
        (lambda: judge_proportion(0.4, CURVE), "not-measured"),
        (lambda: draw_standard_error(0, 1, 1), "out-of-range"),
    ],
)
def test_bad_input_is_named(call, code):
    if code is None:
        assert call().p == 0.75
        return
    with pytest.raises(BadInputError) as caught:
        call()
    assert caught.value.code == code
