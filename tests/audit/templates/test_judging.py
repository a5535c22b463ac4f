"""Planted leaks are found by those who can find them, planted nothing by nobody, and figures repeat."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.audit.templates.judging import judge_protection
from facepriv.audit.templates.template_sets import take
from facepriv.errors import BadInputError
from facepriv.types import Templates
from tests.audit.templates.planted import planted


def judge(templates: Templates, **arguments):
    return judge_protection(None, templates, **{"partings": 1, "resamples": 100, **arguments})


def test_a_planted_leak_is_found_by_every_attacker():
    audit = judge(planted(60, 0, gap=4.0), learn_from=planted(60, 1, gap=4.0))
    for attack in audit.attacks:
        assert attack.reversed_accuracy.value > 0.75, attack
    assert audit.worst.reversed_accuracy.value > 0.9
    assert audit.chance.as_high == 0
    assert audit.worst.bits.value > 0.5


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_leak_along_no_line_is_found_by_curved_attackers_and_missed_by_the_linear_one(metric):
    audit = judge(planted(90, 2, cross=4.0, metric=metric), learn_from=planted(120, 3, cross=4.0, metric=metric))
    found = {attack.attacker: attack for attack in audit.attacks if attack.knowledge == "unaware"}
    for attacker in ("rbf", "boosted", "neighbours", "neural", "top-k"):
        assert found[attacker].accuracy.low > 0.5, found[attacker]
        assert found[attacker].accuracy.value > 0.7, found[attacker]
    assert found["linear"].reversed_accuracy.value < 0.65
    assert found["linear"].accuracy.low < 0.5


@pytest.mark.slow
def test_where_nothing_is_planted_the_worst_attacker_does_as_luck_has_it():
    audits = [judge(planted(36, seed), learn_from=planted(36, seed + 50), seed=seed) for seed in range(2)]
    for audit in audits:
        assert audit.chance.as_high > 0.02
        assert audit.chance.mean > 0.57, "the best of fourteen is right in clearly more than half of the cases by luck"
    worst = np.mean([audit.worst.reversed_accuracy.value for audit in audits])
    assert worst == pytest.approx(np.mean([audit.chance.mean for audit in audits]), abs=0.06)


@pytest.mark.slow
def test_where_nothing_is_planted_nothing_is_found_whatever_the_seed():
    audits = [judge(planted(48, seed), learn_from=planted(48, seed + 50), seed=seed) for seed in range(24)]
    assert sum(audit.chance.as_high < 0.05 for audit in audits) <= 4
    worst = np.mean([audit.worst.reversed_accuracy.value for audit in audits])
    assert worst == pytest.approx(np.mean([audit.chance.mean for audit in audits]), abs=0.02)
    picked = np.mean([attack.accuracy.value for audit in audits for attack in audit.picked])
    assert picked == pytest.approx(0.5, abs=0.03), "an attacker who chooses on his own people is not the best of many"


def test_an_attacker_who_is_mostly_wrong_turns_his_guesses_round():
    turned = planted(60, 5, gap=4.0)
    lied_to = Templates(**{**vars(turned), "labels": -turned.labels})
    audit = judge(planted(60, 4, gap=4.0), learn_from=lied_to)
    attack = audit.attack("linear", "other-people")
    assert attack.accuracy.value < 0.2
    assert attack.reversed_accuracy.value == pytest.approx(1 - attack.accuracy.value)
    assert attack.reversed_accuracy.low > 0.5
    assert attack.auc.value < 0.2
    assert attack.bits.value > 0.3


def test_the_same_arguments_give_the_same_figures_and_another_seed_others():
    first, again, other = (
        judge(planted(24, 0, gap=2.0), learn_from=planted(24, 1, gap=2.0), seed=seed, attackers=["linear", "top-k"])
        for seed in (3, 3, 4)
    )
    same, differs = (one.model_dump(exclude={"seconds"}) for one in (first, again)), other.attacks
    assert next(same) == next(same)
    assert first.attacks != differs


def test_the_learning_curve_ends_with_everybody_and_rises_where_there_is_more_to_learn():
    audit = judge(planted(60, 0, gap=2.5), learn_from=planted(120, 1, gap=2.5), attackers=["linear"])
    curve = [(point.people, point.accuracy.value) for point in audit.learning if point.knowledge == "other-people"]
    assert [people for people, _ in curve] == [16, 30, 60, 120]
    assert curve[-1][1] > curve[0][1]


def test_progress_counts_every_attack():
    seen = []
    judge(planted(24, 0), attackers=["linear"], partings=2, on_progress=lambda done, steps: seen.append((done, steps)))
    assert seen == [(done, 6) for done in range(1, 7)]


def test_what_cannot_be_used_is_counted_and_the_rest_audited():
    templates = planted(24, 0, gap=3.0)
    templates.rows[0, 0] = np.nan
    templates.rows[1] = 0
    templates.labels[2:4] = 0
    templates.labels[4] = -templates.labels[5]
    audit = judge(templates, attackers=["linear"])
    assert audit.left_out == {
        "not a template: NaN, infinite or all zeros": 2,
        "without a label": 2,
        "of a subject with both labels": 2,
    }
    assert audit.templates == 42
    assert audit.people == 21


def test_nobody_who_is_attacked_is_learnt_from():
    """The other set holds the audited people under lies; whoever learnt from those would be wrong."""
    templates, others = planted(36, 0, gap=4.0), planted(36, 1, gap=4.0)
    lies = Templates(**{**vars(templates), "labels": -templates.labels})
    both = Templates(
        *(
            np.concatenate([getattr(one, name) for one in (lies, lies, others)])
            for name in vars(others)
            if name[0] in "rsl"
        ),
        "cosine",
        "",
        "",
    )
    audit = judge(templates, learn_from=both, attackers=["linear"])
    assert audit.attack("linear", "other-people").people == 36
    assert audit.attack("linear", "other-people").accuracy.value > 0.8


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"partings": 0}, "out-of-range"),
        ({"wrong_guesses": 1.5}, "out-of-range"),
        ({"learn_from": planted(24, 1, metric="euclidean")}, "other-matcher"),
        ({"fit_on": take(planted(24, 1), np.arange(0))}, "too-few-others"),
        ({"learn_from": planted(24, 0)}, "too-few-others"),
    ],
)
def test_bad_input(arguments, code):
    with pytest.raises(BadInputError) as caught:
        judge(planted(24, 0), attackers=["linear"], **arguments)
    assert caught.value.code == code


def test_too_few_people():
    with pytest.raises(BadInputError) as caught:
        judge(planted(10, 0))
    assert caught.value.code == "too-few-subjects"
