import numpy as np
import pytest

from facepriv.charts import style
from facepriv.charts.dataset import class_balance
from facepriv.charts.gender import gender_error_bars, gender_score_histograms
from facepriv.charts.matching import det, match_score_histograms, roc
from facepriv.charts.policy import attacker_curves, leak_bars, proportion, utility_curve
from facepriv.charts.rates import gender_error_of_runs, survival_bars, survival_of_runs
from facepriv.charts.trajectory import trajectory
from facepriv.policy.proportion import optimal_proportion, sign_attacker_curve
from facepriv.schemas.figures import GenderError, GenderHistograms, Histogram, Rates
from tests.pages.conftest import audit_result

OKABE_ITO = {"#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#000000"}


def figures(phases):
    errors = (0.1, 0.1), (0.9, 0.9)
    curve = sign_attacker_curve(*errors, np.linspace(0, 1, 11))
    yield from (draw(phases, "sface") for draw in (roc, det, match_score_histograms))
    yield trajectory([1.0, 0.4, -0.2], (1,), 1, 0.1)
    yield proportion(curve, optimal_proportion(*errors), 0.2)
    yield class_balance({"male": 3, "female": 4})


def of_audits_and_rates():
    result = audit_result("of-run")
    rates = Rates(all=0.5, male=0.25, female=0.75)
    error = {"g": GenderError(before=rates, after=rates)}
    histogram = Histogram(edges=[-1.0, 0.0, 1.0], counts={"male": [1, 3], "female": [2, 0]})
    yield gender_error_bars(error)
    yield gender_score_histograms(GenderHistograms(before=histogram, after=histogram), "g")
    yield leak_bars(result.conditions)
    yield attacker_curves(result.curve, 0.5)
    yield utility_curve(result.utility)
    yield survival_bars({"file": rates})
    yield survival_of_runs({f"run {number}": {"file": rates} for number in range(5)})
    yield gender_error_of_runs({f"run {number}": error for number in range(4)})


def unlike(trace):
    """What tells a series from others for those who see no colour."""
    if trace.type == "bar":
        return "bar", trace.marker.pattern.shape
    symbol = trace.marker.symbol
    symbol = symbol[0].removesuffix("-open") if isinstance(symbol, tuple) else symbol
    return "line" if "lines" in trace.mode else "mark", trace.line.dash, symbol


def test_series_of_a_figure_differ_in_more_than_colour(phases):
    for figure in [*figures(phases), *of_audits_and_rates()]:
        series = {}
        for trace in figure.data:
            # Marks on a curve belong to it; what is named where it is drawn needs no legend.
            if trace.hoverinfo != "skip" and not (trace.name or "").startswith("floor of"):
                series.setdefault(trace.legendgroup or trace.name, unlike(trace))
        assert len(set(series.values())) == len(series), [figure.layout.yaxis.title.text, series]


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
