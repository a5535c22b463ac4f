"""The Protect page: the two questions, a study in progress, its outcome, yours in the address."""

from __future__ import annotations

import json

import filelock
import pytest

from facepriv.store import open_store
from facepriv.wording import percent
from tests.study_examples import add_study, progress_of


@pytest.fixture
def no_worker(filled):
    """Hold the local worker's lock, so that the page starts none."""
    with filelock.FileLock(filled.home / "worker.lock"):
        yield filled


def test_the_goal_is_asked_for_in_two_questions(no_worker, visit, said):
    app = visit("protect")
    assert app.slider("study_attacker").value == 70
    assert app.slider("study_lost").value == 3.0
    assert app.radio("study_release").value == "images"
    assert app.select_slider("study_time").value == "30m"
    assert app.button("start_study").disabled
    assert "at least 10 subjects" in said(app)
    with open_store(no_worker) as store:
        assert store.studies.list() == ()


def test_a_link_states_the_same_goal(no_worker, visit):
    app = visit("protect", study_attacker="60", study_lost="1.5", study_time="1h", study_release="Both")
    assert app.slider("study_attacker").value == 60
    assert app.slider("study_lost").value == 1.5
    assert app.select_slider("study_time").value == "1h"
    assert app.radio("study_release").value == "both"


def test_the_outcome_begins_with_the_verdict(no_worker, visit, said):
    add_study(no_worker, progress_of())
    app = visit("protect", study="1")
    (verdict,) = app.success
    assert verdict.value.startswith("**✓ Goal reached")
    assert "Confirmed on 7 people" in verdict.value
    assert len(app.get("plotly_chart")) == 1
    words = said(app)
    assert "s2, 100%" in words
    assert "Recommended" in words
    slider = app.select_slider("yours-1-images")
    assert slider.value == "s0, 100%"
    assert len(slider.options) == 4


def test_yours_is_in_the_address(no_worker, visit, said):
    add_study(no_worker, progress_of())
    app = visit("protect", study="1", yours="s0, 50%")
    assert app.select_slider("yours-1-images").value == "s0, 50%"
    app.select_slider("yours-1-images").set_value("s1, 100%").run()
    assert app.query_params["yours"] == "s1, 100%"
    assert app.query_params["study"] in ("1", ["1"])
    assert "s0, 100%" in said(app), "what is recommended stays beside it"


def test_yours_moves_along_p_and_may_lie_off_the_frontier(no_worker, visit, said):
    add_study(no_worker, progress_of())
    app = visit("protect", study="1", yours="s2, 100%")
    assert app.select_slider("yours-1-images").value == "s2, 100%", "a mark that is not on the frontier was clicked"
    assert "Yours" in said(app)
    app = visit("protect", study="1", yours="s1, 100%")
    shares = app.select_slider("yours-1-images-p")
    assert list(shares.options) == [f"{percent(0.5, 0)} of images", percent(1.0, 0)]
    shares.set_value("s1, 50%").run()
    assert app.query_params["yours"] == "s1, 50%"
    assert app.select_slider("yours-1-images").value == "s1, 50%"


def test_what_is_chosen_is_applied_to_all_images(no_worker, visit, said):
    add_study(no_worker, progress_of())
    app = visit("protect", study="1", yours="s1, 50%")
    app.button("apply-1-images").click().run()
    assert not app.exception
    assert not app.error, [each.value for each in app.error]
    with open_store(no_worker) as store:
        (run,) = store.runs.list(states=("waiting",))
        request = json.loads(store.jobs.get(run.job_id).request)
    assert (request["audit"], request["audit_select_by"], request["method"]) == (0.5, "image", "mixing")
    assert "The audit follows by itself" in said(app)
    app.button(f"cancel-run-{run.id}").click().run()
    assert "apply-1-images" in {each.key for each in visit("protect", study="1").button}


def test_a_goal_that_nothing_reaches_is_told_in_red_with_the_best_that_was_found(no_worker, visit):
    add_study(no_worker, progress_of(confirmed=(0.8, 0.02)))
    app = visit("protect", study="1")
    (error,) = app.error
    assert error.value.startswith("**✗ Goal not reached")
    assert "The best that was found: s0, 100%" in error.value


def test_a_study_under_way_shows_what_it_has_and_can_be_stopped_and_resumed(no_worker, visit, said):
    add_study(no_worker, progress_of(ended=False, confirmed=None), complete=False)
    app = visit("protect", study="1")
    assert "**Study 1**" in said(app)
    assert "so far" in app.info[0].value
    app.button("cancel-study-1").click().run()
    assert not app.exception
    with open_store(no_worker) as store:
        assert store.studies.get(1).cancel_requested
        store.jobs.mark_cancelled(store.studies.job_id(1), "test")
    app = visit("protect", study="1")
    app.button("resume-study-1").click().run()
    with open_store(no_worker) as store:
        assert store.studies.get(1).state == "waiting"


def test_without_a_data_set_there_is_nothing_to_protect(empty, visit, said):
    assert "no data set to protect" in said(visit("protect"))
