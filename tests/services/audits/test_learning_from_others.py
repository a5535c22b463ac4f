"""Attackers who learn from other people than those audited: real images, real models, real attackers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from facepriv.config import Settings
from facepriv.datasets.demo import read_demo
from facepriv.schemas.audits import AuditResult, AuditSpec
from facepriv.schemas.requests import AuditRequest, RunRequest
from facepriv.services.audits.evidence import find_evidence
from facepriv.services.audits.preparing import prepare_audit
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.jobs.worker import run_worker
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import Store, open_store
from facepriv.types import FEMALE, GENDER_NAMES, MALE
from tests.finished_run import FAST, METHOD, start_audit, start_run, write_labels

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("audits")]

MODELS = {"classifiers": ["dlib-gender"], "matchers": ["sface"]}
ATTACKERS = ("score", "template")


def write_people(folder: Path, first: int, last: int) -> Path:
    """Write an image of each of some demo people of either label, with a label table."""
    images = read_demo(images_per_subject=1).images
    chosen = [image for label in (FEMALE, MALE) for image in [i for i in images if i.label == label][first:last]]
    folder.mkdir()
    for image in chosen:
        shutil.copyfile(image.path, folder / image.path.name)
    write_labels(folder / "labels.csv", [(i.path.name, i.subject, GENDER_NAMES[i.label or 0]) for i in chosen])
    return folder


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("parted") / "home", workers=1)


@pytest.fixture(scope="module")
def parted(settings: Settings) -> Iterator[Store]:
    """Two data sets of demo people, nobody in both."""
    with open_store(settings) as store:
        import_dataset(store, settings, write_people(settings.home / "a", 0, 5), name="mine")
        import_dataset(store, settings, write_people(settings.home / "b", 5, 11), name="others")
        yield store


def audit(store: Store, settings: Settings, **request: Any) -> tuple[AuditSpec, AuditResult]:
    spec = prepare_audit(store, AuditRequest(attackers=ATTACKERS, learn_from="others", **request, **MODELS))
    started = start_audit(store, spec)
    run_worker(settings, job_id=started.job_id)
    record = store.audits.get(started.id)
    assert record.result is not None, record.error
    return spec, record.result


def perturb(store: Store, settings: Settings, dataset: str) -> int:
    request = RunRequest(dataset=dataset, method=METHOD, parameters=FAST, **MODELS)
    run = start_run(store, prepare_run(store, request))
    run_worker(settings, job_id=run.job_id)
    return run.id


def test_of_a_database_as_it_is(parted: Store, settings: Settings) -> None:
    spec, result = audit(parted, settings, dataset="mine")
    assert spec.learn_from is not None
    assert spec.learn_from.left_out == 0
    seen, theirs = find_evidence(parted, spec)
    assert theirs is not None
    assert (len(seen.labels), len(theirs.labels)) == (10, 12)
    assert not set(seen.untouched.subjects.tolist()) & set(theirs.untouched.subjects.tolist())
    assert result.learned_from == [
        "The attackers learned from 12 images of 12 subjects of others, none of whom is audited."
    ]
    (untouched,) = result.conditions
    assert {one.attacker: sum(one.chosen.values()) for one in untouched.attacks} == {"score": 1, "template": 1}
    # Demo faces show gender to a classifier that was trained on a hundred thousand others.
    assert {one.attacker: one.accuracy.value for one in untouched.attacks}["score"] >= 0.9
    curve = [(point.part, point.subjects) for point in result.learning if point.attacker == "template"]
    assert curve == [(0.5, 6), (1.0, 12)]
    accuracies = {point.attacker: point.accuracy for point in result.learning if point.part == 1}
    assert accuracies == {one.attacker: one.accuracy for one in untouched.attacks}
    assert any("more than 12 people" in one for one in result.not_tried)


def test_of_a_run_with_and_without_one_alike_on_the_others(parted: Store, settings: Settings) -> None:
    """Only who does not know the policy learns from untouched images of others; one who does, from processed ones."""
    run = perturb(parted, settings, "mine")
    spec, result = audit(parted, settings, run=run, draws=1, p=0.5)
    assert spec.learn_from is not None
    assert spec.learn_from.run_id is None
    assert "there is no complete run on others" in result.learned_from[1]
    assert fits(result) == {"score": 5, "template": 1}
    theirs = perturb(parted, settings, "others")
    spec, result = audit(parted, settings, run=run, draws=1, p=0.5)
    assert spec.learn_from is not None
    assert spec.learn_from.run_id == theirs
    (sentence,) = result.learned_from
    assert f"processed with the same method and settings (run {theirs}), none of whom is audited" in sentence
    assert fits(result) == {"score": 1, "template": 1}
    _, learned_from = find_evidence(parted, spec)
    assert learned_from is not None
    assert learned_from.perturbed is not None
    assert (learned_from.perturbed.scores["dlib-gender"] != learned_from.untouched.scores["dlib-gender"]).any()


def fits(result: AuditResult) -> dict[str, int]:
    """Return on how many groups of people each attacker was fitted for the mixed release."""
    mix = result.condition("mix")
    assert mix is not None
    return {one.attacker: sum(one.chosen.values()) for one in mix.attacks}


def test_same_spec_same_result_whatever_the_number_of_processes(parted: Store, settings: Settings) -> None:
    one, two = (
        audit(parted, settings.model_copy(update={"workers": workers}), dataset="mine")[1] for workers in (1, 2)
    )
    assert one.model_dump(exclude={"seconds"}) == two.model_dump(exclude={"seconds"})
