import json

import numpy as np
import pytest

from facepriv.charts import style
from facepriv.charts.policy import attacker_curves, leak_bars, learning_curves, proportion, utility_curve
from facepriv.policy.proportion import optimal_proportion, sign_attacker_curve
from facepriv.schemas.audits import AttackResult, Condition, CurvePoint, LearningPoint, Utility
from facepriv.schemas.figures import Interval, OperatingPoint

BEFORE, AFTER = (0.02, 0.1), (0.9, 0.8)


def test_carries_curve_optimum_and_choice():
    curve, best = sign_attacker_curve(BEFORE, AFTER, np.linspace(0, 1, 101)), optimal_proportion(BEFORE, AFTER)
    figure = proportion(curve, best, 0.3)
    accuracy, best_accuracy, here_accuracy, bits, best_bits, here_bits = figure.data
    assert list(accuracy.y) == curve.accuracy.tolist()
    assert list(bits.y) == curve.bits.tolist()
    assert best_accuracy.x[0] == best.p
    assert best_accuracy.y[0] == best.accuracy
    assert best_bits.x[0] == best.p
    assert best_bits.y[0] == best.bits
    exact = sign_attacker_curve(BEFORE, AFTER, 0.3)
    assert here_accuracy.x[0] == 0.3
    assert here_accuracy.y[0] == pytest.approx(float(exact.accuracy))
    assert here_bits.y[0] == pytest.approx(float(exact.bits), abs=1e-3)
    assert [shape.x0 for shape in figure.layout.shapes] == [0.3, 0.3]
    assert accuracy.line.dash != bits.line.dash
    assert best_accuracy.marker.symbol != here_accuracy.marker.symbol
    json.loads(figure.to_json())


PS = [0.0, 0.25, 0.5, 0.75, 1.0]
ACCURACY = {"sign": [0.95, 0.7, 0.5, 0.7, 0.9], "score": [0.97, 0.9, 0.85, 0.8, 0.93], "template": [0.8] * 5}


def curve_points():
    return [
        CurvePoint(p=p, attacker=name, accuracy=value, auc=value, bits=0.1)
        for name, values in ACCURACY.items()
        for p, value in zip(PS, values, strict=True)
    ]


def notes(figure):
    return {one.text: one for one in figure.layout.annotations}


def test_curves_show_every_attacker_and_the_worst():
    figure = attacker_curves(curve_points()[::-1], 0.5, sign_p=0.45)
    by_name = {trace.name: trace for trace in figure.data}
    for name, values in ACCURACY.items():
        assert list(by_name[name].x) == PS
        assert list(by_name[name].y) == values
        assert not by_name[name].showlegend
    assert list(by_name["the strongest of them"].y) == [0.97, 0.9, 0.85, 0.8, 0.93]
    chosen = by_name["the strongest at the chosen p"]
    assert chosen.x[0] == 0.5
    assert chosen.y[0] == 0.85
    assert by_name["score"].line.width > by_name["sign"].line.width
    texts = notes(figure)
    assert {"<b>score</b>", "sign", "template", "guessing"} <= texts.keys()
    assert list(by_name["chosen: p = 50.0 %"].x) == [0.5, 0.5]
    assert list(by_name["best against the simplest attacker: p = 45.0 %"].x) == [0.45, 0.45]
    assert [shape.y0 for shape in figure.layout.shapes] == [0.5]
    assert figure.layout.yaxis.title.text == "attacker is right"
    json.loads(figure.to_json())


def test_a_proportion_between_points_is_read_off():
    figure = attacker_curves(curve_points(), 0.6)
    chosen = next(trace for trace in figure.data if trace.name == "the strongest at the chosen p")
    assert chosen.y[0] == pytest.approx(0.85 + 0.4 * (0.8 - 0.85))


def test_the_worst_may_change_with_p():
    points = curve_points() + [
        CurvePoint(p=p, attacker="detector", accuracy=a, auc=a, bits=0.1)
        for p, a in zip(PS, [0.5, 0.6, 0.9, 0.6, 0.5], strict=True)
    ]
    assert "<b>detector</b>" in notes(attacker_curves(points, 0.5))
    assert "<b>score</b>" in notes(attacker_curves(points, 1.0))


def test_names_do_not_overlap_nor_leave_the_figure():
    points = [
        CurvePoint(p=p, attacker=f"a{k}", accuracy=0.5 + 0.001 * k, auc=0.5, bits=0.0)
        for k in range(12)
        for p in (0, 1)
    ]
    figure = attacker_curves(points)
    low, high = figure.layout.yaxis.range
    places = sorted(one.y for one in figure.layout.annotations if "a" in one.text)
    assert len(places) == 12
    assert min(np.diff(places)) >= (high - low) / 18 - 1e-9
    assert places[0] >= low
    assert places[-1] <= high


def test_twelve_attackers_differ_in_colour_or_dash():
    points = [CurvePoint(p=p, attacker=f"a{k}", accuracy=0.6, auc=0.5, bits=0.0) for k in range(12) for p in (0, 1)]
    looks = [(t.line.color, t.line.dash) for t in attacker_curves(points).data if t.name.startswith("a")]
    assert len(set(looks)) == 12


def test_no_curve_is_an_empty_figure():
    assert list(attacker_curves([]).data) == []


def interval(value, half=0.05):
    return Interval(
        value=value, low=None if value is None else value - half, high=None if value is None else value + half
    )


def release(name, p, accuracies):
    return Condition(
        name=name,
        p=p,
        perturbed=p,
        variants=[],
        attacks=[
            AttackResult(
                attacker=attacker,
                variant="chosen",
                images=10,
                missing=0,
                accuracy=interval(value),
                male_accuracy=interval(value),
                female_accuracy=interval(value),
                auc=interval(value),
                bits=interval(0.3),
            )
            for attacker, value in accuracies.items()
        ],
    )


def test_bars_show_each_release_with_intervals():
    figure = leak_bars(
        [
            release("perturbed", 1.0, {"sign": 0.9, "score": 0.92}),
            release("untouched", 0.0, {"sign": 0.95, "score": 0.97}),
            release("mix", 0.4, {"sign": 0.47, "score": None}),
        ]
    )
    untouched, mix, perturbed = figure.data
    assert [trace.name for trace in figure.data] == [
        "untouched images",
        "mixed release (p = 40.0 %)",
        "all images changed",
    ]
    assert list(untouched.x) == ["sign", "score"]
    assert [trace.base for trace in figure.data] == [0.5] * 3
    assert list(untouched.y) == pytest.approx([0.45, 0.47])
    assert list(mix.x) == ["sign"]
    assert list(mix.y) == pytest.approx([-0.03])
    assert list(perturbed.error_y.array) == pytest.approx([0.05, 0.05])
    assert list(perturbed.error_y.arrayminus) == pytest.approx([0.05, 0.05])
    assert perturbed.customdata[0][1] == "85.0 to 95.0 %"
    assert figure.layout.yaxis.range[0] < 0.42
    assert len({trace.marker.pattern.shape for trace in figure.data}) == 3
    assert [shape.y0 for shape in figure.layout.shapes] == [0.5]
    json.loads(figure.to_json())


def test_a_database_as_it_is_has_one_series():
    figure = leak_bars([release("untouched", 0.0, {"sign": 0.95})])
    assert [trace.name for trace in figure.data] == ["untouched images"]
    assert list(leak_bars([]).data) == []


def learned(attacker, accuracies, people=(4, 8, 16, 32)):
    return [
        LearningPoint(
            condition="untouched", attacker=attacker, part=number / 32, subjects=number, accuracy=interval(accuracy)
        )
        for number, accuracy in zip(people[-len(accuracies) :], accuracies, strict=True)
    ]


def test_learning_curves_rise_with_people():
    points = [*learned("sign", [0.9, 0.9, 0.9, 0.9]), *learned("template", [0.62, 0.71, 0.97])]
    figure = learning_curves(points[::-1])
    curves = {trace.name: trace for trace in figure.data if not trace.name.startswith("end of")}
    assert list(curves["sign"].x) == [1 / 8, 1 / 4, 1 / 2, 1]
    assert list(curves["template"].x) == [1 / 4, 1 / 2, 1]
    assert list(curves["template"].y) == pytest.approx([0.62, 0.71, 0.97])
    assert [people for people, _ in curves["template"].customdata] == [8, 16, 32]
    assert curves["template"].customdata[0][1] == "57.0 to 67.0 %"
    assert curves["template"].line.width > curves["sign"].line.width, "the strongest with all people stands out"
    assert list(figure.layout.xaxis.ticktext) == ["4", "8", "16", "32"]
    assert {note.text for note in figure.layout.annotations} >= {"<b>template</b>", "sign"}
    json.loads(figure.to_json())


def test_attackers_with_different_numbers_of_people_share_an_axis():
    elsewhere = [point.model_copy(update={"subjects": 2 * point.subjects}) for point in learned("template", [0.6, 0.7])]
    figure = learning_curves([*learned("sign", [0.8, 0.9]), *elsewhere])
    assert list(figure.layout.xaxis.ticktext) == ["16 or 32", "32 or 64"]
    assert list(learning_curves([]).data) == []


def useful(matcher, fnmrs, supported=True):
    def point(target, fnmr):
        return OperatingPoint(target_fmr=target, threshold=0.5, fmr=target, fnmr=fnmr, supported=supported)

    return [
        Utility(p=p, matcher=matcher, fmr100=point(0.01, 0.0), fmr1000=point(0.001, fnmr), eer=None, auc=None)
        for p, fnmr in zip(PS, fnmrs, strict=True)
    ]


def test_utility_has_a_floor_for_each_matcher():
    rows = useful("sface", [0.01, 0.02, 0.03, 0.05, None]) + useful("dlib", [0.0] * 5, supported=False)
    figure = utility_curve(rows[::-1], 0.01, p=0.25)
    by_name = {trace.name: trace for trace in figure.data}
    assert list(by_name["sface"].x) == PS
    assert list(by_name["sface"].y) == [0.01, 0.02, 0.03, 0.05, None]
    assert not by_name["sface"].connectgaps
    assert list(by_name["limit of sface: FNMR at most 2.00 %"].y) == [0.02, 0.02]
    assert list(by_name["limit of dlib: FNMR at most 1.00 %"].y) == [0.01, 0.01]
    assert all(symbol.endswith("-open") for symbol in by_name["dlib"].marker.symbol)
    assert not any(symbol.endswith("-open") for symbol in by_name["sface"].marker.symbol)
    assert by_name["sface"].line.dash != by_name["dlib"].line.dash
    assert list(by_name["chosen: p = 25.0 %"].x) == [0.25, 0.25]
    json.loads(figure.to_json())


def test_without_a_floor_there_is_none():
    assert [trace.name for trace in utility_curve(useful("sface", [0.0] * 5)).data] == ["sface", "end of sface"]
    assert list(utility_curve([], 0.01).data) == []


def test_new_figures_keep_to_the_common_look():
    figures = (
        attacker_curves(curve_points(), 0.5),
        leak_bars([release("untouched", 0.0, {"sign": 0.9})]),
        learning_curves(learned("sign", [0.8, 0.9])),
        utility_curve(useful("sface", [0.1] * 5), 0.01),
    )
    for figure in figures:
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == style.CLEAR
