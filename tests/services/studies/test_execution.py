"""A small real study on demo faces: the same over interruptions, stopped and resumed, purged with its data set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.schemas.requests import StudyRequest
from facepriv.schemas.studies import UNTOUCHED, StudyResult
from facepriv.services.datasets.importing import import_demo
from facepriv.services.jobs import control
from facepriv.services.jobs.submit import submit
from facepriv.services.jobs.worker import run_worker
from facepriv.services.studies.execution import CONFIRMATION
from facepriv.services.studies.preparing import find_same_study, prepare_study, study_document
from facepriv.services.upkeep.purging import plan_purge, purge
from facepriv.store import Store, open_store
from tests.actors import TEST

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("study")]

SMALL = {
    "dataset": "faces",
    "methods": ("mixing", "colour-field"),
    "guides": ("dlib-gender",),
    "proportions": (0.5, 1.0),
    "select_by": ("image",),
    "attackers": ("sign", "template"),
    "classifiers": ("dlib-gender",),
    "matchers": ("sface",),
    "limit": 100,
    "fmr": 0.01,
    "time": "1h",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("study") / "home", workers=2)


@pytest.fixture(scope="module")
def store(settings: Settings) -> Iterator[Store]:
    with open_store(settings) as store:
        import_demo(store, settings, name="faces")
        yield store


@pytest.fixture(scope="module")
def whole(store: Store, settings: Settings) -> int:
    """A study that nothing has interrupted."""
    study = submit(store, settings, StudyRequest(**SMALL), TEST)
    run_worker(settings, job_id=study.job_id)
    return study.id


def result_of(store: Store, number: int) -> StudyResult:
    study = store.studies.get(number)
    assert study.result is not None, study.error
    return study.result


def figures_of(store: Store, number: int) -> list[object]:
    """All that a study found, without the time it took and the numbers of its runs."""
    progress = store.studies.get(number).progress
    return [(step.setting, step.rung, step.figures) for step in (*progress.steps, *progress.confirmations)]


def test_a_study_is_searched_and_confirmed(store: Store, whole: int):
    result, study = result_of(store, whole), store.studies.get(whole)
    spec = study.spec
    assert result.ended == "complete"
    assert {each.state for each in result.outcomes} <= {"compared", "dropped"}
    assert not {*spec.image_ids} & {*spec.confirmation_ids}
    images = {image.id: image.subject for image in store.datasets.images(spec.dataset.id)}
    assert not {images[i] for i in spec.image_ids} & {images[i] for i in spec.confirmation_ids}
    (confirmation,) = result.confirmations
    assert confirmation.candidate == result.recommended["images"]
    assert confirmation.figures.people == spec.confirmation_people
    for step in study.progress.steps:
        assert step.failed is None
        for name, figures in step.figures.items():
            assert 0 <= figures.accuracy.value <= figures.upper <= 1
            assert figures.lost.low <= figures.lost.value <= figures.lost.high
            assert (figures.lost.value == 0) or name != UNTOUCHED
    mixed = [each for each in result.outcomes if each.setting.method == "mixing" and each.candidate.p == 1.0]
    figures = mixed[0].figures
    assert figures.fmr > spec.goal.fmr, "half of one stranger's face makes people alike"
    assert figures.lost.value > 0.05


def test_its_runs_are_ordinary_ones_that_only_it_shows(store: Store, whole: int):
    result = result_of(store, whole)
    mine = {run.id: run for run in store.runs.list(study_id=whole)}
    assert {run.state for run in mine.values()} == {"complete"}
    assert store.runs.list() == ()
    for outcome in result.outcomes:
        assert outcome.run_id in mine
        (audit,) = outcome.audit_ids
        assert store.audits.get(audit).run_id == outcome.run_id
    (confirmation,) = result.confirmations
    full = store.audits.get(confirmation.audit_ids[0]).result
    assert full.learning, "the audit of a confirmation is a full one"
    assert full.condition("mix").attacks


def test_the_same_request_is_the_same_study(store: Store, whole: int):
    spec = prepare_study(store, StudyRequest(**SMALL))
    assert spec == store.studies.get(whole).spec
    assert find_same_study(store, spec).id == whole
    assert prepare_study(store, StudyRequest(**SMALL, seed=1)).image_ids != spec.image_ids


def test_interrupted_after_every_step_it_comes_out_the_same(store: Store, settings: Settings, whole: int):
    study = submit(store, settings, StudyRequest(**SMALL), TEST)
    seen = []

    def interrupt(number: int, stage: str, done: int, total: int) -> None:
        if len(store.studies.get(study.id).progress.steps) > len(seen):
            seen.append(done)
            raise KeyboardInterrupt

    for _ in range(10):
        try:
            run_worker(settings.model_copy(update={"workers": 1}), job_id=study.job_id, on_progress=interrupt)
            break
        except KeyboardInterrupt:
            assert store.studies.get(study.id).state == "waiting"
    assert len(seen) > 1
    assert figures_of(store, study.id) == figures_of(store, whole)
    assert result_of(store, study.id).recommended == result_of(store, whole).recommended


def test_stopped_within_a_run_it_keeps_what_was_done_and_goes_on(store: Store, settings: Settings, whole: int):
    study = submit(store, settings, StudyRequest(**SMALL), TEST)

    def stop(number: int, stage: str, done: int, total: int) -> None:
        parts = store.runs.list(study_id=study.id)
        if parts and store.studies.get(study.id).progress.steps == () and store.runs.images_done(parts[0].id):
            store.jobs.cancel(study.job_id)

    run_worker(settings, job_id=study.job_id, on_progress=stop)
    assert store.studies.get(study.id).state == "cancelled"
    document = study_document(store, study.id)
    assert document.ended == "stopped"
    (part,) = store.runs.list(study_id=study.id)
    assert part.state == "cancelled"
    done = store.runs.images_done(part.id)
    assert done
    assert control.resume(store, "study", study.id, TEST) == "waiting"
    run_worker(settings, job_id=study.job_id)
    assert figures_of(store, study.id) == figures_of(store, whole)
    assert part.id in {run.id for run in store.runs.list(study_id=study.id)}
    store.studies.delete(study.id)
    assert store.runs.list(study_id=study.id) == ()


def test_time_that_is_over_ends_the_search_and_the_best_is_confirmed(store: Store, settings: Settings):
    study = submit(store, settings, StudyRequest(**{**SMALL, "time": "1s"}), TEST)
    run_worker(settings, job_id=study.job_id)
    result = result_of(store, study.id)
    assert result.ended == "time"
    assert len(store.studies.get(study.id).progress.steps) == 1, "the step under way is finished"
    assert {each.state for each in result.outcomes} == {"not-tried"}, "nothing came to the last rung"
    assert result.people == store.studies.get(study.id).spec.rungs[0].people
    assert result.recommended
    assert [step.rung for step in store.studies.get(study.id).progress.confirmations] == [CONFIRMATION]


def test_a_purge_leaves_nothing_of_a_study(store: Store, settings: Settings, whole: int):
    """The last one: the data set is gone after it."""
    dataset = store.datasets.get("faces")
    runs = store.runs.list(study_id=whole)
    changed = {image.artifact_sha256 for run in runs for image in store.runs.outcomes(run.id)} - {None}
    assert changed
    plan = plan_purge(store, dataset.id)
    assert whole in plan.studies
    report = purge(store, settings, dataset.id, actor=TEST)
    assert report.complete, report.sentences
    assert whole in report.studies
    assert store.studies.list() == ()
    left = [file for file in Path(settings.home).rglob("*") if file.is_file()]
    digests = {hashlib.sha256(file.read_bytes()).hexdigest() for file in left}
    assert not digests & changed
