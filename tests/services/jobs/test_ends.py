"""Ends of jobs that whoever asked for them is told of until they have looked."""

from __future__ import annotations

import pytest

from facepriv.config import Settings
from facepriv.presentation.jobs import end_in_words
from facepriv.schemas.requests import RunRequest
from facepriv.services.jobs.ends import list_ends, see_all
from facepriv.services.jobs.submit import submit
from facepriv.store import Store
from facepriv.types import Actor
from tests.finished_run import FAST, METHOD, Finished

pytestmark = pytest.mark.xdist_group("finished-run")
EVE, BOB = Actor("eve", "dashboard"), Actor("bob", "dashboard")
OWNER = "test:1:0"


@pytest.fixture
def asked(finished: Finished) -> tuple[Store, Settings]:
    """A store in which others may have asked for something; each test asks as somebody of its own."""
    return finished.store, finished.settings


def begin(store: Store, settings: Settings, actor: Actor, seed: int) -> int:
    request = RunRequest(dataset="six", method=METHOD, parameters=FAST, seed=seed, classifiers=[], matchers=[])
    run = submit(store, settings, request, actor)
    job = store.jobs.claim(OWNER, only=run.job_id)
    assert job is not None
    return run.id


def test_an_end_is_told_to_whoever_asked_until_it_was_seen(asked: tuple[Store, Settings]):
    store, settings = asked
    number = begin(store, settings, EVE, 901)
    job_id = store.runs.job_id(number)
    assert list_ends(store, EVE) == [], "it is under way"
    store.jobs.fail(job_id, OWNER, "No room.")
    (end,) = list_ends(store, EVE)
    assert (end.kind, end.number, end.about, end.state, end.announced) == ("run", number, "six", "failed", False)
    assert end_in_words(end) == f"Run {number} (six) failed"
    assert list_ends(store, BOB) == [], "nobody else asked for it"
    assert list_ends(store, Actor("eve", "command line")) == []
    assert store.job_plans.announce(job_id)
    assert not store.job_plans.announce(job_id), "once, whatever the number of open pages"
    assert list_ends(store, EVE)[0].announced
    assert store.job_plans.see(job_id)
    assert not store.job_plans.see(job_id)
    assert list_ends(store, EVE) == []
    store.jobs.resume(job_id)
    store.jobs.claim(OWNER, only=job_id)
    store.jobs.fail(job_id, OWNER, "Still no room.")
    assert [(each.number, each.announced) for each in list_ends(store, EVE)] == [(number, False)], "its next end, too"
    store.runs.delete(number)
    assert list_ends(store, EVE) == []


def test_what_somebody_cancelled_is_not_told(asked: tuple[Store, Settings]):
    store, settings = asked
    me = Actor("mallory", "dashboard")
    number = begin(store, settings, me, 902)
    store.jobs.mark_cancelled(store.runs.job_id(number), OWNER)
    assert list_ends(store, me) == []
    store.runs.delete(number)


def test_all_can_be_seen_at_once(asked: tuple[Store, Settings]):
    store, settings = asked
    me = Actor("zoe", "dashboard")
    numbers = [begin(store, settings, me, seed) for seed in (903, 904)]
    for number in numbers:
        store.jobs.fail(store.runs.job_id(number), OWNER, "No room.")
    assert [end.number for end in list_ends(store, me)] == numbers[::-1]
    see_all(store, me)
    assert list_ends(store, me) == []
    for number in numbers:
        store.runs.delete(number)


def test_what_was_promised_is_kept_with_the_job(asked: tuple[Store, Settings]):
    store, settings = asked
    number = begin(store, settings, EVE, 905)
    plan = store.job_plans.get(store.runs.job_id(number))
    assert plan is not None
    assert plan.stages
    assert plan.low < plan.seconds < plan.high
    store.jobs.release(store.runs.job_id(number), OWNER)
    store.runs.delete(number)
    assert store.job_plans.get(number + 10_000) is None
