"""What studies must do on every database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError, StoreError, UnknownNameError
from facepriv.schemas.studies import StudyProgress, StudyStep
from facepriv.store import LeaseLostError, Store
from facepriv.store.rows import StudyRow, StudyRunRow
from tests.actors import TEST
from tests.store.tampering import count_rows
from tests.store_examples import (
    add_dataset,
    audit_spec,
    contents_of,
    create,
    learning,
    measured_of,
    put_images,
    result_for,
    run_image,
    spec_for,
    study_result,
    study_spec,
)

STEP = StudyStep(setting="mixing", rung=0, seconds=3.0, run_id=1, audit_ids=(1,))


def test_a_study_comes_back_with_its_job(store: Store) -> None:
    dataset = add_dataset(store)
    number = store.studies.create(study_spec(dataset), request='{"a": 1}', actor=TEST)
    record = store.studies.get(number)
    assert record.spec == study_spec(dataset)
    assert record.progress == StudyProgress()
    assert record.result is None
    assert record.state == "waiting"
    assert record.dataset_name == dataset.name
    assert store.jobs.get(record.job_id).kind == "study"
    assert [each.id for each in store.studies.list(dataset_id=dataset.id)] == [number]
    assert store.studies.list(states=("complete",)) == ()
    assert store.studies.count(dataset_id=dataset.id) == 1


def test_content_that_has_changed_is_unknown(store: Store) -> None:
    dataset = add_dataset(store)
    with pytest.raises(UnknownNameError):
        store.studies.create(study_spec(replace(dataset, content_sha256="0" * 64)))
    with pytest.raises(UnknownNameError):
        store.studies.get(1)


def test_steps_stay_over_a_worker_that_is_lost(store: Store) -> None:
    number = store.studies.create(study_spec(add_dataset(store)))
    assert store.jobs.claim("w1", lease_seconds=-1) is not None
    store.studies.save_progress(number, "w1", StudyProgress(steps=(STEP,)))
    assert store.jobs.claim("w2") is not None
    with pytest.raises(LeaseLostError):
        store.studies.save_progress(number, "w1", StudyProgress())
    assert store.studies.get(number).progress.steps == (STEP,)
    with pytest.raises(LeaseLostError):
        store.studies.finish(number, "w1", study_result())
    store.studies.finish(number, "w2", study_result())
    record = store.studies.get(number)
    assert record.state == "complete"
    assert record.result == study_result()


def test_runs_of_a_study_are_hidden_and_no_other_worker_takes_them(store: Store) -> None:
    dataset = add_dataset(store)
    study = store.studies.create(study_spec(dataset))
    run = store.runs.create(spec_for(store, dataset), study_id=study)
    assert store.runs.list() == ()
    assert store.runs.count() == 0
    assert [each.id for each in store.runs.list(study_id=study)] == [run]
    assert store.runs.count(study_id=study) == 1
    assert store.runs.get(run).id == run
    assert store.jobs.claim("w1", kinds=("run", "audit")) is None
    assert store.jobs.claim("w1", only=store.runs.job_id(run)) is not None


def test_audits_of_a_study_are_found_through_their_run(store: Store) -> None:
    dataset = add_dataset(store)
    study = store.studies.create(study_spec(dataset))
    run = complete_part(store, dataset, study)
    audit = store.audits.create(audit_spec(store, dataset, run_id=run), of_study=True)
    assert store.jobs.get(store.audits.job_id(audit)).kind == "study-audit"
    assert store.audits.list() == ()
    assert store.audits.count(of_run=True) == 0
    assert [each.id for each in store.audits.list(run_id=run)] == [audit]


def complete_part(store: Store, dataset, study: int) -> int:
    spec = spec_for(store, dataset)
    run = store.runs.create(spec, study_id=study)
    assert store.jobs.claim("w1", only=store.runs.job_id(run)) is not None
    for place, image_id in enumerate(spec.image_ids):
        store.runs.save_image(run, "w1", run_image(image_id, place))
    store.runs.finish(run, "w1", result_for(len(spec.image_ids)))
    return run


def test_a_larger_run_goes_on_from_what_a_smaller_one_has(store: Store) -> None:
    dataset = add_dataset(store)
    study = store.studies.create(study_spec(dataset))
    whole = spec_for(store, dataset)
    ids = whole.image_ids
    few = whole.model_copy(update={"image_ids": ids[:2], "image_sha256": whole.image_sha256[:2]})
    first = store.runs.create(few, study_id=study)
    assert store.jobs.claim("w1", only=store.runs.job_id(first)) is not None
    store.runs.save_learning(first, "w1", learning(0, "a" * 64))
    for place, image_id in enumerate(few.image_ids):
        store.runs.save_image(first, "w1", run_image(image_id, place))
    second = store.runs.create(whole, study_id=study, learned_of=first, images_of=first)
    assert store.runs.images_done(second) == frozenset(ids[:2])
    assert store.runs.learnings(second) == store.runs.learnings(first)
    turned = whole.model_copy(update={"image_ids": ids[::-1], "image_sha256": whole.image_sha256[::-1]})
    third = store.runs.create(turned, study_id=study, images_of=first)
    assert store.runs.images_done(third) == frozenset(), "an image's place is part of what becomes of it"
    assert store.runs.learnings(third) == ()


def test_a_study_goes_with_all_that_belongs_to_it(store: Store, settings: Settings) -> None:
    images = put_images(store, b"one", b"two")
    dataset = create(store, "kept", images)
    study = store.studies.create(study_spec(dataset))
    spec = spec_for(store, dataset)
    run = store.runs.create(spec, study_id=study)
    assert store.jobs.claim("w1", only=store.runs.job_id(run)) is not None
    for place, image_id in enumerate(spec.image_ids):
        image = run_image(image_id, place, artifact_sha256=store.artifacts.put(f"changed {place}".encode()))
        store.runs.save_image(run, "w1", image, measured_of(image))
    store.runs.finish(run, "w1", result_for(len(spec.image_ids)))
    assert len(contents_of(store)) == 4
    assert store.jobs.claim("w1", kinds=("study",)) is not None
    with pytest.raises(StoreError):
        store.studies.delete(study)
    store.jobs.release(store.studies.job_id(study), "w1")
    store.studies.delete(study)
    assert contents_of(store) == {b"one", b"two"}
    assert store.runs.list(study_id=study) == ()
    with pytest.raises(UnknownNameError):
        store.runs.get(run)
    for row in (StudyRow, StudyRunRow):
        assert count_rows(settings, row) == 0


def test_a_data_set_goes_with_its_studies_and_not_while_one_is_worked_on(store: Store, settings: Settings) -> None:
    dataset = add_dataset(store)
    study = store.studies.create(study_spec(dataset))
    complete_part(store, dataset, study)
    assert store.datasets.holdings(dataset.id).studies == (study,)
    image = store.datasets.images(dataset.id)[0]
    with pytest.raises(BadInputError) as error:
        store.datasets.correct(dataset.id, image.id, subject="other", label=image.label, by="ada")
    assert error.value.code == "dataset-in-use"
    assert store.jobs.claim("w1", kinds=("study",)) is not None
    assert store.datasets.holdings(dataset.id).busy == (f"study {study}",)
    with pytest.raises(StoreError):
        store.datasets.delete(dataset.id)
    store.jobs.release(store.studies.job_id(study), "w1")
    store.datasets.delete(dataset.id)
    for row in (StudyRow, StudyRunRow):
        assert count_rows(settings, row) == 0
