"""Studies as tables, and how long one will still take."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from facepriv.presentation.study_tables import candidate_rows, frontier_rows, lost_range, study_rows, time_left
from facepriv.presentation.study_verdict import COST_NOT_KNOWN, outcome_verdict
from facepriv.schemas.figures import Interval
from facepriv.services.studies.results import make_result
from facepriv.store import StudySummary
from tests.study_examples import GOAL, figures_of, progress_of, spec_of

STARTED = datetime(2026, 1, 2, tzinfo=UTC)
RUNNING = StudySummary(
    id=1,
    job_id=1,
    dataset_id=1,
    dataset_name="faces",
    state="running",
    created_at=STARTED,
    started_at=STARTED,
    finished_at=None,
    owner="w1",
    lease_until=None,
    attempts=1,
    cancel_requested=False,
    stage="searching",
    done=6,
    total=12,
    error=None,
    losses=0,
    spent=60.0,
    stage_since=STARTED,
    stage_from=0,
)


def test_the_time_left_follows_from_the_pace_and_never_exceeds_what_is_allowed():
    minute_ago = datetime.now(UTC) - timedelta(seconds=60)
    running = replace(RUNNING, created_at=minute_ago, started_at=minute_ago, stage_since=minute_ago)
    assert time_left(running, 600.0).startswith("About 1 min")
    assert time_left(running, 600.0).endswith("left, at most 9 min.")
    assert time_left(running, 100.0) == "At most 40 s left, and the step under way."
    assert time_left(replace(running, done=0), 600.0).startswith("At most 9 min left")
    assert time_left(replace(running, state="complete"), 600.0) == ""
    assert study_rows([running])[0]["Steps"] == "6 of 12"


def test_the_recommended_candidate_is_marked_and_reasons_are_told():
    result = make_result(spec_of(3, rungs=2), progress_of(), 60.0)
    names = [row["Candidate"] for row in frontier_rows(result)]
    assert names == ["images, untouched", "s1, 50%", "s0, 50%", "* s0, 100%", "s1, 100%"]
    reasons = {row["Candidate"]: row["Why"] for row in candidate_rows(result)}
    assert "better in one, by more than chance" in reasons["s2, 100%"]
    assert reasons["s0, 100%"] == ""


def test_the_verdict_on_a_candidate_says_what_it_cost_where_that_is_known():
    assert outcome_verdict(figures_of(0.66, 0.02), GOAL).cost == "Cost: 1 in 50 genuine matches lost."
    unknown = figures_of(0.66, 0.02).model_copy(update={"lost": Interval(value=None, low=None, high=None)})
    assert outcome_verdict(unknown, GOAL).cost == COST_NOT_KNOWN
    assert outcome_verdict(unknown, GOAL, untouched=True).cost == ""


def test_what_was_not_measured_is_no_number():
    assert lost_range(Interval(value=None, low=None, high=None)) == "–"
    assert lost_range(Interval(value=0.02, low=-0.01, high=0.05)) == "2.0 % (-1.0 to 5.0)"
