import numpy as np
import pytest

from facepriv.charts import style
from facepriv.charts.dataset import class_balance
from facepriv.charts.matching import det, match_score_histograms, roc
from facepriv.charts.policy import proportion
from facepriv.charts.trajectory import trajectory
from facepriv.policy.proportion import optimal_proportion, sign_attacker_curve

OKABE_ITO = {"#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#000000"}


def figures(phases):
    errors = (0.1, 0.1), (0.9, 0.9)
    curve = sign_attacker_curve(*errors, np.linspace(0, 1, 11))
    yield from (draw(phases, "sface") for draw in (roc, det, match_score_histograms))
    yield trajectory([1.0, 0.4, -0.2], (1,), 1, -0.1)
    yield proportion(curve, optimal_proportion(*errors), 0.2)
    yield class_balance({"male": 3, "female": 4})


def test_figures_bring_no_background(phases):
    for figure in figures(phases):
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == style.CLEAR


def test_colours_are_of_the_colour_blind_safe_palette(phases):
    for figure in figures(phases):
        for trace in figure.data:
            colour = trace.marker.color or trace.line.color
            assert colour in OKABE_ITO | {style.NEUTRAL}


@pytest.mark.parametrize("pair", [(style.MALE_LOOK, style.FEMALE_LOOK), (style.GENUINE_LOOK, style.IMPOSTOR_LOOK)])
def test_pairs_differ_in_hatch_too(pair):
    assert pair[0].colour != pair[1].colour
    assert pair[0].hatch != pair[1].hatch
