"""Unlinkability against a case worked out by hand, and what any scores must keep to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepriv.errors import BadInputError
from facepriv.metrics.unlinkability import unlinkability

SCORES = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=60)


def test_a_case_by_hand() -> None:
    # Bins 0-1, 1-2, 2-3 and 3-4. Mated: 1, 1, 3, 5 of 10; non-mated: 4, 4, 2, 0 of 10.
    mated = [0.5] + [1.5] + [2.5] * 3 + [3.5] * 4 + [4.0]
    non_mated = [0.0] + [0.5] * 3 + [1.5] * 4 + [2.5] * 2
    found = unlinkability(mated, non_mated, bins=4)
    assert found is not None
    # LR: 1/4, 1/4, 3/2 and infinite, so that D: 0, 0, 2 * 1.5 / 2.5 - 1 = 0.2, and 1.
    np.testing.assert_allclose(found.local, [0, 0, 0.2, 1])
    np.testing.assert_allclose(found.system, 0.3 * 0.2 + 0.5 * 1)


def test_prior_ratio_by_hand() -> None:
    mated, non_mated = [0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]
    found = unlinkability(mated, non_mated, prior_ratio=0.5, bins=2)
    assert found is not None
    # LR: 1/3 and 3; odds 1/6 and 3/2.
    np.testing.assert_allclose(found.local, [0, 0.2])
    np.testing.assert_allclose(found.system, 0.75 * 0.2)


def test_the_same_scores_are_unlinkable_and_parted_ones_linkable() -> None:
    scores = np.linspace(0, 1, 100)
    same, parted = unlinkability(scores, scores), unlinkability(scores + 2, scores)
    assert same is not None
    assert parted is not None
    assert same.system == 0
    assert parted.system == pytest.approx(1)


@given(SCORES, SCORES)
def test_measures_are_within_their_range_whatever_the_scale(mated: list[float], non_mated: list[float]) -> None:
    found = unlinkability(mated, non_mated, bins=5)
    assert found is not None
    assert np.all((found.local >= 0) & (found.local <= 1))
    assert 0 <= found.system <= 1 + 1e-12
    doubled = unlinkability(2 * np.array(mated), 2 * np.array(non_mated), bins=5)
    assert doubled is not None
    assert doubled.system == found.system


def test_nothing_to_compare_is_no_figure() -> None:
    assert unlinkability([], [0.1]) is None
    assert unlinkability([0.1], []) is None


@pytest.mark.parametrize(
    ("arguments", "code"),
    [({"prior_ratio": 0.0}, "out-of-range"), ({"bins": 0}, "bad-bins")],
)
def test_bad_input(arguments: dict[str, float], code: str) -> None:
    with pytest.raises(BadInputError) as caught:
        unlinkability([0.1], [0.1], **arguments)  # type: ignore[arg-type]
    assert caught.value.code == code
    with pytest.raises(BadInputError):
        unlinkability([np.nan], [0.1])
