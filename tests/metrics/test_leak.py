import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from facepriv.errors import BadInputError
from facepriv.metrics.leak import binary_entropy, sign_accuracy, sign_bits

RATE = st.floats(0, 1)
COUNT = st.integers(0, 40)


@given(COUNT, COUNT, COUNT, COUNT)
def test_bits_agree_with_scikit_learn(mm, mf, fm, ff):
    men, women = mm + mf, fm + ff
    if not men or not women:
        return
    label = np.repeat([1, 1, -1, -1], [mm, mf, fm, ff])
    sign = np.repeat([1, -1, 1, -1], [mm, mf, fm, ff])
    expected = mutual_info_score(label, sign) / np.log(2)
    found = sign_bits(mf / men, fm / women, prior=men / (men + women))
    assert float(found) == pytest.approx(expected, abs=1e-9)


@given(COUNT, COUNT, COUNT, COUNT)
def test_accuracy_is_that_of_the_best_of_all_four_rules(mm, mf, fm, ff):
    men, women = mm + mf, fm + ff
    if not men or not women:
        return
    total = men + women
    rules = [mm + ff, mf + fm, men, women]  # believe, invert, always male, always female
    found = sign_accuracy(mf / men, fm / women, prior=men / total)
    assert float(found) == pytest.approx(max(rules) / total)


@given(RATE, RATE)
def test_accuracy_at_equal_priors_is_the_closed_formula(a, b):
    assert float(sign_accuracy(a, b)) == pytest.approx(0.5 + abs(1 - a - b) / 2)


@given(RATE, RATE, RATE)
def test_inverting_the_classifier_or_swapping_the_genders_changes_nothing(a, b, prior):
    for function in (sign_accuracy, sign_bits):
        here = float(function(a, b, prior=prior))
        assert float(function(1 - a, 1 - b, prior=prior)) == pytest.approx(here, abs=1e-9)
        assert float(function(b, a, prior=1 - prior)) == pytest.approx(here, abs=1e-9)


@given(RATE, RATE)
def test_no_leak_where_the_errors_add_up_to_one(a, prior):
    assert float(sign_bits(a, 1 - a, prior=prior)) == pytest.approx(0, abs=1e-12)
    assert float(sign_accuracy(a, 1 - a, prior=prior)) == pytest.approx(max(prior, 1 - prior))


@given(RATE, RATE, RATE)
def test_leak_stays_in_range(a, b, prior):
    assert 0 <= float(sign_bits(a, b, prior=prior)) <= float(binary_entropy(prior))
    assert max(prior, 1 - prior) - 1e-12 <= float(sign_accuracy(a, b, prior=prior)) <= 1 + 1e-12


def test_known_values():
    assert float(sign_bits(0, 0)) == 1
    assert float(sign_bits(1, 1)) == 1
    # Binary symmetric channel: 1 - h(0.11) is close to one half.
    assert float(sign_bits(0.11, 0.11)) == pytest.approx(0.5, abs=1e-3)
    assert binary_entropy([0, 0.5, 1]).tolist() == [0, 1, 0]


def test_arrays_broadcast():
    assert sign_bits(np.linspace(0, 1, 5), 0.1).shape == (5,)
    assert sign_accuracy(np.zeros((3, 1)), np.zeros(4)).shape == (3, 4)


@pytest.mark.parametrize("bad", [-0.1, 1.1, 14.9, np.nan])
def test_rates_out_of_range_are_refused(bad):
    for arguments in ((bad, 0.1), (0.1, bad)):
        for function in (sign_accuracy, sign_bits):
            with pytest.raises(BadInputError, match="fraction"):
                function(*arguments)
    with pytest.raises(BadInputError, match="share of men"):
        sign_bits(0.1, 0.1, prior=bad)
