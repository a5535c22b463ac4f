"""What is said of attackers with more people to learn from."""

from __future__ import annotations

import pytest

from facepriv.presentation.audit_tables import learning_rows
from facepriv.presentation.findings import not_tried
from facepriv.presentation.learning import say_more_people
from facepriv.schemas.audits import AttackResult, Condition, LearningGain, LearningPoint
from facepriv.schemas.figures import Interval
from tests.store_examples import audit_result


def around(value: float) -> Interval:
    return Interval(value=value, low=value - 0.05, high=value + 0.05)


def condition(name: str, **accuracies: float) -> Condition:
    attacks = [
        AttackResult(
            attacker=attacker,
            variant="chosen",
            images=80,
            missing=0,
            accuracy=around(accuracy),
            male_accuracy=around(accuracy),
            female_accuracy=around(accuracy),
            auc=around(accuracy),
            bits=around(0.3),
        )
        for attacker, accuracy in accuracies.items()
    ]
    return Condition(name=name, p=0.0, perturbed=0.0, attacks=attacks, variants=[])  # type: ignore[arg-type]


def gain(attacker: str, value: float, *, likely: bool = True, release: str = "untouched") -> LearningGain:
    return LearningGain(
        condition=release,  # type: ignore[arg-type]
        attacker=attacker,
        from_subjects=60,
        to_subjects=120,
        accuracy=around(value),
        likely=likely,
    )


def test_the_strongest_attacker_whom_more_people_help_is_named() -> None:
    release = condition("untouched", sign=0.95, template=0.9, score=0.7)
    gains = [gain("sign", 0.0, likely=False), gain("score", 0.08), gain("template", 0.04)]
    assert say_more_people(gains, [release]) == (
        "With more people to learn from, the attacker template would probably do better: from 60 to 120 people he "
        "gained 4.0 points."
    )


def test_where_it_cannot_be_told_that_is_said_of_the_strongest() -> None:
    release = condition("untouched", score=0.6, template=0.65)
    gains = [gain("score", 0.1, likely=False), gain("template", 0.04, likely=False)]
    assert say_more_people(gains, [release]) == (
        "Whether more people to learn from would help the attacker template cannot be told: from 60 to 120 people he "
        "gained 4.0 points (95 % interval -1.0 to 9.0)."
    )


@pytest.mark.parametrize(
    "gains",
    [[], [gain("sign", 0.005, likely=False)], [gain("sign", -0.1, likely=False), gain("score", 0.2, likely=False)]],
)
def test_nothing_is_said_of_who_has_stopped_gaining(gains: list[LearningGain]) -> None:
    assert say_more_people(gains, [condition("untouched", sign=0.9, score=0.8)]) == ""


def test_nothing_is_said_where_an_attacker_is_always_right() -> None:
    assert say_more_people([gain("score", 0.1), gain("sign", 0.0)], [condition("untouched", sign=1.0, score=0.7)]) == ""


def test_the_mixed_release_matters_most() -> None:
    releases = [condition("untouched", score=0.9), condition("mix", score=0.6)]
    gains = [gain("score", 0.02), gain("score", 0.05, release="mix")]
    assert "gained 5.0 points" in say_more_people(gains, releases)
    assert say_more_people(gains[:1], releases) == ""
    assert say_more_people([], []) == ""


def test_what_more_people_would_learn_was_not_tried() -> None:
    plain = not_tried(["sign"], ["sign"], ["a"], most_people=120)
    assert "attackers who have learned from labelled images of more than 120 people" in plain
    told = not_tried(["sign"], ["sign"], ["a"], most_people=1200, more_people="With more he would do better.")
    assert (
        "attackers who have learned from labelled images of more than 1,200 people (With more he would do better)"
        in told
    )
    assert not any("more than" in one for one in not_tried(["sign"], ["sign"], ["a"]))


def test_rows_tell_accuracy_people_and_gain() -> None:
    points = [
        LearningPoint(condition="untouched", attacker=name, part=part, subjects=people, accuracy=around(accuracy))
        for name, curve in {"sign": {0.25: 0.8, 0.5: 0.85, 1.0: 0.9}, "template": {0.5: 0.6, 1.0: 0.7}}.items()
        for (part, accuracy), people in zip(curve.items(), (30, 60, 120)[-len(curve) :], strict=True)
    ]
    found = audit_result(learning=points, learning_gains=[gain("sign", 0.05, likely=False), gain("template", 0.1)])
    last = "Gain from half to all, points"
    assert learning_rows(found, "untouched") == [
        {
            "Attacker": "sign",
            "1/4 of them": "80.0 % (30)",
            "Half of them": "85.0 % (60)",
            "All people": "90.0 % (120)",
            last: "+5.0 (+0.0 to +10.0)",
        },
        {
            "Attacker": "template",
            "1/4 of them": "–",
            "Half of them": "60.0 % (60)",
            "All people": "70.0 % (120)",
            last: "+10.0 (+5.0 to +15.0), likely more",
        },
    ]
    assert learning_rows(found, "mix") == []
    assert learning_rows(audit_result(), "untouched") == []
