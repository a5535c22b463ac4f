"""What is asked for is checked, stored and logged in one place, with who asked and from where."""

from __future__ import annotations

import pytest

from facepriv.errors import BadInputError, SameJobError, UnknownNameError
from facepriv.schemas.requests import RunRequest
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.jobs import control
from facepriv.services.jobs.kinds import kinds, kinds_of_workers
from facepriv.services.jobs.submit import submit
from facepriv.types import Actor
from tests.finished_run import FAST, METHOD, labelled_demo

ADA = Actor("ada", "command line")
BOB = Actor("bob", "dashboard")


@pytest.fixture
def request_of_two(store, settings, tmp_path) -> RunRequest:
    import_dataset(store, settings, labelled_demo(tmp_path / "faces", ("s001_1", "s003_1")), name="two")
    return RunRequest(dataset="two", method=METHOD, parameters=FAST, classifiers=[], matchers=[])


def log(store) -> list[tuple[str, str, str]]:
    return [(line.actor, line.origin, line.action) for line in store.access.list()]


def test_a_request_is_stored_and_logged(store, settings, request_of_two):
    run = submit(store, settings, request_of_two, ADA)
    job = store.jobs.get(run.job_id)
    assert RunRequest.model_validate_json(job.request) == request_of_two
    assert Actor(job.actor, job.origin) == ADA
    assert job.kind == "run"
    assert log(store) == [("ada", "command line", "run-started")]
    assert store.access.list()[0].subject == f"run {run.id}"


def test_the_same_request_is_put_into_the_queue_once(store, settings, request_of_two):
    first = submit(store, settings, request_of_two, ADA)
    assert submit(store, settings, request_of_two, BOB, once=True).id == first.id
    other = request_of_two.model_copy(update={"seed": 1})
    assert submit(store, settings, other, BOB, once=True).id != first.id
    assert [actor for actor, _, _ in log(store)] == ["bob", "ada"]


def test_just_the_same_is_named_before_it_is_done_again(store, settings, request_of_two):
    first = submit(store, settings, request_of_two, ADA, again=False)
    with pytest.raises(
        SameJobError, match=f"^Run {first.id} has exactly these settings and waits for a worker\\.$"
    ) as caught:
        submit(store, settings, request_of_two, BOB, again=False)
    assert (caught.value.kind, caught.value.number, caught.value.code) == ("run", first.id, "same-job")
    assert len(store.jobs.list()) == 1
    # By whatever words it is asked for.
    by_number = RunRequest(**{**request_of_two.model_dump(), "dataset": first.dataset_id})
    with pytest.raises(SameJobError):
        submit(store, settings, by_number, BOB, again=False)
    assert submit(store, settings, request_of_two.model_copy(update={"seed": 1}), BOB, again=False).id != first.id
    assert submit(store, settings, request_of_two, BOB).id not in (first.id, None)
    store.jobs.cancel(first.job_id)
    again = submit(store, settings, request_of_two, BOB)
    store.jobs.cancel(again.job_id)
    for run in store.runs.list(states=("waiting",)):
        store.jobs.cancel(run.job_id)
    assert submit(store, settings, request_of_two, ADA, again=False).state == "waiting", (
        "what was cancelled is no reason"
    )


def test_what_is_refused_leaves_nothing(store, settings, request_of_two):
    for update, error in (({"guides": ("oracle",)}, UnknownNameError), ({"learn_from": "demo"}, BadInputError)):
        with pytest.raises(error):
            submit(store, settings, request_of_two.model_copy(update=update), ADA)
    assert store.jobs.list() == ()
    assert log(store) == []


def test_who_cancels_and_resumes_is_logged(store, settings, request_of_two):
    run = submit(store, settings, request_of_two, ADA)
    assert control.cancel(store, "run", run.id, BOB) == "cancelled"
    assert control.resume(store, "run", run.id, BOB) == "waiting"
    assert log(store)[:2] == [("bob", "dashboard", "run-resumed"), ("bob", "dashboard", "run-cancelled")]


def test_every_kind_is_what_its_request_says():
    for name in kinds.names():
        assert kinds.create(name).request.kind == name
    assert sorted(kinds_of_workers(apart=True) + kinds_of_workers(apart=False)) == sorted(kinds.names())
