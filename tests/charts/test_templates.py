"""The figure of protections shows each where its figures put it, with names that do not lie on each other."""

from __future__ import annotations

from typing import Any

import pytest

from facepriv.charts.templates import leak_against_loss
from facepriv.schemas.figures import Interval
from facepriv.schemas.protections import ProtectionResult
from facepriv.schemas.templates import Chance, ErrorsAt, TemplateAttack, TemplateAudit, TemplateMatching

NONE = Interval(value=None, low=None, high=None)
BOTH: Any = ("against-untouched", "among-protected")


def judged(name: str, right: float, loss: float | None, **parameters: Any) -> TemplateAudit:
    """Figures of a protection whose strongest attacker is right so often, and which loses so many comparisons."""
    at = Interval(value=right, low=right - 0.1, high=min(1.0, right + 0.1))
    attack = TemplateAttack(
        attacker="linear", knowledge="aware", people=10, accuracy=at, reversed_accuracy=at, auc=at, bits=NONE
    )
    errors = ErrorsAt(
        target_fmr=0.001,
        supported=True,
        threshold=0.5,
        untouched=Interval(value=0.0, low=0.0, high=0.1),
        fnmr=dict.fromkeys(BOTH, NONE),
        fmr=dict.fromkeys(BOTH),
        fnmr_change=dict.fromkeys(BOTH, NONE),
        own_fnmr=dict.fromkeys(BOTH, Interval(value=loss, low=None, high=None)),
    )
    return TemplateAudit(
        protection=name,
        parameters=parameters,
        matcher="",
        version="",
        metric="cosine",
        templates=20,
        people=10,
        men=5,
        women=5,
        left_out={},
        fitted_on=3,
        partings=1,
        seed=0,
        attacks=[attack],
        picked=[],
        worst=attack,
        upper=1.0,
        chance=Chance(mean=0.55, high=0.6, as_high=0.0),
        learning=[],
        matching=TemplateMatching(mated=10, non_mated=90, partings=1, errors=[errors], rank_one={}, unlinkability=None),
    )


@pytest.fixture
def result() -> ProtectionResult:
    protected = (
        judged("donor-coordinate", 0.70, 0.10),
        judged("donor-coordinate", 0.71, 0.11, directions=8),
        judged("leace", 0.69, 0.12),
        judged("inlp", 0.80, 0.4),
        judged("transport", 0.60, None),
    )
    untouched = judged("none", 0.95, 0.0)
    return ProtectionResult(untouched=untouched, protected=protected, holds=False, verdict="", seconds=0.0)


def test_every_protection_stands_where_its_figures_put_it(result: ProtectionResult):
    figure = leak_against_loss(result, most_accuracy=0.65, most_fnmr_loss=0.005)
    points = {point.name: (point.x[0], point.y[0]) for point in figure.data}
    assert points == {
        "templates as they are": (0.0, 0.95),
        "donor-coordinate": (0.10, 0.70),
        "donor-coordinate (directions 8)": (0.11, 0.71),
        "leace": (0.12, 0.69),
        "inlp": (0.4, 0.80),
    }, "one whose loss is not known is left out"
    assert figure.layout.xaxis.range[1] > 0.4


def test_names_of_points_that_are_near_stand_at_different_heights(result: ProtectionResult):
    places = {point.name: point.textposition for point in leak_against_loss(result).data}
    near = [places[name] for name in ("donor-coordinate", "donor-coordinate (directions 8)", "leace")]
    assert len(set(near)) == 3
    assert places["inlp"] == places["templates as they are"] == "middle right"
