"""The figure of ways of stopping: what attackers learn beside what it costs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from facepriv.schemas.audits import AttackResult, AuditResult, Condition, PolicyChoice, Quality, Utility
from facepriv.schemas.figures import Interval, OperatingPoint

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from stopping_figure import LOOKS, stopping_scores


def audit(accuracy: float, p: float, fnmr: float, *, supported: bool = True) -> AuditResult:
    interval = Interval(value=accuracy, low=accuracy - 0.1, high=accuracy + 0.05)
    attack = AttackResult(
        attacker="score",
        variant="chosen",
        images=20,
        missing=0,
        accuracy=interval,
        male_accuracy=interval,
        female_accuracy=interval,
        auc=interval,
        bits=interval,
    )
    point = OperatingPoint(target_fmr=0.001, threshold=0.4, fmr=0.001, fnmr=fnmr, supported=supported)
    return AuditResult(
        images=20,
        left_out={},
        subjects=10,
        male_images=10,
        female_images=10,
        male_subjects=5,
        female_subjects=5,
        baseline=[],
        conditions=[Condition(name="mix", p=p, perturbed=p, attacks=[attack], variants=[])],
        policy=PolicyChoice(p=p, automatic=False, select_by="image", sign_p=0.5, sentence=""),
        utility=[Utility(p=q, matcher="sface", fmr100=point, fmr1000=point, eer=0.0, auc=1.0) for q in (0.0, p)],
        quality=Quality(psnr_db=40.0 + p, success=1.0, evaluations=200.0),
        headlines=[],
        verdict="",
        not_tried=[],
    )


def test_what_attackers_learn_stands_beside_what_it_costs():
    figure = stopping_scores({"fixed": audit(0.9, 0.5, 0.04), "neutral": audit(0.5, 1.0, 0.02)})
    marks = [trace for trace in figure.data if trace.type == "scatter"]
    assert [trace.x[0] for trace in marks] == [0.9, 0.5]
    assert [trace.name for trace in marks] == ["fixed, p = 50 %", "neutral, p = 100 %"]
    assert marks[0].error_x.arrayminus[0] == pytest.approx(0.1)
    assert len({trace.marker.symbol for trace in marks}) == len({trace.marker.color for trace in marks}) == 2
    bars = [list(trace.y) for trace in figure.data if trace.type == "bar"]
    assert bars == [[0.04], [0.02], [40.5, 41.0]]


def test_a_rate_that_rests_on_too_few_comparisons_is_not_drawn():
    figure = stopping_scores({"fixed": audit(0.9, 0.5, 0.04, supported=False)})
    assert [list(trace.y) for trace in figure.data if trace.type == "bar"] == [[], [40.5]]


def test_more_than_can_be_told_apart_are_refused():
    with pytest.raises(ValueError, match="At most"):
        stopping_scores({str(i): audit(0.9, 0.5, 0.0) for i in range(len(LOOKS) + 1)})
