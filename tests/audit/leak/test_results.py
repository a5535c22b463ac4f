"""Draws of the release, the figures of an audit, and its findings, on small planted evidence."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from facepriv.audit.attackers.registry import attackers
from facepriv.audit.evidence import Evidence, Features
from facepriv.audit.leak.cross_fitting import Attack, attack
from facepriv.audit.leak.policy_draws import draw_perturbed, number_of_draws
from facepriv.audit.leak.results import classifier_baselines, condition_result, curve_point, headline, make_bootstrap
from facepriv.presentation.findings import NOT_TRIED, findings, not_tried
from facepriv.schemas.audits import PolicyChoice

SUBJECTS, EACH = 20, 4


def planted(made: np.ndarray | None = None) -> Evidence:
    """Scores that tell gender without fail, and their mirror image where images are perturbed."""
    subjects = np.repeat([f"s{i:02}" for i in range(SUBJECTS)], EACH)
    labels = np.repeat(np.where(np.arange(SUBJECTS) % 2, 1, -1), EACH)
    rng = np.random.default_rng(3)
    scores = labels * rng.uniform(2, 6, labels.size)

    def seen(values: np.ndarray) -> Features:
        nothing = np.zeros((labels.size, 1))
        return Features(subjects, {"judge": values}, {}, {}, nothing, nothing, nothing)

    return Evidence(labels, seen(scores), seen(-scores), made)


def test_draws_are_nested_and_whole_subjects_where_asked():
    evidence = planted()
    few, many = (draw_perturbed(evidence, p, select_by="image", draw=1, seed=0) for p in (0.3, 0.7))
    assert not (few & ~many).any()
    assert 0.1 < few.mean() < 0.5 < many.mean() < 0.9
    assert (draw_perturbed(evidence, 0.3, select_by="image", draw=1, seed=0) == few).all()
    assert (draw_perturbed(evidence, 0.3, select_by="image", draw=2, seed=0) != few).any()
    whole = draw_perturbed(evidence, 0.5, select_by="subject", draw=0, seed=0).reshape(SUBJECTS, EACH)
    assert (whole == whole[:, :1]).all()
    assert 0 < whole.mean() < 1
    assert not draw_perturbed(evidence, 0.0, select_by="image", draw=0, seed=0).any()
    assert draw_perturbed(evidence, 1.0, select_by="image", draw=0, seed=0).all()
    assert number_of_draws(0.0, 7) == 1
    assert number_of_draws(0.5, 7) == 7
    assert number_of_draws(1.0, 7) == 1


def test_an_image_without_a_perturbed_file_is_never_drawn():
    made = np.arange(SUBJECTS * EACH) % 3 > 0
    assert (draw_perturbed(planted(made), 1.0, select_by="image", draw=0, seed=0) == made).all()
    assert not planted(made).can_be_perturbed[0]


def test_figures_of_a_clear_leak_and_of_none():
    evidence = planted()
    bootstrap = make_bootstrap(evidence, 200, 0)
    sign = attackers.create("sign")
    found = {}
    for p in (0.0, 0.5, 1.0):
        drawn = [draw_perturbed(evidence, p, select_by="image", draw=i, seed=0) for i in range(number_of_draws(p, 6))]
        attacks = [attack(sign, evidence, one, p, seed=i) for i, one in enumerate(drawn)]
        found[p] = condition_result("mix", p, drawn, {"sign": attacks}, bootstrap), attacks
    for p in (0.0, 1.0):  # inverted is as good as told
        (one,) = found[p][0].attacks
        assert one.accuracy.value == 1.0
        assert one.images == SUBJECTS * EACH
        assert one.missing == 0
        assert one.bits.value > 0.8
        assert sum(one.chosen.values()) == 5
    (half,) = found[0.5][0].attacks
    assert 0.35 < half.accuracy.value < 0.62
    assert half.bits.value < 0.05
    point = curve_point(0.5, "sign", found[0.5][1], bootstrap)
    assert point is not None
    assert point.accuracy == pytest.approx(half.accuracy.value)
    assert found[0.5][0].perturbed == pytest.approx(0.5, abs=0.1)
    worst = headline(found[0.5][0])
    assert worst.attacker == "sign"
    assert worst.upper == half.accuracy.high
    (error,) = classifier_baselines(evidence, bootstrap)
    assert error.all.value == 0.0
    assert error.all.unseen


def test_at_most_is_never_below_guessing():
    evidence = planted()
    bootstrap = make_bootstrap(evidence, 200, 0)
    untouched = np.zeros(SUBJECTS * EACH, dtype=bool)
    wrong = np.where(np.arange(SUBJECTS * EACH) % 4 == 0, 3.0, -3.0) * evidence.labels
    found = condition_result(
        "untouched", 0.0, [untouched], {"sign": [Attack({}, wrong, Counter({"guide": 5}))]}, bootstrap
    )
    assert found.attacks[0].accuracy.value < 0.4
    assert found.attacks[0].accuracy.high == headline(found).upper == headline(found).at_most == 0.5
    old = headline(found).model_copy(update={"upper": 0.489})  # as an earlier version stored it
    assert old.at_most == 0.5
    text = findings(classifier_baselines(evidence, bootstrap), [found], [old], None)
    assert "up to 50.0 % allowing for chance" in text
    assert "48.9" not in text


def test_an_attacker_with_nothing_to_go_on_is_left_out():
    evidence = planted()
    bootstrap = make_bootstrap(evidence, 200, 0)
    untouched = np.zeros(SUBJECTS * EACH, dtype=bool)
    template = attackers.create("template")
    attacks = [attack(template, evidence, untouched, 0.0, seed=0)]
    assert condition_result("untouched", 0.0, [untouched], {"template": attacks}, bootstrap).attacks == []
    assert curve_point(0.0, "template", attacks, bootstrap) is None


def test_the_findings_are_what_was_found_and_no_more():
    evidence = planted()
    bootstrap = make_bootstrap(evidence, 200, 0)
    untouched = np.zeros(SUBJECTS * EACH, dtype=bool)
    found = condition_result(
        "untouched",
        0.0,
        [untouched],
        {"sign": [attack(attackers.create("sign"), evidence, untouched, 0.0, seed=0)]},
        bootstrap,
    )
    text = findings(classifier_baselines(evidence, bootstrap), [found], [headline(found)], None)
    assert text.startswith("With no image changed, the strongest attacker tried (sign)")
    assert "(sign) is right in 100.0 % of cases" in text
    assert "judge for 0.0 % of the images labelled female" in text
    nothing = PolicyChoice(p=0.0, automatic=True, select_by="image", sign_p=0.5, sentence="Change no image.")
    assert findings([], [found], [headline(found)], nothing).startswith("Change no image. With no image changed,")


def test_what_was_not_tried_is_named():
    named = not_tried(["sign"], ["sign", "score"], ["a", "b"])
    assert named[0] == "an attacker who sees a classifier's score"
    assert named[1] == "gender classifiers other than a and b"
    assert set(NOT_TRIED) <= set(named)
