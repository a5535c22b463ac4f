"""Plans of jobs, and how much of one under way is left: corrected by what was done, never nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facepriv.schemas.plans import JobPlan, PlannedStage
from facepriv.services.jobs.planning import MEASURED, UNMEASURED, Stage, make_plan, seconds_left
from facepriv.services.jobs.speeds import Piece, Speeds, expected_seconds
from facepriv.store.records import JobProgress
from facepriv.store.speeds import Speed

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
PLAN = JobPlan(
    stages=(
        PlannedStage(stage="perturbing", steps=100, fixed=10.0, seconds=110.0),
        PlannedStage(stage="comparing", steps=1, seconds=20.0),
    ),
    low=100,
    high=160,
    basis=MEASURED,
)


def under_way(stage: str, done: int, total: int, spent: float, *, state: str = "running") -> JobProgress:
    return JobProgress(
        state=state,  # type: ignore[arg-type]
        created_at=NOW - timedelta(seconds=spent),
        started_at=NOW - timedelta(seconds=spent),
        finished_at=None,
        owner="worker",
        lease_until=NOW,
        attempts=1,
        cancel_requested=False,
        stage=stage,
        done=done,
        total=total,
        error=None,
        losses=0,
        spent=spent,
        stage_since=NOW - timedelta(seconds=spent) if stage else None,
        stage_from=0,
    )


def left(*given: object, **more: object) -> float:
    seconds = seconds_left(PLAN, under_way(*given, **more), NOW)  # type: ignore[arg-type]
    assert seconds is not None
    return seconds


def test_before_it_begins_all_is_left():
    assert left("", 0, 100, 30, state="waiting") == 130
    assert left("", 0, 100, 5) == 125


def test_a_job_that_keeps_its_promise_has_the_rest_of_it_left():
    for done in (1, 10, 50, 99):
        assert left("perturbing", done, 100, 10 + done) == pytest.approx(100 - done + 20, rel=0.02)


def test_the_first_images_correct_it():
    assert left("perturbing", 10, 100, 10 + 40) == pytest.approx(2.5 * 90 + 20 * 1.75, rel=0.05)
    assert left("perturbing", 50, 100, 10 + 200) == pytest.approx(3.5 * 50 + 20 * 2.25, rel=0.05)
    assert left("perturbing", 10, 100, 10 + 2.5) < 80


def test_what_takes_longer_than_promised_is_never_said_to_be_over():
    for spent in (25, 60, 600):
        assert left("comparing", 0, 1, spent) >= min(0.2 * spent, spent)
    assert left("perturbing", 0, 100, 60) > 500, "where it should have done half of them, and has done none"
    assert left("", 0, 0, 500) >= 100
    assert left("some new stage", 3, 10, 500) >= 100


def test_images_done_before_an_interruption_are_no_speed():
    job = under_way("perturbing", 60, 100, 30)
    resumed = JobProgress(**{**vars(job), "stage_from": 50})
    seconds = seconds_left(PLAN, resumed, NOW)
    assert seconds is not None
    assert 50 < seconds < 110


def test_what_has_ended_has_nothing_left():
    assert seconds_left(PLAN, under_way("comparing", 1, 1, 9, state="complete"), NOW) is None


def test_a_plan_of_pieces():
    speeds = Speeds({"a|x": Speed(10, 20.0, 10 * expected_seconds("a|x", 1, 1))})
    begin = Piece.of("rest|job", 1)
    stages = [
        Stage("nothing", (), 0),
        Stage("first", (Piece.of("a|x", 100),), 100),
        Stage("alone", (Piece.of("a|x", 3),), 1, pooled=False),
    ]
    plan = make_plan(speeds, stages, rest=begin, width=4)
    nothing, first, alone = plan.stages
    each = speeds.seconds("a|x")
    assert nothing.seconds == 0
    assert first.seconds - first.fixed == pytest.approx(25 * each)
    assert first.fixed == pytest.approx(speeds.seconds("rest|job"))
    assert alone.seconds == pytest.approx(3 * each)
    assert plan.low < plan.seconds < plan.high
    assert make_plan(speeds, stages, rest=begin, width=400).stages[1].seconds - first.fixed == pytest.approx(each)


def test_the_range_is_wider_where_nothing_was_measured():
    def plan(measured: dict[str, Speed]) -> JobPlan:
        stage = Stage("only", (Piece.of("a|x", 100),), 100)
        return make_plan(Speeds(measured), [stage], rest=Piece.of("rest|job", 1), width=1)

    known, unknown = plan({"a|x": Speed(50, 10.0, 5.0), "rest|job": Speed(3, 9.0, 9.0)}), plan({})
    assert known.high / known.low < unknown.high / unknown.low
    assert (known.basis, unknown.basis) == (MEASURED, UNMEASURED)


def test_what_is_known_of_a_piece_counts_more_than_of_its_kind():
    def speed(times: float, steps: float = 100) -> Speed:
        return Speed(steps, times * expected_seconds("a|x", steps, steps), expected_seconds("a|x", steps, steps))

    one = expected_seconds("a|x", 1, 1)
    assert Speeds({}).seconds("a|x") == one
    assert Speeds({"": speed(3.0, 10_000)}).seconds("a|x") == pytest.approx(3 * one, rel=0.05)
    assert Speeds({"": speed(3.0), "a": speed(2.0)}).seconds("a|x") == pytest.approx(2 * one, rel=0.05)
    assert Speeds({"a": speed(2.0), "a|x": speed(5.0)}).seconds("a|x") == pytest.approx(5 * one, rel=0.05)
    few = Speeds({"a": speed(2.0), "a|x": speed(5.0, steps=3)}).seconds("a|x")
    assert few == pytest.approx(3.5 * one, rel=0.05), "three steps are half believed"
