"""How long runs are promised to take: by stages, from what was measured here, else from reference figures."""

from __future__ import annotations

import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError
from facepriv.schemas.requests import RunRequest
from facepriv.services.jobs.planning import MEASURED, UNMEASURED
from facepriv.services.jobs.speeds import EVALUATION_SECONDS, OVERHEAD, PRIOR_EVALUATIONS
from facepriv.services.runs.estimate import estimate_each_image, estimate_run, plan_run
from facepriv.services.runs.job import LEARNING, PERTURBING, SUMMING_UP
from tests.finished_run import FAST, METHOD, Finished

pytestmark = pytest.mark.xdist_group("finished-run")
JUDGES = {"classifiers": ["levi-hassner"], "matchers": ["dlib-resnet", "sface"]}
LIKE = {"dataset": "six", "method": METHOD, "parameters": FAST, **JUDGES}


@pytest.fixture
def unmeasured(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> Finished:
    """The same installation as if nothing had been measured in it."""
    monkeypatch.setattr(finished.store.speeds, "all", dict)
    return finished


def test_a_run_like_one_before_is_promised_what_that_took(finished: Finished):
    plan = estimate_run(finished.store, finished.settings, RunRequest(**LIKE), 6)
    assert plan.basis == MEASURED
    took = finished.store.runs.get(finished.run.id).spent
    # What it measured of untouched images is known by now.
    assert plan.low < took
    assert plan.seconds > took / 3
    assert plan.high < 3 * took


def test_all_stages_are_counted_and_as_the_queue_names_them(finished: Finished):
    plan = estimate_run(finished.store, finished.settings, RunRequest(**LIKE), 6)
    assert [stage.stage for stage in plan.stages] == [PERTURBING, SUMMING_UP]
    assert plan.stages[0].steps == 6
    assert plan.stages[0].fixed > 0, "processes start and load models"
    assert plan.seconds == pytest.approx(sum(stage.seconds for stage in plan.stages))
    learning = estimate_run(finished.store, finished.settings, RunRequest(dataset="six", method="semantic"), 6)
    assert [stage.stage for stage in learning.stages] == [LEARNING, PERTURBING, SUMMING_UP]
    assert learning.stages[1].fixed == 0, "they have started by then"


def test_a_prepared_run_is_promised_the_same(finished: Finished):
    before = estimate_run(finished.store, finished.settings, RunRequest(**LIKE), 6)
    prepared = plan_run(finished.store, finished.settings, finished.run.spec)
    assert [stage.stage for stage in prepared.stages] == [stage.stage for stage in before.stages]
    assert prepared.seconds == pytest.approx(before.seconds, rel=0.01)


def test_it_grows_with_images_pixels_guides_and_judges(unmeasured: Finished, monkeypatch: pytest.MonkeyPatch):
    def seconds(images: int = 6, **fields: object) -> float:
        request = RunRequest(**{**LIKE, "parameters": {}, **fields})
        return estimate_run(unmeasured.store, Settings(workers=1), request, images).seconds

    assert seconds(60) > 5 * (seconds(6) - 10)
    assert seconds(guides=["dlib-gender", "levi-hassner"]) > seconds()
    assert seconds(panel=False) < seconds()
    assert seconds(matchers=["sface"]) < seconds()
    small = seconds(60, method="colour-field")
    usable, pixels = unmeasured.store.datasets.extent(1)
    monkeypatch.setattr(unmeasured.store.datasets, "extent", lambda _: (usable, 16 * pixels))
    assert seconds(60, method="colour-field") > 1.5 * small


def test_more_processes_take_less_time(unmeasured: Finished):
    one, two = (
        estimate_run(unmeasured.store, Settings(workers=workers), RunRequest(**LIKE), 60).seconds for workers in (1, 2)
    )
    assert 0.5 * one < two < 0.8 * one, "but what the worker does alone, and starting, are not shared"


def test_nothing_is_computed_for_it(unmeasured: Finished, monkeypatch: pytest.MonkeyPatch):
    def heavy(*_: object, **__: object) -> None:
        raise AssertionError("an estimate must not compute")

    monkeypatch.setattr("facepriv.services.runs.preparing.get_classifier", heavy)
    monkeypatch.setattr(unmeasured.store.artifacts, "get", heavy)
    monkeypatch.setattr(unmeasured.store.datasets, "images", heavy)
    seconds = {}
    for guide in ("dlib-gender", "levi-hassner", "unheard-of"):
        plan = estimate_run(unmeasured.store, Settings(workers=2), RunRequest(**{**LIKE, "guides": [guide]}), 12)
        assert plan.basis == UNMEASURED
        seconds[guide] = plan.seconds
    assert 0 < seconds["dlib-gender"] < seconds["levi-hassner"] < seconds["unheard-of"]
    difference = EVALUATION_SECONDS["levi-hassner"] - EVALUATION_SECONDS["dlib-gender"]
    assert seconds["levi-hassner"] - seconds["dlib-gender"] > 12 * PRIOR_EVALUATIONS[METHOD] * difference * OVERHEAD / 2


def test_what_was_measured_before_corrects_other_runs_of_the_method(finished: Finished, monkeypatch):
    request = RunRequest(**{**LIKE, "parameters": {}})
    known = finished.store.speeds.all()
    here = estimate_run(finished.store, Settings(workers=1), request, 60).seconds
    slow = {what: replace_seconds(speed, 4.0) for what, speed in known.items()}
    monkeypatch.setattr(finished.store.speeds, "all", lambda: slow)
    assert estimate_run(finished.store, Settings(workers=1), request, 60).seconds > 2 * here


def replace_seconds(speed, times: float):
    return speed._replace(seconds=times * speed.seconds)


def test_an_estimate_checks_parameters(finished: Finished):
    with pytest.raises(BadInputError, match="The parameter eps of algorithm1 cannot be 0"):
        estimate_run(finished.store, finished.settings, RunRequest(dataset=1, method=METHOD, parameters={"eps": 0}), 6)


def test_settings_of_a_study_are_told_apart_the_same_on_every_machine(finished: Finished, monkeypatch):
    def unasked(*_: object) -> None:
        raise AssertionError("a study's spec must not depend on what was measured here")

    monkeypatch.setattr(finished.store.speeds, "all", unasked)
    one, two = (
        estimate_each_image(RunRequest(dataset="six", method=METHOD, guides=guides))
        for guides in (["dlib-gender"], ["dlib-gender", "levi-hassner"])
    )
    assert 0 < one < two
