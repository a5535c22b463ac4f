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
    balanced = np.array([[mm * women, mf * women], [fm * men, ff * men]])  # as many men as women
    expected = mutual_info_score(None, None, contingency=balanced) / np.log(2)
    found = sign_bits(mf / men, fm / women)
    assert float(found) == pytest.approx(expected, abs=1e-9)


@given(COUNT, COUNT, COUNT, COUNT)
def test_accuracy_is_that_of_the_best_of_all_four_rules(mm, mf, fm, ff):
    men, women = mm + mf, fm + ff
    if not men or not women:
        return
    believe, invert = (mm / men + ff / women) / 2, (mf / men + fm / women) / 2
    found = sign_accuracy(mf / men, fm / women)
    assert float(found) == pytest.approx(max(believe, invert, 0.5))  # 0.5: always the same answer


@given(RATE, RATE)
def test_accuracy_at_equal_priors_is_the_closed_formula(a, b):
    assert float(sign_accuracy(a, b)) == pytest.approx(0.5 + abs(1 - a - b) / 2)


@given(RATE, RATE)
def test_inverting_the_classifier_or_swapping_the_genders_changes_nothing(a, b):
    for function in (sign_accuracy, sign_bits):
        here = float(function(a, b))
        assert float(function(1 - a, 1 - b)) == pytest.approx(here, abs=1e-9)
        assert float(function(b, a)) == pytest.approx(here, abs=1e-9)


@given(RATE)
def test_no_leak_where_the_errors_add_up_to_one(a):
    assert float(sign_bits(a, 1 - a)) == pytest.approx(0, abs=1e-12)
    assert float(sign_accuracy(a, 1 - a)) == pytest.approx(0.5)


@given(RATE, RATE)
def test_leak_stays_in_range(a, b):
    assert 0 <= float(sign_bits(a, b)) <= 1
    assert 0.5 - 1e-12 <= float(sign_accuracy(a, b)) <= 1 + 1e-12


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
