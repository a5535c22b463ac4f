"""Log-odds of some classes against the rest, from logits."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.classify.class_logits import log_odds


def test_log_odds_are_those_of_the_sums():
    logits = np.array([[0.3, -1.2, 2.0, 0.1], [5.0, 0.0, 0.0, -5.0]])
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    positive = (0.0, 0.25, 1.0, 1.0)
    above = p @ np.array(positive)
    assert log_odds(logits, positive) == pytest.approx(np.log(above / (1 - above)))


def test_log_odds_do_not_saturate():
    positive = (0.0, 1.0)
    assert log_odds(np.array([[0.0, 900.0], [0.0, 901.0]]), positive).tolist() == [900.0, 901.0]


def test_log_odds_of_sums_do_not_saturate():
    logits = np.array([[0.0, 0.0, 500.0, 500.0], [1e3, 0, 0, 0]])
    np.testing.assert_allclose(log_odds(logits, (0, 0, 1, 1)), [500, np.log(2) - 1e3])
