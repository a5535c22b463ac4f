"""What a fit of strengths is to reach."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad

from facepriv.perturb.semantic.goals import FAR, NEAR, leave, reach


@pytest.mark.parametrize("goal", [leave(1), leave(-1), reach(np.array([0.5, -2.0, 3.0]))])
def test_gradients_are_those_of_the_loss(goal):
    for margins in np.random.default_rng(0).normal(0, 2, size=(8, 3)):
        assert check_grad(lambda m: goal(m)[0], lambda m: goal(m)[1], margins) < 1e-5


def test_readings_count_alike_until_they_lie_far_past_zero():
    loss = leave(1)
    near, past = loss(np.array([2.0, 0.5, -0.5]))[1], loss(np.array([2.0, 0.5, -FAR - 2]))[1]
    assert near == pytest.approx(np.full(3, 1 / 3), rel=0.15)
    assert past[2] < 0.03


def test_a_donor_is_reached_from_either_side():
    loss = reach(np.array([1.0, 1.0]))
    assert loss(np.array([1.0, 1.0]))[0] == 0
    assert loss(np.array([0.0, 1.0]))[0] == loss(np.array([2.0, 1.0]))[0] > 0
    assert loss(np.array([1 + NEAR + 5, 1.0]))[1][0] == loss(np.array([1 + NEAR + 9, 1.0]))[1][0]
