"""Learning before perturbing: from whom, once, the same everywhere, and never from the person perturbed."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from facepriv.config import Settings
from facepriv.datasets.demo import read_demo
from facepriv.errors import BadInputError, StoreError, UnknownNameError
from facepriv.imaging.panel import PANEL
from facepriv.imaging.versions import VERSIONS
from facepriv.perturb.base import Learned
from facepriv.schemas.requests import RunRequest
from facepriv.schemas.runs import LearnFrom, RunSpec
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.jobs.worker import run_worker
from facepriv.services.jobs.worker_pool import LocalPool, Pace, WorkerPool
from facepriv.services.runs import learning
from facepriv.services.runs.execution import LEARNING, PERTURBING
from facepriv.services.runs.learning import halves, lesson_of, lessons, pack, unpack
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import ImageRecord, RunRecord, Store, open_store
from facepriv.store.artifacts import LEARNED
from facepriv.types import GENDER_NAMES
from tests.finished_run import start_run, write_labels
from tests.services import plugins

pytestmark = [pytest.mark.xdist_group("learning"), pytest.mark.slow]
TWELVE, EIGHT = "twelve", "eight others"


def people(women: int, men: int, unlabelled: int = 0) -> list[ImageRecord]:
    labels = [-1] * women + [1] * men + [None] * unlabelled
    return [
        ImageRecord(
            id=2 * number + one,
            dataset_id=1,
            name=f"{number}-{one}.png",
            subject=f"p{number}",
            label=label,
            width=100,
            height=100,
            source_sha256="0" * 64,
        )
        for number, label in enumerate(labels)
        for one in range(2)
    ]


@pytest.mark.parametrize(("women", "men", "unlabelled"), [(10, 10, 0), (7, 5, 3), (1, 0, 0), (0, 3, 1)])
def test_halves_hold_as_many_of_each(women, men, unlabelled):
    images = people(women, men, unlabelled)
    half = halves(images, 3)
    assert set(half) == {image.subject for image in images}
    for label in (-1, 1, None):
        sizes = [len({i.subject for i in images if i.label == label and half[i.subject] == one}) for one in (0, 1)]
        assert abs(sizes[0] - sizes[1]) <= 1
    assert abs(sum(half.values()) - len(half) / 2) <= 1


def test_halves_depend_on_subjects_and_seed_only():
    images = people(9, 8, 2)
    shuffled = images[:]
    random.Random(1).shuffle(shuffled)
    assert halves(shuffled, 5) == halves(images, 5) == halves(images[::2], 5)
    assert len({tuple(sorted(halves(images, seed).items())) for seed in range(5)}) == 5


def test_everybody_is_served_by_a_lesson_from_others():
    images = people(6, 6, 2)
    source = LearnFrom(source="folds")
    taught = {lesson.part: {i.subject for i in lesson.images} for lesson in lessons(source, images, images, (), 0)}
    served = lesson_of(source, images, 0)
    assert set(served) == {image.subject for image in images}
    assert set(taught) == {0, 1}
    assert all(subject not in taught[part] for subject, part in served.items())
    assert all(image.label is not None for lesson in lessons(source, images, images, (), 0) for image in lesson.images)
    one = [image for image in images if image.subject == "p0"]
    assert [lesson.part for lesson in lessons(source, one, images, (), 0)] == [served["p0"]], "no lesson for nobody"


def test_what_was_learnt_is_kept_exactly():
    arrays = {"a": np.arange(6.0).reshape(2, 3).T, "file": np.array(2.5), "on": np.array([True, False])}
    learned = Learned(arrays=arrays, evaluations=7, images=3, subjects=frozenset({"b", "a", "ä"}))
    again = unpack(pack(learned))
    assert again.evaluations == 7
    assert again.images == 3
    assert again.subjects == learned.subjects
    assert {*again.arrays} == {*arrays}
    for name, array in arrays.items():
        assert again.arrays[name].dtype == array.dtype
        assert np.array_equal(again.arrays[name], array)
    assert pack(again) == pack(learned)


def test_what_cannot_be_kept_or_read_is_refused():
    objects = Learned(arrays={"a": np.array([object()])}, evaluations=0, images=0, subjects=frozenset())
    with pytest.raises(BadInputError, match="must be arrays of numbers, but 'a' holds objects"):
        pack(objects)
    for data in (b"", b"PK\x03\x04 broken", b"text"):
        with pytest.raises(StoreError, match="delete the run and start it again"):
            unpack(data)


# Runs of a method that learns


def copy_people(folder: Path, women: slice, men: slice) -> Path:
    images = read_demo(images_per_subject=1).images
    folder.mkdir(parents=True)
    rows = []
    for label, some in ((-1, women), (1, men)):
        for image in [one for one in images if one.label == label][some]:
            shutil.copy(image.path, folder)
            rows.append((image.path.name, image.subject, GENDER_NAMES[label]))
    write_labels(folder / "labels.csv", rows)
    return folder


@dataclass(frozen=True)
class School:
    """Two data sets of different people, processes that stay, and a complete run."""

    store: Store
    settings: Settings
    pool: WorkerPool
    run: RunRecord

    def work(self, spec: RunSpec, **options: object) -> RunRecord:
        run = start_run(self.store, spec)
        run_worker(self.settings, job_id=run.job_id, pool=self.pool, **options)  # type: ignore[arg-type]
        return self.store.runs.get(run.id)

    def spec(self, dataset: str = TWELVE, **options: object) -> RunSpec:
        return prepare_run(
            self.store,
            RunRequest(dataset=dataset, **{"method": plugins.NAME, "classifiers": [], "matchers": [], **options}),
        )  # type: ignore[arg-type]

    def files(self, run_id: int) -> list[str | None]:
        return [row.artifact_sha256 for row in self.store.runs.run_images(run_id)]


@pytest.fixture(scope="module")
def school(tmp_path_factory) -> Iterator[School]:
    home = tmp_path_factory.mktemp("school")
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(plugins.install(home / "plugins"))
    settings = Settings(home=home / "home", workers=1)
    with open_store(settings) as store, LocalPool(settings, Pace(heartbeat_seconds=0.05)) as pool:
        import_dataset(store, settings, copy_people(home / "a", slice(0, 6), slice(0, 6)), name=TWELVE)
        import_dataset(store, settings, copy_people(home / "b", slice(6, 10), slice(6, 10)), name=EIGHT)
        made = School(store, settings, pool, None)  # type: ignore[arg-type]
        run = made.work(made.spec(seed=4))
        assert run.state == "complete", run.error
        yield replace(made, run=run)
    patch.undo()


def test_halves_are_learnt_from_and_recorded(school: School):
    result = school.run.result
    assert result.images == 12
    assert result.judged == 12
    assert result.kind == "visible"
    assert result.stops == {"rounds": 12}
    assert result.notes == {"0 matchers were heeded.": 12}
    assert set(result.failures.by_reason) <= {"not-flipped"}, "nobody learnt from himself"
    assert [(item.source, item.dataset, item.fold) for item in result.learned] == [
        ("folds", TWELVE, 0),
        ("folds", TWELVE, 1),
    ]
    # Counted, not as the method says.
    assert [(item.subjects, item.images, item.evaluations) for item in result.learned] == [(6, 6, 6)] * 2
    kept = school.store.runs.learnings(school.run.id)
    assert [one.artifact_sha256 for one in kept] == [item.sha256 for item in result.learned]
    learned = [unpack(school.store.artifacts.get(one.artifact_sha256, LEARNED)) for one in kept]
    subjects = {image.subject for image in school.store.datasets.images(school.run.dataset_id)}
    assert learned[0].subjects | learned[1].subjects == subjects
    assert not learned[0].subjects & learned[1].subjects
    assert learned[0].arrays["luck"] != learned[1].arrays["luck"]
    assert result.evaluations_total == 2 * 12, "learning is not among them"


def test_versions_and_the_diagnostic_are_kept_for_every_image(school: School):
    result = school.run.result
    assert list(result.survival) == [*VERSIONS, *PANEL]
    rows = school.store.runs.run_images(school.run.id)
    for version, rates in result.survival.items():
        assert rates.all == np.mean([row.survived[version] for row in rows])
    assert result.flipped_fixed is not None
    assert all(row.fixed_score is not None and row.candidate_image_id is None for row in rows)


def test_two_processes_learn_the_same_bytes(school: School):
    settings = school.settings.model_copy(update={"workers": 2})
    run = start_run(school.store, school.run.spec)
    run_worker(settings, job_id=run.job_id)
    again = school.store.runs.get(run.id)
    assert again.result is not None, again.error
    assert again.result.learned == school.run.result.learned
    assert school.files(run.id) == school.files(school.run.id)


def test_a_resumed_run_does_not_learn_again(school: School):
    run = start_run(school.store, school.run.spec)

    def stop(_: int, stage: str, done: int, total: int) -> None:
        if stage == PERTURBING and done >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_worker(school.settings, job_id=run.job_id, pool=school.pool, on_progress=stop)
    before = school.store.runs.learnings(run.id)
    assert len(before) == 2
    seen = []
    run_worker(
        school.settings, job_id=run.job_id, pool=school.pool, on_progress=lambda _, stage, *__: seen.append(stage)
    )
    assert LEARNING not in seen
    assert school.store.runs.learnings(run.id) == before
    assert school.store.runs.get(run.id).result.learned == school.run.result.learned
    assert school.files(run.id) == school.files(school.run.id)


def test_progress_of_learning_is_told_and_a_wish_to_cancel_heard(school: School):
    seen: list[tuple[int, int]] = []

    def look(run_id: int, stage: str, done: int, total: int) -> None:
        assert stage == LEARNING
        seen.append((done, total))
        if done:
            school.store.jobs.cancel(school.store.runs.job_id(run_id))

    run = school.work(school.spec(parameters={"pause": 0.5}), on_progress=look)
    assert run.state == "cancelled"
    assert run.error is None
    assert seen[0] == (0, 0)
    assert 0 < seen[-1][0] < seen[-1][1]
    assert not school.store.runs.learnings(run.id)


@pytest.mark.parametrize(
    ("mood", "sentence"), [("ill", "Better people were expected"), ("broken", "at an unexpected ZeroDivisionError")]
)
def test_a_method_that_cannot_learn_fails_the_run_with_a_sentence(school: School, mood, sentence):
    run = school.work(school.spec(parameters={"mood": mood}))
    assert run.state == "failed"
    assert sentence in run.error


def test_learning_from_another_data_set(school: School):
    run = school.work(school.spec(learn_from=EIGHT, matchers=["sface"], guards=["sface"]))
    assert run.result is not None, run.error
    (item,) = run.result.learned
    assert item.source == "dataset"
    assert item.dataset == EIGHT
    assert item.fold is None
    assert item.subjects == 8
    assert run.result.guards == ["sface"]
    assert run.result.notes == {"1 matchers were heeded.": 12}
    teacher = school.store.datasets.get(EIGHT)
    assert school.store.datasets.holdings(teacher.id).runs == (run.id,)
    file = school.store.artifacts.path(item.sha256, LEARNED)
    assert file.exists()
    school.store.runs.delete(run.id)
    assert not file.exists()


def test_the_demo_set_may_be_learnt_from_where_it_is_not_perturbed(school: School, monkeypatch):
    with pytest.raises(BadInputError, match="holds images of the demo set") as caught:
        school.spec(learn_from="demo")
    assert caught.value.code == "learns-from-same"
    assert school.spec().learn_from == LearnFrom(source="folds"), "the demo set is no default then"
    # As if these were other people's.
    monkeypatch.setattr(learning, "holds_demo_images", lambda images: False)
    spec = school.spec(limit=1)
    assert spec.learn_from == LearnFrom(source="demo"), "six of each are not enough for halves by default"
    run = school.work(spec)
    assert run.result is not None, run.error
    (item,) = run.result.learned
    assert item.source == "demo"
    assert item.dataset == "demo set of facepriv"
    assert item.subjects == 60
    assert item.images == 120
    assert run.result.judged == 1


def test_small_halves_are_joined_by_the_demo_set_where_averages_are_learnt(school: School, monkeypatch):
    monkeypatch.setattr(learning, "holds_demo_images", lambda images: False)
    monkeypatch.setattr(learning, "ENOUGH", 3)
    record = school.store.datasets.get(TWELVE)

    def choose() -> LearnFrom:
        return learning.choose_source(school.store, record, None, seed=0, method="m", averages=True)

    assert choose() == LearnFrom(source="folds", demo=True)
    assert learning.teacher_name(choose(), record.ref) == f"{TWELVE} and demo set of facepriv"
    with monkeypatch.context() as patch:
        patch.setattr(learning, "PLENTY", 3)
        assert choose() == LearnFrom(source="folds"), "enough of their own"
    monkeypatch.setattr("facepriv.services.runs.preparing.choose_source", lambda *_, **__: choose())
    spec = school.spec(limit=1)
    run = school.work(spec)
    assert run.result is not None, run.error
    (item,) = run.result.learned
    assert item.subjects == 6 + 60
    assert item.images == 6 + 120


def test_enough_people_learn_from_each_other_by_default(school: School, monkeypatch):
    monkeypatch.setattr(learning, "holds_demo_images", lambda images: False)
    monkeypatch.setattr(learning, "ENOUGH", 3)
    assert school.spec().learn_from == LearnFrom(source="folds")


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        ({"parameters": {"learning": False}, "learn_from": "folds"}, "learns-nothing", "learns nothing, but was to"),
        ({"learn_from": TWELVE}, "learns-from-same", "twelve and twelve share 12 images"),
        ({"dataset": EIGHT, "learn_from": "folds"}, "too-few-to-learn", "6 labelled women and 6 labelled men"),
    ],
)
def test_whom_one_cannot_learn_from(school: School, options, code, sentence):
    with pytest.raises(BadInputError) as caught:
        school.spec(**options)
    assert caught.value.code == code
    assert sentence in str(caught.value)


def test_an_unknown_teacher_is_named(school: School):
    with pytest.raises(UnknownNameError, match="There is no data set 'nobody'"):
        school.spec(learn_from="nobody")


def test_without_learning_nothing_is_learnt(school: School):
    run = school.work(school.spec(parameters={"learning": False}, limit=2))
    assert run.spec.learn_from is None
    assert run.result.learned == []
    assert run.result.judged == 2
