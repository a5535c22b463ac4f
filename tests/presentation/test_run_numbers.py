"""Numbers of runs and audits: each from its place in the result, and left out where it is not known."""

from __future__ import annotations

import math

import pytest

from facepriv.audit.run_result import RunResult
from facepriv.presentation.run_numbers import AT_MOST, KINDS, LOST, RIGHT, kind_of, numbers_of_audit, numbers_of_run
from facepriv.presentation.run_tables import split_rows
from facepriv.presentation.verdict import audit_verdict, matches_lost, run_verdict
from facepriv.wording import one_in
from tests.finished_run import Finished
from tests.pages.conftest import audit_result

pytestmark = pytest.mark.xdist_group("finished-run")


def test_numbers_of_a_run(finished: Finished) -> None:
    run = finished.run
    result = run.result
    assert isinstance(result, RunResult)
    found = numbers_of_run(run.spec, result)
    assert found["flipped"] == result.flipped.all
    assert found["guide-wrong"] == result.gender_error[run.guide].after.all
    assert found["images"] == result.images
    assert all(isinstance(value, float) and math.isfinite(value) for value in found.values())
    assert {name for name in found if name not in KINDS} == {
        f"parameter:{name}"
        for name, value in run.spec.parameters.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    assert numbers_of_run(run.spec, None).keys() == found.keys() - KINDS.keys()
    assert kind_of("parameter:eps").title == "Parameter eps"
    unchanged = result.model_copy(update={"psnr_db": result.psnr_db.model_copy(update={"median": math.inf})})
    assert "psnr" not in numbers_of_run(run.spec, unchanged)


def test_numbers_of_an_audit_are_those_of_its_verdict(finished: Finished) -> None:
    found = audit_result("of-run")
    numbers = numbers_of_audit(found, {})
    verdict = audit_verdict(found)
    assert f"is right {100 * numbers[RIGHT]:.0f} times" in verdict.finding
    assert numbers[AT_MOST] >= numbers[RIGHT]
    if numbers[LOST] > 0:
        assert one_in(numbers[LOST]) in verdict.cost
    as_it_is = numbers_of_audit(audit_result("as-it-is"), {})
    assert "proportion" not in as_it_is
    assert as_it_is[RIGHT] == as_it_is["right-untouched"]


def test_matches_lost_of_a_run_are_those_its_cost_is_said_of(finished: Finished) -> None:
    result = finished.run.result
    assert result is not None
    lost = matches_lost(result.matching)
    cost = run_verdict(result).cost
    assert cost.startswith("Cost: not known" if lost is None else "Cost: no more" if lost <= 0 else "Cost: ")
    if lost is not None and lost > 0:
        assert one_in(lost) in cost


def test_what_differs_is_told_from_what_is_the_same() -> None:
    rows = [{"Figure": "a", "Run 1": "1", "Run 2": "1"}, {"Figure": "b", "Run 1": "1", "Run 2": "–"}]
    assert split_rows(rows) == (rows[1:], rows[:1])
    assert split_rows([]) == ([], [])
