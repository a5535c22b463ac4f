import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepriv.errors import BadInputError
from facepriv.policy.proportion import optimal_proportion, sign_attacker_curve
from facepriv.wording import percent

RATE = st.floats(0, 1)
ERRORS = st.tuples(RATE, RATE)
GRID = np.linspace(0, 1, 201)


def test_the_papers_intraface_on_muct():
    # Table 4: men 17/1779 before and 1503/1779 after, women 521/1821 and 1255/1821.
    before, after = (17 / 1779, 521 / 1821), (1503 / 1779, 1255 / 1821)
    best = optimal_proportion(before, after)
    expected = (1 - sum(before)) / (sum(after) - sum(before))
    assert best.p == pytest.approx(expected)
    assert best.zero_leak
    assert best.accuracy == pytest.approx(0.5)
    assert best.bits == pytest.approx(0, abs=1e-12)
    assert percent(expected) in best.sentence


@given(ERRORS, ERRORS)
def test_ends_of_the_curve_are_the_given_errors(before, after):
    curve = sign_attacker_curve(before, after, [0.0, 1.0])
    assert (curve.male_error[0], curve.female_error[0]) == pytest.approx(before)
    assert (curve.male_error[1], curve.female_error[1]) == pytest.approx(after)
    assert curve.accuracy == pytest.approx([0.5 + abs(1 - sum(e)) / 2 for e in (before, after)])


@given(ERRORS, ERRORS)
def test_the_optimum_is_the_least_on_a_grid(before, after):
    best = optimal_proportion(before, after)
    curve = sign_attacker_curve(before, after, GRID)
    assert 0 <= best.p <= 1
    assert best.accuracy <= curve.accuracy.min() + 1e-9
    at = sign_attacker_curve(before, after, best.p)
    assert best.accuracy == float(at.accuracy)
    assert best.bits == float(at.bits)
    if best.zero_leak:
        assert best.bits <= curve.bits.min() + 1e-9


@given(ERRORS, ERRORS)
def test_zero_leak_exactly_where_the_sums_straddle_one(before, after):
    best = optimal_proportion(before, after)
    assert best.zero_leak == (min(sum(before), sum(after)) <= 1 <= max(sum(before), sum(after)))
    assert (best.accuracy == pytest.approx(0.5, abs=1e-9)) or not best.zero_leak
    assert ("No proportion brings this down to guessing" in best.sentence) == (not best.zero_leak)


@given(ERRORS, ERRORS)
def test_swapping_the_genders_changes_nothing(before, after):
    here, there = optimal_proportion(before, after), optimal_proportion(before[::-1], after[::-1])
    assert here.p == pytest.approx(there.p, abs=1e-9)
    assert here.accuracy == pytest.approx(there.accuracy, abs=1e-9)


@pytest.mark.parametrize(
    ("before", "after", "p", "zero_leak", "words"),
    [
        ((0.0, 0.1), (0.3, 0.4), 1.0, False, "perturb every image"),
        ((0.2, 0.2), (0.1, 0.1), 0.0, False, "perturb no image"),
        ((0.2, 0.2), (0.2, 0.2), 0.0, False, "perturb no image"),
        ((0.9, 0.8), (0.6, 0.6), 1.0, False, "both above 100 %"),
        ((0.25, 0.75), (0.9, 0.9), 0.0, True, "no image perturbed"),
        ((0.0, 0.0), (1.0, 1.0), 0.5, True, "50.0 %"),
        ((0.0, 0.0), (0.5, 0.5), 1.0, True, "100.0 %"),
    ],
)
def test_cases(before, after, p, zero_leak, words):
    best = optimal_proportion(before, after)
    assert best.p == pytest.approx(p)
    assert best.zero_leak is zero_leak
    assert words.lower() in best.sentence.lower()


def test_at_zero_leak_the_sign_does_not_depend_on_gender():
    best = optimal_proportion((0.02, 0.1), (0.9, 0.7))
    here = sign_attacker_curve((0.02, 0.1), (0.9, 0.7), best.p)
    assert float(here.bits) < 1e-12
    assert 1 - here.male_error == pytest.approx(here.female_error)  # whatever the share of men


@pytest.mark.parametrize("bad", [-0.01, 1.01, 50, np.nan])
def test_values_out_of_range_are_refused(bad):
    with pytest.raises(BadInputError, match="proportion"):
        sign_attacker_curve((0, 0), (1, 1), bad)
    with pytest.raises(BadInputError, match="errors after"):
        optimal_proportion((0, 0), (0.5, bad))
