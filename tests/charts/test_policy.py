import json

import numpy as np
import pytest

from facepriv.charts.policy import proportion
from facepriv.policy.proportion import optimal_proportion, sign_attacker_curve

BEFORE, AFTER = (0.02, 0.1), (0.9, 0.8)


def test_carries_curve_optimum_and_choice():
    curve, best = sign_attacker_curve(BEFORE, AFTER, np.linspace(0, 1, 101)), optimal_proportion(BEFORE, AFTER)
    figure = proportion(curve, best, 0.3)
    accuracy, best_accuracy, here_accuracy, bits, best_bits, here_bits = figure.data
    assert list(accuracy.y) == curve.accuracy.tolist()
    assert list(bits.y) == curve.bits.tolist()
    assert (best_accuracy.x[0], best_accuracy.y[0]) == (best.p, best.accuracy)
    assert (best_bits.x[0], best_bits.y[0]) == (best.p, best.bits)
    exact = sign_attacker_curve(BEFORE, AFTER, 0.3)
    assert (here_accuracy.x[0], here_accuracy.y[0]) == (0.3, pytest.approx(float(exact.accuracy)))
    assert here_bits.y[0] == pytest.approx(float(exact.bits), abs=1e-3)
    assert [shape.x0 for shape in figure.layout.shapes] == [0.3, 0.3]
    assert accuracy.line.dash != bits.line.dash
    assert best_accuracy.marker.symbol != here_accuracy.marker.symbol
    json.loads(figure.to_json())
