"""What every back end of the store must do; a back end is added in ``conftest.py``."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import Any

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from facepriv.config import Settings
from facepriv.errors import BadInputError, StoreError, UnknownNameError
from facepriv.schemas.base import DatasetRef
from facepriv.schemas.runs import LearnFrom
from facepriv.store import (
    MAX_LOSSES,
    LeaseLostError,
    RunImage,
    Store,
    migrate,
    open_store,
)
from facepriv.store.engine import Database
from facepriv.store.inspection import inspect_database
from facepriv.store.leftovers import Leftovers
from facepriv.store.rows import Base
from facepriv.types import Actor, Problem, ProtocolPair, Terms
from tests.actors import ADA, CLI, TEST
from tests.store_examples import (
    FACELESS,
    add_dataset,
    claim_run,
    contents_of,
    create,
    learning,
    lose,
    measured_of,
    new_image,
    put_images,
    result_for,
    run_image,
    same,
    sha,
    spec_for,
)

SPAWN = multiprocessing.get_context("spawn")


BARRIER: Any = None


def hold_barrier(barrier: Any) -> None:
    global BARRIER
    BARRIER = barrier


@pytest.fixture(scope="module")
def pool():
    """Four processes that can wait for each other at ``BARRIER``."""
    with ProcessPoolExecutor(4, SPAWN, initializer=hold_barrier, initargs=(SPAWN.Barrier(4),)) as executor:
        yield executor


# Data sets


def test_dataset_comes_back_as_it_was(store: Store) -> None:
    images = [new_image(0), new_image(1, label=None), new_image(2, artifact_sha256=None, **FACELESS)]
    problems = [Problem("notes.txt", "not-an-image", "notes.txt is no image; remove it.")]
    started = datetime.now(UTC)
    made = create(
        store,
        "studio",
        images,
        problems,
        source="upload studio.zip",
        reader="folders",
        reader_reason="one folder a subject",
        licence="CC-BY 4.0",
        notes="taken in one room",
    )
    assert store.datasets.get("studio") == store.datasets.get(made.id) == store.datasets.get(str(made.id)) == made
    assert (made.source, made.reader, made.reader_reason) == ("upload studio.zip", "folders", "one folder a subject")
    assert (made.licence, made.notes) == ("CC-BY 4.0", "taken in one room")
    assert started <= made.created_at <= datetime.now(UTC)
    assert made.created_at.utcoffset() == timedelta(0)
    read = store.datasets.images(made.id)
    assert len(read) == 3
    assert all(same(one, other) for one, other in zip(images, read, strict=True))
    assert store.datasets.problems(made.id) == tuple(problems)


def test_what_a_data_set_says_comes_back_as_it_was(store: Store) -> None:
    told = [{"age": 31.5, "race": "White"}, {}, {"age": 4}]
    images = [new_image(index, attributes=said) for index, said in enumerate(told)]
    terms = Terms("Only two people may be shown.", frozenset(["s1", "s0"]))
    pairs = [
        ProtocolPair(2, images[1].name, images[0].name, mated=True),
        ProtocolPair(1, images[0].name, images[2].name, mated=False),
        ProtocolPair(1, images[0].name, images[2].name, mated=False),
    ]
    with store.datasets.importing(
        "said", source="", reader="", identities="groups", terms=terms, datasheet={"consent": "signed forms"}
    ) as importing:
        for image in images:
            importing.add(image)
        importing.problem(Problem("a", "noted", "A note to go on from."))
        importing.finish([Problem("b", "left-out", "What stands in the end.")], pairs)
    made = store.datasets.get("said")
    assert (made.identities, made.terms, made.datasheet) == ("groups", terms, {"consent": "signed forms"})
    assert made.quality is None
    read = store.datasets.images(made.id)
    assert [dict(image.attributes) for image in read] == told
    ids = [image.id for image in read]
    assert [(one.fold, one.first, one.second, one.mated) for one in store.datasets.protocol(made.id)] == [
        (2, ids[1], ids[0], True),
        (1, ids[0], ids[2], False),
        (1, ids[0], ids[2], False),
    ]
    assert [one.name for one in store.datasets.problems(made.id)] == ["b"]
    plain = add_dataset(store)
    assert (plain.identities, plain.terms, plain.datasheet) == ("people", None, None)
    assert store.datasets.protocol(plain.id) == ()
    store.datasets.delete(made.id)
    with pytest.raises(UnknownNameError):
        store.datasets.protocol(made.id)


def test_data_sheet_and_quality_can_be_replaced(store: Store) -> None:
    dataset = add_dataset(store)
    store.datasets.save_datasheet(dataset.id, {"source": "a studio", "retain": None})
    store.datasets.save_quality(dataset.id, {"schema": "facepriv.quality/1", "images": 6})
    found = store.datasets.get(dataset.id)
    assert found.datasheet == {"source": "a studio", "retain": None}
    assert found.quality == {"schema": "facepriv.quality/1", "images": 6}
    assert found.content_sha256 == dataset.content_sha256


def test_records_cannot_be_changed(store: Store) -> None:
    image = store.datasets.images(add_dataset(store).id)[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        image.label = None  # type: ignore[misc]
    assert image.landmarks is not None
    with pytest.raises(ValueError, match="read-only"):
        image.landmarks[0, 0] = 1


def test_datasets_are_listed_by_name(store: Store) -> None:
    assert store.datasets.list() == ()
    for name in ("zebra", "ant", "Ölbild"):
        add_dataset(store, name)
    assert [one.name for one in store.datasets.list()] == ["ant", "zebra", "Ölbild"]


def test_images_can_be_chosen(store: Store) -> None:
    images = [new_image(index, **(FACELESS if index == 2 else {})) for index in range(450)]
    dataset = create(store, "big", images)
    other = add_dataset(store, "other")
    ids = [image.id for image in store.datasets.images(dataset.id)]
    assert [image.id for image in store.datasets.images(dataset.id, ids[::-1])] == ids[::-1]
    assert store.datasets.images(dataset.id, []) == ()
    assert [image.id for image in store.datasets.images(dataset.id, failed=True)] == [ids[2]]
    assert len(store.datasets.images(dataset.id, failed=False)) == 449
    assert [image.id for image in store.datasets.images(dataset.id, limit=3, offset=10)] == ids[10:13]
    foreign = store.datasets.images(other.id)[0].id
    with pytest.raises(UnknownNameError, match=str(foreign)):
        store.datasets.images(dataset.id, [ids[0], foreign])


def test_counts(store: Store) -> None:
    images = [new_image(index) for index in range(6)] + [new_image(6, **FACELESS), new_image(7, **FACELESS)]
    problems = [Problem("a", "truncated", "a."), Problem("b", "truncated", "b."), Problem("c", "empty", "c.")]
    dataset = create(store, "studio", images, problems)
    add_dataset(store, "other")  # must not be counted
    counts = store.datasets.counts(dataset.id)
    assert counts.images == 8
    assert counts.subjects == 4
    assert counts.labels == {1: 4, -1: 2, None: 2}
    assert counts.failures == {"no-face": 2}
    assert counts.problems == {"empty": 1, "truncated": 2}


def test_content_hash_depends_on_content_only(store: Store) -> None:
    images = [new_image(index) for index in range(4)]
    first = create(store, "first", images)
    renamed = [dataclasses.replace(image, name=f"x{image.name}") for image in reversed(images)]
    assert create(store, "second", renamed).content_sha256 == first.content_sha256
    for index, change in enumerate([{"subject": "nobody"}, {"label": -1}, {"source_sha256": sha("other")}]):
        changed = [dataclasses.replace(images[0], **change), *images[1:]]
        made = create(store, f"changed {index}", changed)
        assert made.content_sha256 != first.content_sha256
    # What specs of runs have named since before images had attributes.
    lines = sorted(json.dumps([image.source_sha256, image.subject, image.label]) + "\n" for image in images)
    assert first.content_sha256 == sha("".join(lines))
    older = [dataclasses.replace(images[0], attributes={"race": "White", "age": 30.0}), *images[1:]]
    turned = [dataclasses.replace(images[0], attributes={"age": 30.0, "race": "White"}), *images[1:]]
    told = create(store, "told", older).content_sha256
    assert told != first.content_sha256
    assert create(store, "told alike", turned).content_sha256 == told


def test_unknown_names_list_what_exists(store: Store) -> None:
    with pytest.raises(UnknownNameError, match="import one first"):
        store.datasets.get("studio")
    add_dataset(store)
    add_dataset(store, "london")
    with pytest.raises(UnknownNameError, match="london, studio"):
        store.datasets.get("stduio")
    for method in ("images", "problems", "counts", "protocol", "delete"):
        with pytest.raises(UnknownNameError, match="london, studio"):
            getattr(store.datasets, method)(99)
    with pytest.raises(UnknownNameError, match="no run 99"):
        store.runs.get(99)
    for method in ("summary", "images_done", "run_images", "job_id", "delete"):
        with pytest.raises(UnknownNameError, match="no run 99"):
            getattr(store.runs, method)(99)


@pytest.mark.parametrize("name", ["", " studio", "studio ", "12", "a\nb", "x" * 201])
def test_bad_names_are_refused(store: Store, name: str) -> None:
    with pytest.raises(BadInputError, match="choose another name") as caught:
        add_dataset(store, name)
    assert caught.value.code == "bad-name"
    assert store.datasets.list() == ()


def test_taken_names_are_refused_at_the_start_and_at_the_end(store: Store) -> None:
    def overtaken():
        yield new_image(0)
        add_dataset(store)

    with pytest.raises(BadInputError, match="already a data set called 'studio'") as caught:
        create(store, "studio", overtaken())
    assert caught.value.code == "name-taken"
    with pytest.raises(BadInputError, match="already a data set called 'studio'"):
        add_dataset(store)
    assert [(one.name, store.datasets.counts(one.id).images) for one in store.datasets.list()] == [("studio", 6)]
    assert store.datasets.collect_abandoned(timedelta(0)) == 0


@pytest.mark.parametrize("apart", [1, 300])
def test_images_of_one_name_are_refused(store: Store, apart: int) -> None:
    images = [new_image(index) for index in range(apart)] + [new_image(0)]
    with pytest.raises(BadInputError, match=r"two are called 'faces/000\.png'") as caught:
        create(store, "studio", images)
    assert caught.value.code == "duplicate-name"
    assert store.datasets.list() == ()


@pytest.mark.parametrize(
    "wrong", [{"label": 0}, {"width": 0}, {"landmarks": np.zeros((68, 3), np.float32)}, {"failure": "no-face"}]
)
def test_impossible_images_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInputError):
        new_image(0, **wrong)


def test_import_is_invisible_until_finished(store: Store, settings: Settings) -> None:
    with open_store(settings) as other:
        with store.datasets.importing("studio", source="", reader="") as importing:
            for index in range(250):
                importing.add(new_image(index))
            importing.problem(Problem("a", "empty", "a."))
            importing.flush()
            assert other.datasets.list() == ()
            with pytest.raises(UnknownNameError):
                other.datasets.get(importing.dataset_id)
            with pytest.raises(UnknownNameError):
                other.datasets.images(importing.dataset_id)
        assert other.datasets.counts(importing.dataset_id).images == 250


def test_failed_import_leaves_nothing(store: Store, settings: Settings) -> None:
    def images():
        for index in range(250):
            yield new_image(index)
        raise RuntimeError("the source broke off")

    with pytest.raises(RuntimeError, match="broke off"):
        create(store, "studio", images())
    assert store.datasets.list() == ()
    assert rows(settings, "images") == rows(settings, "datasets") == 0
    assert add_dataset(store).name == "studio"


def test_collected_import_cannot_go_on(store: Store) -> None:
    def idle():
        yield new_image(0)
        assert store.datasets.collect_abandoned(timedelta(hours=1)) == 0
        assert store.datasets.collect_abandoned(timedelta(0)) == 1
        yield new_image(1)

    with pytest.raises(StoreError, match="start it again"):
        create(store, "studio", idle())
    assert store.datasets.list() == ()


def interrupted(store: Store, images: int, key: str = "key", *, error: type[BaseException] = KeyboardInterrupt) -> None:
    """Leave an import after so many images, with a note after each fourth."""

    def begin() -> None:
        with store.datasets.importing(
            "studio", source="", reader="", resume_key=key, detector_fingerprint="f"
        ) as importing:
            earlier, _ = importing.earlier()
            for index in range(len(earlier), images):
                importing.add(new_image(index))
                if index % 4 == 3:
                    importing.problem(Problem(new_image(index).name, "noted", "A note."))
            raise error("enough")

    with pytest.raises(error):
        begin()


def test_an_interrupted_import_goes_on_where_it_was(store: Store) -> None:
    whole = create(store, "whole", [new_image(index) for index in range(10)])
    interrupted(store, 5)
    interrupted(store, 7, error=StoreError)
    assert [one.name for one in store.datasets.list()] == ["whole"]
    (left,) = store.datasets.unfinished()
    assert (left.name, left.resume_key, left.images, left.written_by) == ("studio", "key", 7, False)
    told: dict[str, Any] = {"source": "b", "reader": "r", "licence": "l", "terms": Terms("t", frozenset())}
    with store.datasets.importing("studio", resume_key="key", detector_fingerprint="f", **told) as importing:
        images, problems = importing.earlier()
        assert [image.name for image in images] == [new_image(index).name for index in range(7)]
        assert [one.name for one in problems] == [new_image(3).name]
        for index in range(7, 10):
            importing.add(new_image(index))
        importing.finish([])
    made = store.datasets.get("studio")
    assert (made.source, made.reader, made.licence) == ("b", "r", "l")
    assert store.datasets.finished("studio", "key").id == made.id
    assert store.datasets.finished("studio", "another") is store.datasets.finished("whole", "key") is None
    assert store.datasets.discard("key") == 0, "a data set is no interrupted import"
    assert made.terms == told["terms"]
    assert made.content_sha256 == whole.content_sha256
    assert [image.name for image in store.datasets.images(made.id)] == [new_image(index).name for index in range(10)]
    assert store.datasets.problems(made.id) == ()
    assert store.datasets.unfinished() == ()


def test_only_the_same_import_goes_on(store: Store) -> None:
    interrupted(store, 3)

    def refused(name: str, key: str, detector_fingerprint: str) -> None:
        with store.datasets.importing(
            name, source="", reader="", resume_key=key, detector_fingerprint=detector_fingerprint
        ) as importing:
            assert importing.earlier() == ((), ())
            raise BadInputError("It was refused, so nothing of it stays.")

    for name, key, detector_fingerprint in [("other", "key", "f"), ("studio", "another", "f"), ("studio", "key", "g")]:
        with pytest.raises(BadInputError):
            refused(name, key, detector_fingerprint)
    assert [(one.name, one.resume_key) for one in store.datasets.unfinished()] == [("studio", "key")]


def test_of_two_sessions_of_one_import_the_later_one_writes(store: Store) -> None:
    def both() -> None:
        with store.datasets.importing("studio", source="", reader="", resume_key="key") as first:
            first.add(new_image(0))
            first.flush()
            with store.datasets.importing("studio", source="", reader="", resume_key="key") as second:
                assert [image.name for image in second.earlier()[0]] == [new_image(0).name]
                first.add(new_image(1))
                with pytest.raises(StoreError, match="goes on in another process"):
                    first.flush()
                second.add(new_image(1))
            first.flush()

    with pytest.raises(StoreError, match="goes on in another process"):
        both()
    assert store.datasets.counts(store.datasets.get("studio").id).images == 2


def test_interrupted_imports_are_discarded_or_collected_in_the_end(store: Store, settings: Settings) -> None:
    images = put_images(store, *(str(number).encode() for number in range(3)))
    other = create(store, "other", images[:1])

    def begin(key: str) -> None:
        with store.datasets.importing(f"studio {key}", source="", reader="", resume_key=key) as importing:
            for image in images:
                importing.add(image)
            raise KeyboardInterrupt

    for key in ("one", "two", "three"):
        with pytest.raises(KeyboardInterrupt):
            begin(key)
    assert store.datasets.discard("none of them") == 0
    assert store.datasets.discard("one", "studio two") == 0
    assert store.datasets.discard("one") == 1
    assert len(contents_of(store)) == 3
    assert store.datasets.collect_abandoned(timedelta(0)) == 0
    create(store, "studio two", images[:1])
    assert store.datasets.collect_abandoned() == 1, "a data set has its name"
    assert [one.resume_key for one in store.datasets.unfinished()] == ["three"]
    store.datasets.delete(other.id)
    assert store.datasets.collect_abandoned(resumable_for=timedelta(0)) == 1
    assert contents_of(store) == {b"0"}
    assert rows(settings, "images") == 1


def test_an_interrupted_import_does_not_hold_up_what_goes(store: Store) -> None:
    (image,) = put_images(store, b"0")
    dataset = create(store, "gone", [image])
    interrupted(store, 3)
    store.datasets.delete(dataset.id)
    assert contents_of(store) == set()


def test_finished_dataset_takes_no_more_images(store: Store) -> None:
    with store.datasets.importing("studio", source="", reader="") as importing:
        importing.add(new_image(0))
    importing.add(new_image(1))
    with pytest.raises(StoreError, match="is over"):
        importing.flush()
    assert store.datasets.counts(importing.dataset_id).images == 1


def import_and_hang(settings: Settings, ready: Any) -> None:
    store = open_store(settings)
    with store.datasets.importing("studio", source="", reader="") as importing:
        for index in range(250):
            importing.add(new_image(index))
        ready.set()
        time.sleep(60)


@pytest.mark.fault
def test_killed_import_leaves_nothing_to_see(settings: Settings) -> None:
    ready = SPAWN.Event()
    process = SPAWN.Process(target=import_and_hang, args=(settings, ready))
    process.start()
    assert process.pid is not None
    assert ready.wait(30)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with open_store(settings) as store:
        assert store.datasets.list() == ()
        assert rows(settings, "images") == 200  # one batch had been written
        dataset = add_dataset(store)
        assert store.datasets.collect_abandoned(timedelta(0)) == 1
        assert rows(settings, "images") == 6
        assert store.datasets.list() == (dataset,)


def test_deleting_a_dataset(store: Store, settings: Settings) -> None:
    dataset = add_dataset(store)
    spared = add_dataset(store, "spared")
    images = store.datasets.images(dataset.id)
    run_id = store.runs.create(spec_for(store, dataset))
    borrowing = store.runs.create(spec_for(store, spared))
    assert store.datasets.holdings(dataset.id).runs == (run_id,)
    assert store.jobs.claim("w1") is not None
    claimed = claim_run(store, "w2")
    assert claimed is not None
    assert claimed.id == borrowing
    saved = run_image(images[0].id, 0)
    store.runs.save_image(run_id, "w1", saved, measured_of(saved))
    lent = run_image(claimed.spec.image_ids[0], 0, candidate_image_id=images[1].id)
    store.runs.save_image(borrowing, "w2", lent)
    with pytest.raises(StoreError, match=rf"while run {run_id}, run {borrowing} on it is being worked on"):
        store.datasets.delete(dataset.id)
    store.jobs.fail(store.runs.job_id(run_id), "w1", "It broke.")
    store.jobs.fail(store.runs.job_id(borrowing), "w2", "It broke.")
    held = store.datasets.holdings(dataset.id)
    assert (held.dataset, held.images, held.runs, held.audits, held.busy) == (dataset, 6, (run_id, borrowing), (), ())
    assert held.sources == {image.source_sha256 for image in images}
    assert store.datasets.delete(dataset.id) == held
    assert store.datasets.list() == (spared,)
    assert store.runs.list() == ()
    assert rows(settings, "images") == 6
    assert rows(settings, "run_images") == rows(settings, "measures") == 0
    store.datasets.delete(spared.id)
    assert rows(settings, "images") == 0


def test_ids_are_never_given_twice(store: Store) -> None:
    dataset = add_dataset(store)
    run_id = store.runs.create(spec_for(store, dataset))
    store.runs.delete(run_id)
    assert store.runs.create(spec_for(store, dataset)) > run_id


# Runs


def test_run_comes_back_as_it_was(store: Store, settings: Settings) -> None:
    dataset = add_dataset(store)
    spec = spec_for(store, dataset)
    run_id = store.runs.create(spec)
    waiting = store.runs.get(run_id)
    assert waiting.spec == spec
    assert same(store.runs.summary(run_id), waiting)
    assert not hasattr(store.runs.summary(run_id), "spec")
    assert (waiting.state, waiting.result, waiting.owner, waiting.attempts) == ("waiting", None, None, 0)
    assert (waiting.method, waiting.guide, waiting.images, waiting.dataset_name) == (
        "algorithm1",
        "dlib-gender",
        6,
        "studio",
    )

    claimed = claim_run(store, "w1", lease_seconds=30)
    assert claimed is not None
    assert (claimed.id, claimed.state, claimed.owner, claimed.attempts) == (run_id, "running", "w1", 1)
    assert claimed.spec == spec
    assert claimed.started_at is not None
    assert claimed.lease_until == claimed.started_at + timedelta(seconds=30)
    assert store.jobs.claim("w2") is None

    saved = [run_image(image_id, place) for place, image_id in enumerate(spec.image_ids)]
    saved[1] = run_image(spec.image_ids[1], 1, candidate_image_id=spec.image_ids[4], psnr_db=float("inf"))
    saved[2] = RunImage(
        image_id=spec.image_ids[2],
        position=2,
        failure="no-face",
        failure_stage="acquire-before",
        failure_sentence="No face was found.",
    )
    saved[3] = run_image(spec.image_ids[3], 3, file_score=float("nan"), ssim=float("nan"), success=False)
    assert saved[3].file_score is None
    for done, image in enumerate(reversed(saved), start=1):  # the order of saving must not matter
        store.runs.save_image(run_id, "w1", image, measured_of(image))
        assert store.jobs.heartbeat(store.runs.job_id(run_id), "w1", "perturb", done, 6) is False
    progress = store.runs.get(run_id)
    assert (progress.stage, progress.done, progress.total) == ("perturb", 6, 6)
    assert store.runs.images_done(run_id) == frozenset(spec.image_ids)

    result = result_for(6)
    store.runs.finish(run_id, "w1", result)
    with open_store(settings) as reopened:
        complete = reopened.runs.get(run_id)
        assert (complete.state, complete.spec, complete.result) == ("complete", spec, result)
        assert complete.finished_at is not None
        assert complete.finished_at >= claimed.started_at
        assert complete.lease_until is None
        images = reopened.runs.run_images(run_id)
        assert len(images) == 6
        assert all(same(one, other) for one, other in zip(saved, images, strict=True))
        assert reopened.runs.run_images(run_id, limit=2, offset=3)[0].position == 3
        assert same(reopened.runs.run_image(run_id, spec.image_ids[1]), saved[1])
        hashes = [image.artifact_sha256 for image in images if image.artifact_sha256 is not None]
        scores = reopened.measures.get("score:dlib-gender", sha("fingerprint"), hashes)
        assert {sha256: score.tolist() for sha256, score in scores.items()} == {sha256: [-0.1875] for sha256 in hashes}


def test_impossible_specs_are_refused(store: Store) -> None:
    dataset = add_dataset(store)
    foreign = store.datasets.images(add_dataset(store, "other").id)[0].id
    spec = spec_for(store, dataset)
    first = spec.image_ids[0]
    with pytest.raises(BadInputError, match="at least one image"):
        store.runs.create(spec.model_copy(update={"image_ids": ()}))
    with pytest.raises(BadInputError, match="each image once"):
        store.runs.create(spec.model_copy(update={"image_ids": (first, first)}))
    with pytest.raises(UnknownNameError, match=f"no image with id {foreign}"):
        store.runs.create(spec.model_copy(update={"image_ids": (first, foreign)}))
    with pytest.raises(UnknownNameError, match="no data set with id 99"):
        store.runs.create(spec.model_copy(update={"dataset": DatasetRef(id=99, name="x", content_sha256=sha("x"))}))
    stale = DatasetRef(id=dataset.id, name=dataset.name, content_sha256=sha("x"))
    with pytest.raises(BadInputError, match="other content"):
        store.runs.create(spec.model_copy(update={"dataset": stale}))
    assert store.runs.count() == 0


def test_runs_are_listed_filtered_and_paged(store: Store) -> None:
    studio, london = add_dataset(store), add_dataset(store, "london")
    ids = [store.runs.create(spec_for(store, studio)) for _ in range(3)]
    other = store.runs.create(spec_for(store, london, method="colour-field"))
    store.jobs.cancel(store.runs.job_id(ids[0]))
    assert [run.id for run in store.runs.list()] == [other, *ids[::-1]]
    assert [run.id for run in store.runs.list(limit=2, offset=1)] == ids[:0:-1]
    assert [run.id for run in store.runs.list(dataset_id=london.id)] == [other]
    assert [run.id for run in store.runs.list(method="algorithm1", states=["waiting"])] == ids[:0:-1]
    assert [run.state for run in store.runs.list(states=["cancelled", "failed"])] == ["cancelled"]
    assert store.runs.count() == 4
    assert store.runs.count(dataset_id=studio.id, states=["waiting"]) == 2
    assert store.runs.list()[0].dataset_name == "london"
    with pytest.raises(UnknownNameError, match="waiting, running"):
        store.runs.list(states=["done"])  # type: ignore[list-item]


def test_oldest_run_is_claimed_first(store: Store) -> None:
    dataset = add_dataset(store)
    ids = [store.runs.create(spec_for(store, dataset)) for _ in range(3)]
    claimed = [claim_run(store, f"w{number}") for number in range(4)]
    assert [run and run.id for run in claimed] == [*ids, None]


def claim_all(settings: Settings, owner: str) -> list[int]:
    """Claim and end runs until none is left; any lock error ends the process with it."""
    with open_store(settings) as store:
        BARRIER.wait(60)
        mine = []
        while (run := claim_run(store, owner)) is not None:
            mine.append(run.id)
            store.jobs.heartbeat(store.runs.job_id(run.id), owner, "perturb", 1, 2)
            saved = run_image(run.spec.image_ids[0], 0)
            store.runs.save_image(run.id, owner, saved, measured_of(saved))
            store.runs.finish(run.id, owner, result_for(1))
        return mine


@pytest.mark.slow
def test_four_processes_never_claim_one_run_twice(store: Store, settings: Settings, pool: ProcessPoolExecutor) -> None:
    dataset = add_dataset(store)
    spec = spec_for(store, dataset)
    spec = spec.model_copy(update={"image_ids": spec.image_ids[:1]})
    ids = [store.runs.create(spec) for _ in range(40)]
    claims = [pool.submit(claim_all, settings, f"w{number}") for number in range(4)]
    claimed = [run_id for claim in claims for run_id in claim.result(timeout=120)]
    assert sorted(claimed) == ids
    assert store.runs.count(states=["complete"]) == 40
    assert {run.attempts for run in store.runs.list(limit=40)} == {1}


def run_out(store: Store, run_id: int, owner: str) -> None:
    """Let a lease end now, whatever the machine's load."""
    store.jobs.heartbeat(store.runs.job_id(run_id), owner, "perturb", 1, 6, lease_seconds=0)
    time.sleep(0.001)


def test_lost_run_is_taken_over_and_goes_on(store: Store, settings: Settings) -> None:
    dataset = add_dataset(store)
    run_id = store.runs.create(spec_for(store, dataset))
    first = claim_run(store, "w1")
    assert first is not None
    store.runs.save_image(run_id, "w1", run_image(first.spec.image_ids[0], 0))
    assert store.jobs.claim("w2") is None
    run_out(store, run_id, "w1")
    second = claim_run(store, "w2")
    assert second is not None
    assert (second.id, second.owner, second.attempts, second.started_at) == (run_id, "w2", 2, first.started_at)
    assert store.runs.images_done(run_id) == {first.spec.image_ids[0]}
    late = run_image(first.spec.image_ids[1], 1)
    for write in (
        lambda: store.jobs.heartbeat(store.runs.job_id(run_id), "w1", "perturb", 1, 6),
        lambda: store.runs.save_image(run_id, "w1", late, measured_of(late)),
        lambda: store.runs.finish(run_id, "w1", result_for(6)),
        lambda: store.jobs.fail(store.runs.job_id(run_id), "w1", "It broke."),
        lambda: store.jobs.mark_cancelled(store.runs.job_id(run_id), "w1"),
        lambda: store.jobs.release(store.runs.job_id(run_id), "w1"),
    ):
        with pytest.raises(LeaseLostError, match="stop working on it"):
            write()
    assert store.runs.get(run_id) == second
    assert rows(settings, "measures") == 0
    store.runs.save_image(run_id, "w2", late)
    assert len(store.runs.run_images(run_id)) == 2


def test_heartbeat_renews_a_lease_that_ran_out_unclaimed(store: Store) -> None:
    run_id = store.runs.create(spec_for(store, add_dataset(store)))
    lose(store, run_id, "w1")
    assert store.jobs.heartbeat(store.runs.job_id(run_id), "w1", "perturb", 0, 6, lease_seconds=60) is False
    assert store.jobs.claim("w2") is None


def test_run_that_kills_its_workers_is_failed(store: Store) -> None:
    run_id = store.runs.create(spec_for(store, add_dataset(store)))
    for attempt in range(MAX_LOSSES):
        lose(store, run_id, f"w{attempt}")
    assert store.jobs.claim("last") is None
    failed = store.runs.get(run_id)
    assert (failed.state, failed.attempts, failed.owner) == ("failed", MAX_LOSSES, f"w{MAX_LOSSES - 1}")
    assert failed.error is not None
    assert "resume the run" in failed.error
    assert failed.finished_at is not None
    assert [line.text for line in store.jobs.log(store.runs.job_id(run_id))][-2:] == [
        "Its worker was lost without a word, at the start, 0 of 6.",
        f"Failed: {failed.error}",
    ]


def test_what_was_finished_counts_losses_anew(store: Store) -> None:
    run_id = store.runs.create(spec_for(store, add_dataset(store)))
    for attempt in range(2 * MAX_LOSSES):
        run = claim_run(store, f"w{attempt}", lease_seconds=60)
        assert run is not None, store.runs.get(run_id).error
        if attempt % 2:
            place = len(store.runs.run_images(run_id))
            store.runs.save_image(run_id, run.owner or "", run_image(run.spec.image_ids[place], place))
        run_out(store, run_id, run.owner or "")
    assert store.jobs.claim("last") is not None
    assert (store.runs.get(run_id).losses, store.runs.get(run_id).attempts) == (1, 2 * MAX_LOSSES + 1)


def test_a_loss_is_counted_once_whoever_looks_for_work(store: Store) -> None:
    dataset = add_dataset(store)
    lost, other = (store.runs.create(spec_for(store, dataset)) for _ in range(2))
    lose(store, lost, "w1")
    assert store.jobs.claim("w2", only=store.runs.job_id(other)) is not None
    assert (store.runs.get(lost).state, store.runs.get(lost).losses) == ("waiting", 1)
    assert store.jobs.claim("w3", only=store.runs.job_id(other)) is None
    assert store.runs.get(lost).losses == 1


def test_a_worker_known_to_be_gone_loses_its_run_at_once(store: Store) -> None:
    dataset = add_dataset(store)
    first, second = (store.runs.create(spec_for(store, dataset)) for _ in range(2))
    assert store.jobs.claim("w1") is not None
    assert store.jobs.claim("w2") is not None
    assert set(store.jobs.owners()) == {"w1", "w2"}
    assert store.jobs.claim("w3") is None
    taken = claim_run(store, "w3", gone=["w2", "unheard of"])
    assert taken is not None
    assert (taken.id, taken.attempts) == (second, 2)
    assert store.runs.get(first).owner == "w1"
    with pytest.raises(LeaseLostError):
        store.jobs.heartbeat(store.runs.job_id(second), "w2", "perturb", 1, 6)


def test_what_failed_or_was_cancelled_is_resumed_with_what_is_finished(store: Store) -> None:
    dataset = add_dataset(store)
    failed, cancelled = (store.runs.create(spec_for(store, dataset)) for _ in range(2))
    run = claim_run(store, "w1")
    assert run is not None
    store.runs.save_image(failed, "w1", run_image(run.spec.image_ids[0], 0))
    store.jobs.fail(store.runs.job_id(failed), "w1", "The disk is full.")
    store.jobs.cancel(store.runs.job_id(cancelled))
    for number in (failed, cancelled):
        assert store.jobs.resume(store.runs.job_id(number)) == "waiting"
        now = store.runs.get(number)
        assert (now.error, now.finished_at, now.owner, now.cancel_requested) == (None, None, None, False)
        assert store.jobs.resume(store.runs.job_id(number)) == "waiting"
    again = claim_run(store, "w2")
    assert again is not None
    assert (again.id, again.attempts, again.spec) == (failed, 2, run.spec)
    assert store.runs.images_done(failed) == {run.spec.image_ids[0]}
    assert store.jobs.resume(store.runs.job_id(failed)) == "running"
    for place, image_id in enumerate(run.spec.image_ids[1:], start=1):
        store.runs.save_image(failed, "w2", run_image(image_id, place))
    store.runs.finish(failed, "w2", result_for(6))
    assert store.jobs.resume(store.runs.job_id(failed)) == "complete"
    assert store.runs.get(failed).result is not None
    with pytest.raises(UnknownNameError):
        store.jobs.resume(store.runs.job_id(99))


def test_the_log_tells_what_became_of_a_run(store: Store) -> None:
    run_id = store.runs.create(spec_for(store, add_dataset(store)))
    assert store.jobs.log(store.runs.job_id(run_id)) == ()
    store.jobs.claim("w1")
    store.jobs.note(store.runs.job_id(run_id), "w1", "Image 3 took its process down.")
    with pytest.raises(LeaseLostError):
        store.jobs.note(store.runs.job_id(run_id), "w2", "It is mine.")
    store.jobs.release(store.runs.job_id(run_id), "w1")
    store.jobs.claim("w2")
    store.jobs.cancel(store.runs.job_id(run_id))
    store.jobs.mark_cancelled(store.runs.job_id(run_id), "w2")
    lines = store.jobs.log(store.runs.job_id(run_id))
    assert [(line.owner, line.text) for line in lines] == [
        ("w1", "Taken up, attempt 1."),
        ("w1", "Image 3 took its process down."),
        ("w1", "Given back unfinished; the next worker goes on with it."),
        ("w2", "Taken up, attempt 1."),
        (None, "Asked to cancel."),
        ("w2", "Cancelled."),
    ]
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert store.jobs.log(store.runs.job_id(run_id), limit=2) == lines[-2:]
    store.runs.delete(run_id)
    with pytest.raises(UnknownNameError):
        store.jobs.log(store.runs.job_id(run_id))
    assert store.access.list() == (), "the access log is another"


def test_pace_and_time_spent_are_known_to_everybody(store: Store) -> None:
    run_id = store.runs.create(spec_for(store, add_dataset(store)))
    assert store.runs.summary(run_id).pace(datetime.now(UTC)) is None
    store.jobs.claim("w1")
    store.jobs.heartbeat(store.runs.job_id(run_id), "w1", "perturb", 2, 10, seconds=1.5)
    begun = store.runs.summary(run_id)
    assert (begun.stage_from, begun.pace(datetime.now(UTC) + timedelta(seconds=9))) == (2, None)
    store.jobs.heartbeat(store.runs.job_id(run_id), "w1", "perturb", 6, 10, seconds=1.0)
    now = store.runs.summary(run_id)
    assert (now.stage_since, now.stage_from, now.spent) == (begun.stage_since, 2, 2.5)
    assert now.stage_since is not None
    assert now.pace(now.stage_since + timedelta(seconds=8)) == (0.5, 8.0)
    store.jobs.heartbeat(store.runs.job_id(run_id), "w1", "embed", 0, 20)
    assert store.runs.summary(run_id).stage_from == 0
    run_out(store, run_id, "w1")
    store.jobs.claim("w2")
    store.jobs.heartbeat(store.runs.job_id(run_id), "w2", "embed", 5, 20, seconds=1.0)
    again = store.runs.summary(run_id)
    assert (again.stage_from, again.spent) == (5, 3.5), "the time before does not count for the pace"


def test_an_image_is_saved_once(store: Store, settings: Settings) -> None:
    run_id = store.runs.create(spec_for(store, add_dataset(store)))
    run = claim_run(store, "w1")
    assert run is not None
    first, second = run.spec.image_ids[:2]
    saved = run_image(first, 0)
    store.runs.save_image(run_id, "w1", saved, measured_of(saved))
    for wrong in (run_image(first, 1), run_image(second, 0), run_image(9999, 1)):
        with pytest.raises(StoreError, match="cannot be saved"):
            store.runs.save_image(run_id, "w1", wrong, measured_of(wrong))
    store.runs.save_image(run_id, "w1", saved, measured_of(saved))  # an answer that never came
    assert len(store.runs.run_images(run_id)) == 1
    assert rows(settings, "measures") == 2
    (whole,), (short,) = store.runs.run_images(run_id), store.runs.outcomes(run_id)
    assert (whole.trajectory is None, short.trajectory) == (False, None)
    assert short.artifact_sha256 == whole.artifact_sha256


def test_run_is_complete_only_with_every_image(store: Store) -> None:
    run_id = store.runs.create(spec_for(store, add_dataset(store)))
    run = claim_run(store, "w1")
    assert run is not None
    for place, image_id in enumerate(run.spec.image_ids[:-1]):
        store.runs.save_image(run_id, "w1", run_image(image_id, place))
    with pytest.raises(StoreError, match="5 of its 6 images"):
        store.runs.finish(run_id, "w1", result_for(6))
    assert store.runs.get(run_id).state == "running"


def test_cancelling(store: Store) -> None:
    dataset = add_dataset(store)
    waiting, running, lost, ended = (store.runs.create(spec_for(store, dataset)) for _ in range(4))
    assert store.jobs.cancel(store.runs.job_id(waiting)) == "cancelled"
    assert store.runs.get(waiting).finished_at is not None

    assert store.jobs.claim("w1") is not None
    assert store.jobs.heartbeat(store.runs.job_id(running), "w1", "perturb", 1, 6) is False
    assert store.jobs.cancel(store.runs.job_id(running)) == "running"
    assert store.jobs.heartbeat(store.runs.job_id(running), "w1", "perturb", 2, 6) is True
    assert store.runs.get(running).finished_at is None
    store.jobs.mark_cancelled(store.runs.job_id(running), "w1")
    assert store.runs.get(running).state == "cancelled"
    with pytest.raises(LeaseLostError):
        store.jobs.heartbeat(store.runs.job_id(running), "w1", "perturb", 3, 6)

    lose(store, lost, "w2")
    assert store.jobs.cancel(store.runs.job_id(lost)) == "cancelled"

    assert store.jobs.claim("w3") is not None
    store.jobs.fail(store.runs.job_id(ended), "w3", "It broke.")
    before = store.runs.get(ended)
    assert store.jobs.cancel(store.runs.job_id(ended)) == "failed"
    assert store.runs.get(ended) == before
    assert store.jobs.claim("w4") is None


def test_cancelled_run_of_a_lost_worker_is_not_taken_up(store: Store) -> None:
    run_id = store.runs.create(spec_for(store, add_dataset(store)))
    assert store.jobs.claim("w1") is not None
    assert store.jobs.cancel(store.runs.job_id(run_id)) == "running"
    run_out(store, run_id, "w1")
    assert store.jobs.claim("w2") is None
    run = store.runs.get(run_id)
    assert (run.state, run.error) == ("cancelled", None)


def test_failing_and_giving_back(store: Store) -> None:
    dataset = add_dataset(store)
    run_id = store.runs.create(spec_for(store, dataset))
    assert store.jobs.claim("w1") is not None
    store.jobs.release(store.runs.job_id(run_id), "w1")
    released = store.runs.get(run_id)
    assert (released.state, released.attempts, released.owner, released.lease_until) == ("waiting", 0, None, None)
    assert store.jobs.claim("w2") is not None
    store.jobs.fail(store.runs.job_id(run_id), "w2", "There is no space left.")
    failed = store.runs.get(run_id)
    assert (failed.state, failed.error, failed.result) == ("failed", "There is no space left.", None)

    other = store.runs.create(spec_for(store, dataset))
    assert store.jobs.claim("w3") is not None
    store.jobs.cancel(store.runs.job_id(other))
    store.jobs.release(store.runs.job_id(other), "w3")
    assert store.runs.get(other).state == "cancelled"


def test_deleting_a_run(store: Store, settings: Settings) -> None:
    run_id = store.runs.create(spec_for(store, add_dataset(store)))
    run = claim_run(store, "w1")
    assert run is not None
    saved = run_image(run.spec.image_ids[0], 0)
    store.runs.save_image(run_id, "w1", saved, measured_of(saved))
    with pytest.raises(StoreError, match="being worked on"):
        store.runs.delete(run_id)
    store.jobs.fail(store.runs.job_id(run_id), "w1", "It broke.")
    store.runs.delete(run_id)
    assert store.runs.list() == ()
    assert rows(settings, "run_images") == rows(settings, "measures") == 0
    assert rows(settings, "images") == 6


# Access log


def test_access_log(store: Store) -> None:
    first = store.access.record(ADA, "dataset-deleted", "dataset 3", "with 2 runs")
    second = store.access.record(CLI, "run-exported", "run 7")
    third = store.access.record(ADA, "run-exported", "run 8")
    assert first.at.utcoffset() == timedelta(0)
    assert store.access.list() == (third, second, first)
    assert store.access.list(limit=1, offset=1) == (second,)
    assert store.access.list(actor="ada") == (third, first)
    assert store.access.list(action="run-exported", actor="cli") == (second,)
    public = {name for name in dir(store.access) if not name.startswith("_")}
    adding, reading = {"record", "record_seldom"}, {"actions", "actors", "count", "list", "verify"}
    assert public == adding | reading, "the access log must offer no way to change lines"


def test_the_access_log_is_a_chain(store: Store) -> None:
    empty = store.access.verify()
    assert (empty.lines, empty.broken_at, empty.last) == (0, None, "0" * 64)
    lines = [store.access.record(ADA, "run-exported", f"run {number}", "Zoë") for number in range(5)]
    assert len({line.chain_sha256 for line in lines}) == 5
    chain = store.access.verify(lines[1].chain_sha256[:8].upper())
    assert (chain.lines, store.access.count()) == (5, 5)
    assert (chain.last, chain.broken_at, chain.expected_at) == (lines[-1].chain_sha256, None, lines[1].id)
    assert store.access.verify("f" * 64).expected_at is None


@pytest.mark.parametrize("change", ["DELETE FROM access_log", "UPDATE access_log SET actor = 'bob'"])
def test_the_database_itself_keeps_the_access_log(store: Store, change: str) -> None:
    store.access.record(ADA, "run-exported", "run 7")
    with pytest.raises((StoreError, IntegrityError)), store.access._database.writing() as session:
        session.execute(text(change))
    assert [line.actor for line in store.access.list()] == ["ada"]


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("UPDATE access_log SET actor = 'bob' WHERE subject = 'run 1'", "run 1"),
        ("UPDATE access_log SET at = '2020-01-01 00:00:00+00' WHERE subject = 'run 2'", "run 2"),
        ("DELETE FROM access_log WHERE subject = 'run 1'", "run 2"),
        ("UPDATE access_log SET chain_sha256 = NULL WHERE subject = 'run 2'", "run 2"),
    ],
)
def test_a_line_that_was_tampered_with_is_found(store: Store, change: str, broken: str) -> None:
    number = {f"run {n}": store.access.record(ADA, "run-exported", f"run {n}").id for n in range(4)}
    noted = store.access.list()[0].chain_sha256
    with store.access._database.writing() as session:  # as one who may change the tables may
        if store.access._database.kind == "sqlite":
            session.execute(text("DROP TRIGGER access_log_no_update"))
            session.execute(text("DROP TRIGGER access_log_no_delete"))
        else:
            session.execute(text("DROP TRIGGER access_log_append_only ON access_log"))
        session.execute(text(change))
    assert store.access.verify().broken_at == number[broken]
    with store.access._database.writing() as session:
        session.execute(text("DELETE FROM access_log WHERE subject IN ('run 1', 'run 2', 'run 3')"))
    cut = store.access.verify(noted)
    assert (cut.broken_at, cut.expected_at) == (None, None), "a cut end shows only by the hash that was noted"


def test_lines_written_at_once_stay_a_chain(store: Store) -> None:
    def write(name: str) -> None:
        for _ in range(10):
            store.access.record(Actor(name, "python"), "run-exported")

    threads = [threading.Thread(target=write, args=(name,)) for name in ("ada", "bob", "cyd")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chain = store.access.verify()
    assert (chain.lines, chain.broken_at) == (30, None)


# Artifacts with rows


def test_collect_keeps_what_rows_refer_to(store: Store) -> None:
    kept = store.artifacts.put(b"an image of the data set")
    made = store.artifacts.put(b"a perturbed image")
    orphan = store.artifacts.put(b"of an import that broke off")
    dataset = create(store, "studio", [new_image(0, artifact_sha256=kept)])
    run_id = store.runs.create(spec_for(store, dataset))
    run = claim_run(store, "w1")
    assert run is not None
    store.runs.save_image(run_id, "w1", run_image(run.spec.image_ids[0], 0, artifact_sha256=made))
    assert store.collect() == 0  # all are too young
    assert store.collect(files_older_than=timedelta(seconds=-1)) == 1
    assert not store.artifacts.path(orphan).exists()
    assert store.artifacts.get(kept) == b"an image of the data set"
    assert store.artifacts.get(made) == b"a perturbed image"


def test_deleting_takes_the_files_that_nobody_else_needs(store: Store) -> None:
    mine = create(store, "mine", put_images(store, b"only mine", b"of both"))
    create(store, "other", put_images(store, b"of both", b"only theirs"))
    run_ids = [store.runs.create(spec_for(store, mine)) for _ in range(2)]
    for run_id, made in zip(run_ids, ((b"of both runs", b"only first"), (b"of both runs",)), strict=True):
        run = claim_run(store, "w1")
        assert run is not None
        for position, content in enumerate(made):
            image = run_image(run.spec.image_ids[position], position, artifact_sha256=store.artifacts.put(content))
            store.runs.save_image(run_id, "w1", image)
        store.jobs.fail(store.runs.job_id(run_id), "w1", "It broke.")
    data = {b"only mine", b"of both", b"only theirs"}
    assert contents_of(store) == data | {b"of both runs", b"only first"}
    store.runs.delete(run_ids[0])
    assert contents_of(store) == data | {b"of both runs"}
    store.datasets.delete(mine.id)
    assert contents_of(store) == {b"of both", b"only theirs"}


def test_deleting_spares_what_an_import_has_put_but_not_written(store: Store) -> None:
    first = create(store, "first", put_images(store, b"same", b"other"))
    for image in store.datasets.images(first.id):
        assert image.artifact_sha256 is not None
        os.utime(store.artifacts.path(image.artifact_sha256), (1, 1))
    with store.datasets.importing("second", source="", reader="") as importing:
        (image,) = put_images(store, b"same")
        store.datasets.delete(first.id)
        assert contents_of(store) == {b"same"}
        importing.add(image)
    assert contents_of(store) == {b"same"}
    store.datasets.delete(importing.dataset_id)
    assert contents_of(store) == set()


def test_deleting_spares_what_a_run_has_put_but_not_written(store: Store) -> None:
    """Equal specs make equal files: the first run's are deleted while the second has just made its own."""
    dataset = add_dataset(store)
    spec = spec_for(store, dataset)
    first, second = (store.runs.create(spec) for _ in range(2))
    sha256 = store.artifacts.put(b"made by both")
    assert store.jobs.claim("w1") is not None
    store.runs.save_image(first, "w1", run_image(spec.image_ids[0], 0, artifact_sha256=sha256))
    store.jobs.fail(store.runs.job_id(first), "w1", "It broke.")
    assert store.jobs.claim("w2") is not None
    assert store.artifacts.put(b"made by both") == sha256
    store.runs.delete(first)
    store.runs.save_image(second, "w2", run_image(spec.image_ids[0], 0, artifact_sha256=sha256))
    assert contents_of(store) == {b"made by both"}
    store.jobs.fail(store.runs.job_id(second), "w2", "It broke.")
    store.runs.delete(second)
    assert contents_of(store) == set()


def test_an_import_that_fails_takes_its_files_along(store: Store) -> None:
    create(store, "other", put_images(store, b"0"))

    def images():
        yield from put_images(store, *(str(number).encode() for number in range(250)))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        create(store, "studio", images())
    assert contents_of(store) == {b"0"}


def put_and_hang(settings: Settings, ready: Any) -> None:
    store = open_store(settings)
    with store.datasets.importing("studio", source="", reader="") as importing:
        for image in put_images(store, *(str(number).encode() for number in range(250))):
            importing.add(image)
        ready.set()
        time.sleep(60)


@pytest.mark.fault
def test_files_of_a_killed_import_are_collected(settings: Settings) -> None:
    ready = SPAWN.Event()
    process = SPAWN.Process(target=put_and_hang, args=(settings, ready))
    process.start()
    assert ready.wait(30)
    process.kill()
    process.join()
    with open_store(settings) as store:
        store.collect()  # it may still be under way
        assert len(contents_of(store)) == 250
        assert store.collect(imports_older_than=timedelta(0)) == 0
        assert len(contents_of(store)) == 50, "those whose rows were never written"
        assert store.collect(files_older_than=timedelta(seconds=-1)) == 50
        assert rows(settings, "images") == 0


# Opening and migrating


def rows(settings: Settings, table: str) -> int:
    database = Database(settings.database_url)
    try:
        with database.reading() as session:
            return session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    finally:
        database.close()


def set_revision(settings: Settings, revision: str) -> None:
    database = Database(settings.database_url)
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    database.close()


def test_migrations_make_the_tables_of_the_models(store: Store, settings: Settings) -> None:
    database = Database(settings.database_url)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def shape(database: Database) -> dict[str, Any]:
    """Everything an inspector sees of the tables, check constraints included, which Alembic does not compare."""
    inspector = inspect(database.engine)
    tables = sorted(set(inspector.get_table_names()) - {"alembic_version"})
    seen: dict[str, Any] = {}
    for table in tables:
        seen[f"{table} columns"] = sorted(repr(column) for column in inspector.get_columns(table))
        seen[f"{table} primary key"] = inspector.get_pk_constraint(table)
        for kind in ("foreign_keys", "unique_constraints", "check_constraints", "indexes"):
            found = getattr(inspector, f"get_{kind}")(table)
            seen[f"{table} {kind}"] = [json.dumps(one, default=str) for one in sorted(found, key=itemgetter("name"))]
    return seen


def test_migrations_make_the_constraints_of_the_models(
    store: Store, settings: Settings, new_settings: Callable[..., Settings]
) -> None:
    migrated = Database(settings.database_url)
    created = Database(new_settings().database_url)
    with created.migrating() as connection:
        Base.metadata.create_all(connection)
    assert shape(migrated) == shape(created)
    migrated.close()
    created.close()


def test_reopening_changes_nothing(settings: Settings) -> None:
    with open_store(settings) as store:
        dataset = add_dataset(store)
    with open_store(settings) as store:
        assert store.datasets.list() == (dataset,)
    migrate.upgrade(settings.database_url)
    with open_store(settings) as store:
        assert store.datasets.list() == (dataset,)


def test_newer_revision_is_refused_and_left_alone(settings: Settings) -> None:
    with open_store(settings) as store:
        add_dataset(store)
    set_revision(settings, "9999")
    for use in (lambda: open_store(settings), lambda: migrate.upgrade(settings.database_url)):
        with pytest.raises(StoreError, match="revision 9999") as caught:
            use()
        assert str(caught.value).count("\n") == 0
        assert "newer one" in str(caught.value)
    set_revision(settings, migrate.head())
    with open_store(settings) as store:
        assert [one.name for one in store.datasets.list()] == ["studio"]


def test_empty_database_is_refused_by_the_check_alone(settings: Settings) -> None:
    database = Database(settings.database_url)
    with pytest.raises(StoreError, match="is empty") as caught:
        inspect_database(database)
    database.close()
    assert migrate.UPGRADE_COMMAND in str(caught.value)


def test_foreign_database_is_refused(settings: Settings) -> None:
    database = Database(settings.database_url)
    with database.writing() as session:
        session.execute(text("CREATE TABLE recipes (id integer)"))
    database.close()
    for use in (lambda: open_store(settings), lambda: migrate.upgrade(settings.database_url)):
        with pytest.raises(StoreError, match="not facepriv's"):
            use()


def open_and_add(settings: Settings, number: int) -> str:
    BARRIER.wait(60)
    with open_store(settings) as store:
        return add_dataset(store, f"set {number}").name


def test_four_processes_may_open_a_new_database_at_once(settings: Settings, pool: ProcessPoolExecutor) -> None:
    opened = [pool.submit(open_and_add, settings, number) for number in range(4)]
    names = sorted(one.result(timeout=120) for one in opened)
    with open_store(settings) as store:
        assert [one.name for one in store.datasets.list()] == names == [f"set {number}" for number in range(4)]


def test_store_survives_a_fork(store: Store) -> None:
    add_dataset(store)
    pid = os.fork()
    if pid == 0:  # the child must not touch the parent's connections
        try:
            store.access.record(TEST, "fork-tried")
            os._exit(0 if len(store.datasets.list()) == 1 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert [line.actor for line in store.access.list()] == ["test"]


# What methods learn, and what was computed of images before


def test_what_was_learnt_is_kept_by_part_and_goes_with_the_run(store: Store) -> None:
    dataset = add_dataset(store)
    run_id = store.runs.create(spec_for(store, dataset, learn_from=LearnFrom(source="folds")))
    assert store.runs.learnings(run_id) == ()
    files = [store.artifacts.put(f"arrays {part}".encode(), ".npz") for part in (0, 1)]
    with pytest.raises(LeaseLostError):
        store.runs.save_learning(run_id, "w1", learning(0, files[0]))
    store.jobs.claim("w1")
    for part in (1, 0):
        store.runs.save_learning(run_id, "w1", learning(part, files[part]))
    with pytest.raises(StoreError, match="there already"):
        store.runs.save_learning(run_id, "w1", learning(1, files[1]))
    assert store.runs.learnings(run_id) == (learning(0, files[0]), learning(1, files[1]))
    with pytest.raises(UnknownNameError):
        store.runs.learnings(99)
    for sha256 in files:
        os.utime(store.artifacts.path(sha256, ".npz"), (1, 1))
    store.collect()
    assert {end for _, end in store.artifacts.list()} == {".npz"}, "what a row refers to is no leftover"
    store.jobs.release(store.runs.job_id(run_id), "w1")
    store.runs.delete(run_id)
    assert not list(store.artifacts.list())


def test_what_was_learnt_from_a_data_set_goes_with_it(store: Store) -> None:
    dataset, teacher = add_dataset(store), add_dataset(store, "school", 8)
    source = LearnFrom(source="dataset", dataset=teacher.ref)
    run_id = store.runs.create(spec_for(store, dataset, learn_from=source))
    assert store.runs.get(run_id).spec.learn_from == source
    assert store.datasets.holdings(teacher.id).runs == (run_id,)
    store.datasets.delete(teacher.id)
    assert store.runs.count() == 0
    assert [one.name for one in store.datasets.list()] == ["studio"]
    with pytest.raises(UnknownNameError, match="import it first"):
        store.runs.create(spec_for(store, dataset, learn_from=source))


def test_faces_found_before_are_known_by_content(store: Store) -> None:
    create(store, "old", [new_image(0)])
    assert store.datasets.find_face(sha("artifact 0"), sha("v1")) is None, "found by nobody knows what"
    create(store, "studio", [new_image(0), new_image(1, **FACELESS)], detector_fingerprint=sha("v1"))
    found = store.datasets.find_face(sha("artifact 0"), sha("v1"))
    assert found is not None
    expected = new_image(0)
    assert (found.box, found.failure, found.failure_sentence) == (expected.box, None, None)
    np.testing.assert_array_equal(found.landmarks, expected.landmarks)
    lost = store.datasets.find_face(sha("artifact 1"), sha("v1"))
    assert lost is not None
    assert (lost.box, lost.landmarks, lost.failure) == (None, None, "no-face")
    assert store.datasets.find_face(sha("artifact 0"), sha("v2")) is None
    assert store.datasets.find_face(sha("artifact 2"), sha("v1")) is None
    store.datasets.delete(store.datasets.get("studio").id)
    assert store.datasets.find_face(sha("artifact 0"), sha("v1")) is None


def test_how_long_a_data_set_may_be_kept(store: Store) -> None:
    record = create(store, "studio", [new_image(0)], retain_until=date(2027, 3, 31), detector_fingerprint=sha("v1"))
    assert (record.retain_until, record.detector_fingerprint) == (date(2027, 3, 31), sha("v1"))
    assert store.datasets.list() == (record,)


# Purging, and what rows and files lack of each other


def test_retention_can_be_changed(store: Store) -> None:
    dataset = create(store, "studio", [new_image(0)])
    store.datasets.save_retention(dataset.id, date(2031, 3, 31))
    assert store.datasets.get(dataset.id) == dataclasses.replace(dataset, retain_until=date(2031, 3, 31))
    store.datasets.save_retention(dataset.id, None)
    assert store.datasets.get(dataset.id) == dataset
    with pytest.raises(UnknownNameError, match="no data set 99"):
        store.datasets.save_retention(99, None)


def test_what_others_have_too_is_named(store: Store) -> None:
    """Images, and what runs made: of other data sets and imports, never of what goes itself."""
    images = put_images(store, b"only mine", b"of both", b"of the import")
    mine = create(store, "mine", images)
    theirs = create(store, "theirs", [*put_images(store, b"theirs"), dataclasses.replace(images[1], name="b")])
    of_mine, of_theirs, lent = (store.runs.create(spec_for(store, one)) for one in (mine, theirs, theirs))
    both, from_mine = store.artifacts.put(b"made by both"), store.artifacts.put(b"made of mine")
    for run_id, sha256, changes in (
        (of_mine, both, {}),
        (of_theirs, both, {}),
        (lent, from_mine, {"candidate_image_id": store.datasets.images(mine.id)[0].id}),
    ):
        assert store.jobs.claim("w1", only=store.runs.job_id(run_id)) is not None
        image_id = store.runs.get(run_id).spec.image_ids[0]
        store.runs.save_image(run_id, "w1", run_image(image_id, 0, artifact_sha256=sha256, **changes))
        store.jobs.fail(store.runs.job_id(run_id), "w1", "It broke.")
    with store.datasets.importing("coming", source="", reader="") as importing:
        importing.add(dataclasses.replace(images[2], name="c"))
        importing.flush()
        held = store.datasets.holdings(mine.id)
        assert held.runs == (of_mine, lent)
        assert held.artifacts == {*(image.artifact_sha256 for image in images), both, from_mine}
        shared = {"coming": {images[2].artifact_sha256}, "theirs": {images[1].artifact_sha256, both}}
        assert store.datasets.shared(held) == shared
        store.datasets.delete(mine.id)
        assert store.datasets.shared(held) == shared, "the same once it is gone"
    store.collect_now()
    assert contents_of(store) == {b"of both", b"of the import", b"theirs", b"made by both"}


def test_rows_and_files_are_compared(store: Store) -> None:
    there, lost = put_images(store, b"there", b"lost")
    create(store, "studio", [there, lost])
    create(store, "again", [dataclasses.replace(lost, name="again")])
    orphan = store.artifacts.put(b"nobody's", ".npz")
    assert lost.artifact_sha256 is not None
    store.artifacts.delete(lost.artifact_sha256)
    stock = store.take_inventory()
    assert sorted(stock.files) == sorted([(there.artifact_sha256, ".png"), (orphan, ".npz")])
    assert stock.orphans == ((orphan, ".npz"),)
    assert stock.missing == {"again": {lost.artifact_sha256}, "studio": {lost.artifact_sha256}}


def test_orphans_are_collected_at_once_but_not_those_of_work_under_way(store: Store) -> None:
    create(store, "studio", put_images(store, b"kept"))
    store.artifacts.put(b"old")
    with store.datasets.importing("coming", source="", reader="") as importing:
        for image in put_images(store, b"coming"):
            assert store.collect_now() == 0
            importing.add(image)
    assert store.collect_now() == 1
    assert contents_of(store) == {b"kept", b"coming"}


def test_work_that_begins_while_orphans_are_collected_keeps_its_files(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Collecting may wait long for the database between its look at the work under way and its look at the files."""
    forget = Leftovers.forget_measures
    with ExitStack() as under_way:

        def wait_while_an_import_begins(leftovers: Leftovers) -> int:
            importing = under_way.enter_context(store.datasets.importing("coming", source="", reader=""))
            for image in put_images(store, b"coming"):
                importing.add(image)  # its row is written with its batch, when the import ends
            time.sleep(0.3)
            return forget(leftovers)

        monkeypatch.setattr(Leftovers, "forget_measures", wait_while_an_import_begins)
        store.artifacts.put(b"nobody's")
        assert store.collect_now() == 1
    assert contents_of(store) == {b"coming"}


def test_erasing_keeps_what_is_there(store: Store) -> None:
    dataset, gone = add_dataset(store), add_dataset(store, "gone")
    store.datasets.delete(gone.id)
    assert "written anew" in store.erase_deleted()
    assert store.datasets.list() == (dataset,)
    assert store.datasets.counts(dataset.id).images == 6
