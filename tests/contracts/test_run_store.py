"""What every back end must do with runs and what they found."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError, StoreError, UnknownNameError
from facepriv.schemas.base import DatasetRef
from facepriv.schemas.runs import LearnFrom
from facepriv.store import (
    LeaseLostError,
    RunImage,
    Store,
    open_store,
)
from facepriv.store.rows import ImageRow, MeasureRow, RunImageRow
from tests.store.tampering import count_rows
from tests.store_examples import (
    add_dataset,
    claim_run,
    learning,
    measured_of,
    result_for,
    run_image,
    same,
    sha,
    spec_for,
)


def test_run_comes_back_as_it_was(store: Store, settings: Settings) -> None:
    dataset = add_dataset(store)
    spec = spec_for(store, dataset)
    run_id = store.runs.create(spec)
    waiting = store.runs.get(run_id)
    assert waiting.spec == spec
    assert same(store.runs.summary(run_id), waiting)
    assert not hasattr(store.runs.summary(run_id), "spec")
    assert waiting.state == "waiting"
    assert waiting.result is None
    assert waiting.owner is None
    assert waiting.attempts == 0
    assert waiting.method == "algorithm1"
    assert waiting.guide == "dlib-gender"
    assert waiting.images == 6
    assert waiting.dataset_name == "studio"

    claimed = claim_run(store, "w1", lease_seconds=30)
    assert claimed is not None
    assert claimed.id == run_id
    assert claimed.state == "running"
    assert claimed.owner == "w1"
    assert claimed.attempts == 1
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
    assert progress.stage == "perturb"
    assert progress.done == 6
    assert progress.total == 6
    assert store.runs.images_done(run_id) == frozenset(spec.image_ids)

    result = result_for(6)
    store.runs.finish(run_id, "w1", result)
    with open_store(settings) as reopened:
        complete = reopened.runs.get(run_id)
        assert complete.state == "complete"
        assert complete.spec == spec
        assert complete.result == result
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
    assert count_rows(settings, MeasureRow) == 2
    (whole,), (short,) = store.runs.run_images(run_id), store.runs.outcomes(run_id)
    assert whole.trajectory is not None
    assert short.trajectory is None
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
    assert count_rows(settings, RunImageRow) == count_rows(settings, MeasureRow) == 0
    assert count_rows(settings, ImageRow) == 6


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
