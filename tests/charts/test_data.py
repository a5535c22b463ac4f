"""The numbers behind figures: what is drawn, as it was measured."""

import numpy as np
import pytest

from facepriv.charts.data import figure_rows
from facepriv.charts.dataset import class_balance
from facepriv.charts.gender import confusion_tables, gender_error_bars, gender_score_histograms
from facepriv.charts.matching import FMR_AXIS, FNMR_AXIS, TMR_AXIS, det, match_score_histograms, roc
from facepriv.charts.policy import attacker_curves, leak_bars, proportion
from facepriv.charts.rates import survival_bars
from facepriv.charts.trajectory import trajectory
from facepriv.policy.proportion import optimal_proportion, sign_attacker_curve
from facepriv.report.document import Table
from facepriv.report.files import to_csv
from facepriv.schemas.figures import Confusion, Confusions, GenderError, GenderHistograms, Histogram, Rates
from tests.pages.conftest import audit_result

ALL = Rates(all=0.5, male=0.25, female=None)


@pytest.mark.parametrize("draw", [roc, det])
def test_curves_give_the_measured_rates_and_not_where_zero_stands_on_a_logarithmic_axis(phases, draw):
    figure = draw(phases, "sface")
    rows = figure_rows(figure)
    name = f"{TMR_AXIS}, sface" if draw is roc else f"{FNMR_AXIS}, sface"
    measured = phases.before.curve
    given = [row for row in rows if row["series"].startswith("before (")]
    assert [float(row[FMR_AXIS]) for row in given] == pytest.approx(measured.fmr)
    expected = [1 - rate for rate in measured.fnmr] if draw is roc else measured.fnmr
    assert [float(row[name]) for row in given] == pytest.approx(expected)
    assert [float(row["threshold"]) for row in given] == pytest.approx(measured.threshold)
    assert min(float(row[FMR_AXIS]) for row in given) == 0
    assert min(figure.data[0].x) > 0
    assert {row["operating point"] for row in rows} == {"", "FMR100", "FMR1000"}


def test_histograms_give_bins_and_counts_of_every_panel(phases):
    rows = figure_rows(match_score_histograms(phases, "sface"))
    assert list(dict.fromkeys(row["panel"] for row in rows)) == [
        "sface, genuine comparisons",
        "sface, impostor comparisons",
    ]
    genuine = [row for row in rows if row["series"] == "after" and row["panel"] == "sface, genuine comparisons"]
    assert [int(row["count"]) for row in genuine] == [0, *phases.after.histogram.counts["mated"], 0]
    edges = phases.after.histogram.edges
    assert [float(row["from"]) for row in genuine[1:]] == pytest.approx(edges)
    assert sum(float(row["proportion of comparisons"]) for row in genuine) == pytest.approx(1)


def test_gender_scores_have_their_unit_in_the_column():
    histogram = Histogram(edges=[-1.0, 0.0, 1.0], counts={"male": [1, 3], "female": [2, 0]})
    rows = figure_rows(gender_score_histograms(GenderHistograms(before=histogram, after=histogram), "g"))
    assert len(rows) == 16
    assert rows[2] == {
        "panel": "g, labelled male",
        "series": "before",
        "gender score, log-odds in nats (male above 0)": "0.5",
        "images": "3",
        "from": "0",
        "to": "1",
        "count": "3",
    }


def test_intervals_are_given_by_their_ends():
    result = audit_result("of-run")
    rows = figure_rows(leak_bars(result.conditions))
    condition = result.conditions[0]
    first = condition.attacks[0]
    row = next(row for row in rows if row["attacker"] == first.attacker)
    assert float(row["attacker is right"]) == pytest.approx(first.accuracy.value)
    assert (float(row["low"]), float(row["high"])) == pytest.approx((first.accuracy.low, first.accuracy.high))
    assert float(row["leak, bits at least"]) == pytest.approx(first.bits.value)


def test_marks_are_no_data():
    result = audit_result("of-run")
    rows = figure_rows(attacker_curves(result.curve, 0.5, sign_p=0.4))
    attackers = {point.attacker for point in result.curve}
    assert {row["series"] for row in rows} == attackers | {"the strongest at the chosen p"}
    assert len([row for row in rows if row["series"] in attackers]) == len(result.curve)


def test_axes_of_several_titles_have_a_column_each():
    errors = (0.1, 0.1), (0.9, 0.9)
    curve = sign_attacker_curve(*errors, np.linspace(0, 1, 11))
    rows = figure_rows(proportion(curve, optimal_proportion(*errors), 0.2))
    assert [row["accuracy"] == "" for row in rows[:11]] == [False] * 11
    assert [row["leak, bits at least"] == "" for row in rows[:11]] == [True] * 11


def test_bars_in_two_levels_and_rates_that_are_missing():
    both = ALL.model_copy(update={"female": 0.75})
    rows = figure_rows(gender_error_bars({"g": GenderError(before=ALL, after=both)}))
    assert [row["classifier, images by label"] for row in rows[:3]] == ["g, all", "g, men", "g, women"]
    assert [row["gender error (proportion of images)"] for row in rows[:3]] == ["0.5", "0.25", ""]
    one_label = figure_rows(gender_error_bars({"g": GenderError(before=ALL, after=ALL)}))
    assert [row["classifier, images by label"] for row in one_label] == ["g, all", "g, men"] * 2, "no place for women"
    assert figure_rows(survival_bars({"fixed": ALL}))[0]["flipped in"] == "the original's crop (diagnostic)"


def test_confusion_matrices_give_counts_and_shares():
    counts = {"male": 3, "female": 1, "failed": 0}
    matrix = Confusion(male=counts, female=counts)
    rows = figure_rows(confusion_tables(Confusions(before=matrix, after=matrix)))
    assert rows[0] == {"panel": "before", "labelled": "male", "predicted": "male", "share": "0.75", "images": "3"}
    assert len(rows) == 8


def test_one_point_and_no_point():
    assert figure_rows(trajectory([1.0], (), 1, None))[0]["updates"] == "0"
    assert figure_rows(class_balance({"male": 3})) == [{"series": "male", "images": "3", "label": "male"}]
    assert figure_rows(leak_bars([])) == []
    assert to_csv(Table("none", "None", [])) == ""
