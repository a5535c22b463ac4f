"""Least change: the closed form, and what a general solver finds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from facepriv.perturb.common.least_change import RIDGE, exact_change, least_change


def test_one_demand_and_a_diagonal_metric_give_the_step_by_energy():
    energy, slopes = np.array([4.0, 1.0, 9.0]), np.array([[2.0, -1.0, 3.0]])
    step = least_change(np.diag(energy), slopes, np.array([-5.0]))
    direction = -slopes[0] / energy
    np.testing.assert_allclose(step / step[0], direction / direction[0], rtol=1e-3)
    assert slopes @ step == pytest.approx(-5)


@pytest.mark.parametrize("seed", range(6))
def test_several_demands_give_what_a_general_solver_finds(seed):
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(7, 7))
    metric = half @ half.T + np.eye(7)
    slopes, at_most = rng.normal(size=(3, 7)), np.array([-2.0, -1.0, 0.5])
    found = least_change(metric, slopes, at_most)
    whole = metric + RIDGE * np.trace(metric) / 7 * np.eye(7)
    expected = minimize(
        lambda a: a @ whole @ a,
        np.zeros(7),
        jac=lambda a: 2 * whole @ a,
        constraints={"type": "ineq", "fun": lambda a: at_most - slopes @ a, "jac": lambda a: -slopes},
        options={"ftol": 1e-14, "maxiter": 500},
    ).x
    assert (slopes @ found <= at_most + 1e-9).all()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_met_demands_need_no_change():
    assert not least_change(np.eye(3), np.ones((2, 3)), np.array([0.0, 4.0])).any()


def test_a_demand_on_nothing_is_left_aside():
    step = least_change(np.eye(2), np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([-1.0, -1.0]))
    np.testing.assert_allclose(step, [-1, 0], atol=1e-3)


def test_contradicting_demands_still_give_finite_numbers():
    step = least_change(np.eye(2), np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([-1.0, -1.0]))
    assert np.isfinite(step).all()


def test_exact_change_meets_every_demand_with_the_least_size():
    rng = np.random.default_rng(0)
    half = rng.normal(size=(7, 7))
    metric, slopes, wanted = half @ half.T + np.eye(7), rng.normal(size=(2, 7)), np.array([3.0, -1.0])
    found = exact_change(metric, slopes, wanted)
    np.testing.assert_allclose(slopes @ found, wanted)
    whole = metric + RIDGE * np.trace(metric) / 7 * np.eye(7)
    # Any other answer differs by what the demands do not see, and is larger.
    unseen = np.linalg.svd(slopes)[2][2:]
    np.testing.assert_allclose(unseen @ whole @ found, 0, atol=1e-9)


def test_exact_change_of_demands_that_contradict_each_other_is_finite():
    found = exact_change(np.eye(3), np.array([[1.0, 0, 0], [1.0, 0, 0]]), np.array([1.0, 2.0]))
    np.testing.assert_allclose(found, [1.5, 0, 0], rtol=1e-3)
