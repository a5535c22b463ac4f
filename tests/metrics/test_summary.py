import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from facepriv.errors import BadInputError
from facepriv.metrics.summary import summarise, summarise_by_gender

VALUES = st.lists(st.floats(-1e6, 1e6), max_size=40)


@given(VALUES)
def test_agrees_with_scipy(values):
    found = summarise(values)
    assert found.n == len(values)
    if not values:
        assert found.mean is None
        assert found.standard_error is None
        assert found.median is None
        assert found.minimum is None
        assert found.maximum is None
        return
    assert found.mean == pytest.approx(np.mean(values))
    assert found.minimum == min(values)
    assert found.maximum == max(values)
    assert found.median == pytest.approx(np.median(values))
    if len(values) > 1:
        assert found.standard_error == pytest.approx(stats.sem(values), abs=1e-9)
    else:
        assert found.standard_error is None


def test_standard_error_by_hand():
    assert summarise([1, 2, 3, 4]).standard_error == pytest.approx(np.sqrt(5 / 3) / 2)


def test_unlabelled_images_count_in_all_only():
    found = summarise_by_gender([10, 20, 60, 30], [1, 1, -1, 0])
    assert found.all.n == 4
    assert found.male.n == 2
    assert found.female.n == 1
    assert found.all.mean == 30
    assert found.male.mean == 15
    assert found.female.mean == 60


@given(st.lists(st.tuples(st.floats(0, 100), st.sampled_from([-1, 0, 1])), max_size=30))
def test_swapping_the_labels_swaps_the_groups(images):
    values, labels = [v for v, _ in images], np.array([g for _, g in images], dtype=int)
    found, swapped = summarise_by_gender(values, labels), summarise_by_gender(values, -labels)
    assert found.all == swapped.all
    assert found.male == swapped.female
    assert found.female == swapped.male


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad):
    with pytest.raises(BadInputError, match="finite"):
        summarise([1.0, bad])
