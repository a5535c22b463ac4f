"""What a study found, from the steps it has done."""

from __future__ import annotations

from facepriv.schemas.studies import UNTOUCHED, StudyProgress, StudyStep
from facepriv.services.studies.results import NO_TIME, make_result
from tests.study_examples import figures_of, progress_of, spec_of

SPEC = spec_of(3, rungs=2)


def test_the_goal_is_reached_on_both_groups_of_people():
    result = make_result(SPEC, progress_of(), 60.0)
    assert result.recommended == {"images": "s0, 100%"}
    assert result.met
    assert result.people == 20
    assert [each.candidate.name for each in result.outcomes if each.on_frontier] == [
        "s0, 100%",
        "s0, 50%",
        "s1, 100%",
        "s1, 50%",
    ]
    assert result.verdict.startswith("Goal reached")
    assert "Confirmed on 7 people who had no part in the search" in result.verdict
    given_up = result.outcome("s2, 100%")
    assert given_up.state == "dropped"
    assert given_up.rung == 0
    assert result.outcome("s2, 50%").state == "dropped"
    assert result.untouched["images"].accuracy.value == 0.97


def test_people_who_had_no_part_have_the_last_word():
    result = make_result(SPEC, progress_of(confirmed=(0.75, 0.02)), 60.0)
    assert not result.met
    assert result.verdict.startswith("Goal not reached")
    assert "Not confirmed on 7 people" in result.verdict
    assert not make_result(SPEC, progress_of(confirmed=None), 60.0).met


def test_where_nothing_reaches_it_the_best_is_named():
    goal = SPEC.goal.model_copy(update={"attacker_at_most": 0.55, "matches_lost": 0.01})
    result = make_result(SPEC.model_copy(update={"goal": goal}), progress_of(), 60.0)
    assert not result.met
    assert result.verdict.startswith("Goal not reached")
    assert f"The best that was found: {result.recommended['images']}" in result.verdict


def test_what_helps_no_more_than_leaving_everything_is_not_recommended():
    """No attacker is right less often, though nothing is lost: by its distance from the goal it would come first."""
    steps = progress_of().steps
    useless = dict.fromkeys(("s1, 100%", "s1, 50%"), steps[4].figures[UNTOUCHED])
    worse = {name: figures_of(0.9, 0.6) for name in ("s0, 100%", "s0, 50%")}
    last = [
        step.model_copy(update={"figures": {**figures, UNTOUCHED: step.figures[UNTOUCHED]}})
        for step, figures in ((steps[3], worse), (steps[4], useless))
    ]
    result = make_result(SPEC, StudyProgress(steps=(*steps[:3], *last), ended="complete"), 60.0)
    assert result.recommended["images"] in worse
    nothing = {**last[1].figures, **dict.fromkeys(worse, useless["s1, 50%"])}
    both = [last[0].model_copy(update={"figures": nothing}), last[1]]
    result = make_result(SPEC, StudyProgress(steps=(*steps[:3], *both), ended="complete"), 60.0)
    assert result.recommended == {}
    assert result.verdict.startswith("Goal not reached")
    assert "Nothing that was tried is better than leaving everything as it is" in result.verdict


def test_an_unfinished_study_says_so_far():
    result = make_result(SPEC, StudyProgress(steps=progress_of().steps[:2]), 10.0)
    assert result.ended is None
    assert result.verdict.startswith("Goal not reached so far")
    assert result.outcome("s2, 100%").state == "not-tried"
    stopped = make_result(SPEC, StudyProgress(steps=progress_of().steps[:2]), 10.0, stopped=True)
    assert stopped.ended == "stopped"
    assert "can be resumed" in stopped.verdict
    assert "Nothing has been tried" in make_result(SPEC, StudyProgress(), 0.0).verdict


def test_what_time_did_not_allow_is_counted():
    progress = StudyProgress(steps=progress_of().steps[:4], ended="time")
    result = make_result(SPEC, progress, 60.0)
    left = [each for each in result.outcomes if each.state == "not-tried"]
    assert {each.reason for each in left} == {NO_TIME}
    assert f"Time was up with {len(left)} candidates" in result.verdict


def test_what_fails_is_told_and_costs_nobody_else():
    failed = StudyStep(setting="s1", rung=0, failed="No face was left in any image.")
    result = make_result(SPEC, StudyProgress(steps=(progress_of().steps[0], failed)), 5.0)
    assert result.outcome("s1, 100%").state == "failed"
    assert result.outcome("s1, 100%").reason == failed.failed
    assert result.recommended == {"images": "s0, 100%"}
    nothing = StudyProgress(steps=tuple(failed.model_copy(update={"setting": f"s{i}"}) for i in range(3)))
    result = make_result(SPEC, nothing, 5.0)
    assert result.recommended == {}
    assert result.verdict == f"Nothing could be tried: {failed.failed}"
