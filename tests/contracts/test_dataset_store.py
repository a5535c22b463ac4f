"""What every back end must do with data sets."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError, StoreError, UnknownNameError
from facepriv.store import (
    Store,
)
from facepriv.store.records import NewDataset
from facepriv.store.rows import ImageRow, MeasureRow, RunImageRow
from facepriv.types import Problem, ProtocolPair, Terms
from tests.store.tampering import count_rows
from tests.store_examples import (
    FACELESS,
    add_dataset,
    claim_run,
    contents_of,
    create,
    measured_of,
    new_image,
    put_images,
    run_image,
    same,
    sha,
    spec_for,
)


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
    assert made.source == "upload studio.zip"
    assert made.reader == "folders"
    assert made.reader_reason == "one folder a subject"
    assert made.licence == "CC-BY 4.0"
    assert made.notes == "taken in one room"
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
        NewDataset(
            name="said", source="", reader="", identities="groups", terms=terms, datasheet={"consent": "signed forms"}
        )
    ) as importing:
        for image in images:
            importing.add(image)
        importing.problem(Problem("a", "noted", "A note to go on from."))
        importing.finish([Problem("b", "left-out", "What stands in the end.")], pairs)
    made = store.datasets.get("said")
    assert made.identities == "groups"
    assert made.terms == terms
    assert made.datasheet == {"consent": "signed forms"}
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
    assert plain.identities == "people"
    assert plain.terms is None
    assert plain.datasheet is None
    assert store.datasets.protocol(plain.id) == ()
    store.datasets.delete(made.id)
    with pytest.raises(UnknownNameError):
        store.datasets.protocol(made.id)


def test_comparisons_of_templates_of_several_images_come_back_as_they_were(store: Store) -> None:
    images = [new_image(index) for index in range(5)]
    names = [image.name for image in images]
    pairs = [
        ProtocolPair(1, names[0], names[3], mated=True, first_more=(names[1], names[2])),
        ProtocolPair(1, names[3], names[4], mated=False),
        ProtocolPair(2, names[4], names[0], mated=True, second_more=(names[1],)),
        ProtocolPair(2, names[4], names[0], mated=True, second_more=(names[1],)),
    ]
    with store.datasets.importing(NewDataset(name="templates", source="", reader="")) as importing:
        for image in images:
            importing.add(image)
        importing.finish([], pairs)
    made = store.datasets.get("templates")
    name_of = {image.id: image.name for image in store.datasets.images(made.id)}
    read = store.datasets.protocol(made.id)
    assert [(one.fold, one.mated) for one in read] == [(one.fold, one.mated) for one in pairs]
    assert [tuple(name_of[each] for each in one.images) for one in read] == [one.images for one in pairs]
    assert [len(one.sides[0]) for one in read] == [3, 1, 1, 1]


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


def test_labelled_people_have_a_usable_face(store: Store) -> None:
    images = [
        new_image(0, subject="ada", label=-1),
        new_image(1, subject="ada", label=-1),
        new_image(2, subject="bob", label=1),
        new_image(3, subject="cem", label=None),
        new_image(4, subject="dee", **{**FACELESS, "label": -1}),
    ]
    dataset = create(store, "studio", images)
    add_dataset(store, "other")
    assert store.datasets.labelled_people(dataset.id) == (2, 1, 1)
    run = store.runs.create(spec_for(store, dataset))
    assert store.datasets.labelled_people(dataset.id, run_id=run) == (0, 0, 0), "before it has any image"
    with pytest.raises(UnknownNameError):
        store.datasets.labelled_people(dataset.id + 7)


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


@pytest.mark.parametrize("name", ["", " studio", "studio ", "12", "a\nb", "x" * 201, "folds"])
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
    assert held.dataset == dataset
    assert held.images == 6
    assert held.runs == (run_id, borrowing)
    assert held.audits == ()
    assert held.busy == ()
    assert held.sources == {image.source_sha256 for image in images}
    assert store.datasets.delete(dataset.id) == held
    assert store.datasets.list() == (spared,)
    assert store.runs.list() == ()
    assert count_rows(settings, ImageRow) == 6
    assert count_rows(settings, RunImageRow) == count_rows(settings, MeasureRow) == 0
    store.datasets.delete(spared.id)
    assert count_rows(settings, ImageRow) == 0


def test_ids_are_never_given_twice(store: Store) -> None:
    dataset = add_dataset(store)
    run_id = store.runs.create(spec_for(store, dataset))
    store.runs.delete(run_id)
    assert store.runs.create(spec_for(store, dataset)) > run_id


def test_faces_found_before_are_known_by_content(store: Store) -> None:
    create(store, "old", [new_image(0)])
    assert store.datasets.find_face(sha("artifact 0"), sha("v1")) is None, "found by nobody knows what"
    create(store, "studio", [new_image(0), new_image(1, **FACELESS)], detector_fingerprint=sha("v1"))
    found = store.datasets.find_face(sha("artifact 0"), sha("v1"))
    assert found is not None
    expected = new_image(0)
    assert found.box == expected.box
    assert found.failure is None
    assert found.failure_sentence is None
    np.testing.assert_array_equal(found.landmarks, expected.landmarks)
    lost = store.datasets.find_face(sha("artifact 1"), sha("v1"))
    assert lost is not None
    assert lost.box is None
    assert lost.landmarks is None
    assert lost.failure == "no-face"
    assert store.datasets.find_face(sha("artifact 0"), sha("v2")) is None
    assert store.datasets.find_face(sha("artifact 2"), sha("v1")) is None
    store.datasets.delete(store.datasets.get("studio").id)
    assert store.datasets.find_face(sha("artifact 0"), sha("v1")) is None


def test_how_long_a_data_set_may_be_kept(store: Store) -> None:
    record = create(store, "studio", [new_image(0)], retain_until=date(2027, 3, 31), detector_fingerprint=sha("v1"))
    assert record.retain_until == date(2027, 3, 31)
    assert record.detector_fingerprint == sha("v1")
    assert store.datasets.list() == (record,)


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
    with store.datasets.importing(NewDataset(name="coming", source="", reader="")) as importing:
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
