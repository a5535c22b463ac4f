"""A study of protections of templates, whose people are made up: no model of faces is asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError
from facepriv.schemas.requests import StudyRequest
from facepriv.schemas.studies import UNTOUCHED
from facepriv.services.jobs.submit import submit
from facepriv.services.jobs.worker import run_worker
from facepriv.services.studies.preparing import prepare_study
from facepriv.services.templates.sets import as_rows
from facepriv.store import DatasetRecord, Store, open_store
from facepriv.store.records import NewTemplateSet
from tests.actors import TEST
from tests.audit.templates.planted import planted
from tests.store_examples import create, new_image

PEOPLE, EACH = 60, 4
FIELDS = {
    "dataset": "staff",
    "release": "templates",
    "protections": ("leace", "mean-difference"),
    "template_attackers": ("linear",),
    "classifiers": ("dlib-gender",),
    "matchers": ("sface",),
    "matches_lost": 0.1,
    "attacker_at_most": 0.8,
}


def add_staff(store: Store) -> DatasetRecord:
    """A data set of people whose images nobody looks at, and a template set made from it, in which gender shows."""
    templates = planted(PEOPLE, 0, gap=6.0, each=EACH)
    known = zip(templates.records.tolist(), templates.subjects.tolist(), templates.labels.tolist(), strict=True)
    images = [
        new_image(place, name=record, subject=subject, label=label)
        for place, (record, subject, label) in enumerate(known)
    ]
    dataset = create(store, "staff", images)
    new = NewTemplateSet(name="staff-sface", source="staff", reader="sface", dataset_id=dataset.id)
    store.template_sets.save(new, as_rows(templates))
    return dataset


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("staff") / "home", workers=1)


@pytest.fixture(scope="module")
def store(settings: Settings) -> Iterator[Store]:
    with open_store(settings) as store:
        add_staff(store)
        yield store


def test_templates_are_asked_for_where_there_are_none(store: Store):
    create(store, "other", [new_image(place) for place in range(6)])
    spec = prepare_study(store, StudyRequest(**FIELDS))
    assert [ref.name for ref in spec.template_sets] == ["staff-sface"]
    assert spec.template_attackers == ("linear",)
    with pytest.raises(BadInputError) as error:
        prepare_study(store, StudyRequest(**{**FIELDS, "fmr": 0.02}))
    assert error.value.code == "bad-fmr"


@pytest.mark.slow
def test_protections_are_searched_and_the_best_is_confirmed(store: Store, settings: Settings):
    study = submit(store, settings, StudyRequest(**FIELDS), TEST)
    seen: list[int] = []

    def interrupt(number: int, stage: str, done: int, total: int) -> None:
        if done > len(seen):
            seen.append(done)
            raise KeyboardInterrupt

    for _ in range(10):
        try:
            run_worker(settings, job_id=study.job_id, on_progress=interrupt)
            break
        except KeyboardInterrupt:
            assert store.studies.get(study.id).state == "waiting"
    record = store.studies.get(study.id)
    assert record.result is not None, record.error
    assert seen, "it was interrupted"
    name = record.result.recommended["templates"]
    untouched = record.result.untouched["templates"]
    best = record.result.outcome(name).figures
    assert best.accuracy.value < untouched.accuracy.value - 0.15
    assert best.lost.low < best.lost.value < best.lost.high
    (confirmation,) = record.result.confirmations
    assert confirmation.figures.people == record.spec.confirmation_people == 20
    assert confirmation.figures.accuracy.value < untouched.accuracy.value - 0.1
    by_rung = {step.rung: step.figures[UNTOUCHED] for step in record.progress.steps}
    assert all(step.figures[UNTOUCHED] == by_rung[step.rung] for step in record.progress.steps)
    again = submit(store, settings, StudyRequest(**FIELDS), TEST)
    run_worker(settings, job_id=again.job_id)
    repeated = store.studies.get(again.id)
    assert [step.figures for step in repeated.progress.steps] == [step.figures for step in record.progress.steps]
    assert repeated.result.recommended == record.result.recommended
