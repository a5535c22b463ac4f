"""What every back end must do with imports under way, interrupted and killed."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from typing import Any

import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError, StoreError, UnknownNameError
from facepriv.store import (
    Store,
    open_store,
)
from facepriv.store.records import NewDataset
from facepriv.store.rows import DatasetRow, ImageRow
from facepriv.types import Problem, Terms
from tests.contracts.processes import SPAWN
from tests.store.tampering import count_rows
from tests.store_examples import (
    add_dataset,
    contents_of,
    create,
    new_image,
    put_images,
)


def test_import_is_invisible_until_finished(store: Store, settings: Settings) -> None:
    with open_store(settings) as other:
        with store.datasets.importing(NewDataset(name="studio", source="", reader="")) as importing:
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
    assert count_rows(settings, ImageRow) == count_rows(settings, DatasetRow) == 0
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
            NewDataset(name="studio", source="", reader="", detector_fingerprint="f"), resume_key=key
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
    assert left.name == "studio"
    assert left.resume_key == "key"
    assert left.images == 7
    assert not left.written_by
    told: dict[str, Any] = {"source": "b", "reader": "r", "licence": "l", "terms": Terms("t", frozenset())}
    with store.datasets.importing(
        NewDataset(name="studio", detector_fingerprint="f", **told), resume_key="key"
    ) as importing:
        images, problems = importing.earlier()
        assert [image.name for image in images] == [new_image(index).name for index in range(7)]
        assert [one.name for one in problems] == [new_image(3).name]
        for index in range(7, 10):
            importing.add(new_image(index))
        importing.finish([])
    made = store.datasets.get("studio")
    assert made.source == "b"
    assert made.reader == "r"
    assert made.licence == "l"
    assert store.datasets.finished("studio", "key").id == made.id
    assert store.datasets.finished("studio", "another") is store.datasets.finished("whole", "key") is None
    assert store.datasets.discard("key", "studio") == 0, "a data set is no interrupted import"
    assert made.terms == told["terms"]
    assert made.content_sha256 == whole.content_sha256
    assert [image.name for image in store.datasets.images(made.id)] == [new_image(index).name for index in range(10)]
    assert store.datasets.problems(made.id) == ()
    assert store.datasets.unfinished() == ()


def test_only_the_same_import_goes_on(store: Store) -> None:
    interrupted(store, 3)

    def refused(name: str, key: str, detector_fingerprint: str) -> None:
        with store.datasets.importing(
            NewDataset(name=name, source="", reader="", detector_fingerprint=detector_fingerprint), resume_key=key
        ) as importing:
            assert importing.earlier() == ((), ())
            raise BadInputError("It was refused, so nothing of it stays.")

    for name, key, detector_fingerprint in [("other", "key", "f"), ("studio", "another", "f"), ("studio", "key", "g")]:
        with pytest.raises(BadInputError):
            refused(name, key, detector_fingerprint)
    assert [(one.name, one.resume_key) for one in store.datasets.unfinished()] == [("studio", "key")]


def test_of_two_sessions_of_one_import_the_later_one_writes(store: Store) -> None:
    def both() -> None:
        with store.datasets.importing(NewDataset(name="studio", source="", reader=""), resume_key="key") as first:
            first.add(new_image(0))
            first.flush()
            with store.datasets.importing(NewDataset(name="studio", source="", reader=""), resume_key="key") as second:
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
        with store.datasets.importing(
            NewDataset(name=f"studio {key}", source="", reader=""), resume_key=key
        ) as importing:
            for image in images:
                importing.add(image)
            raise KeyboardInterrupt

    for key in ("one", "two", "three"):
        with pytest.raises(KeyboardInterrupt):
            begin(key)
    assert store.datasets.discard("none of them", "studio one") == 0
    assert store.datasets.discard("one", "studio two") == 0
    assert store.datasets.discard("one", "studio one") == 1
    assert len(contents_of(store)) == 3
    assert store.datasets.collect_abandoned(timedelta(0)) == 0
    create(store, "studio two", images[:1])
    assert store.datasets.collect_abandoned() == 1, "a data set has its name"
    assert [one.resume_key for one in store.datasets.unfinished()] == ["three"]
    store.datasets.delete(other.id)
    assert store.datasets.collect_abandoned(resumable_for=timedelta(0)) == 1
    assert contents_of(store) == {b"0"}
    assert count_rows(settings, ImageRow) == 1


def test_an_interrupted_import_does_not_hold_up_what_goes(store: Store) -> None:
    (image,) = put_images(store, b"0")
    dataset = create(store, "gone", [image])
    interrupted(store, 3)
    store.datasets.delete(dataset.id)
    assert contents_of(store) == set()


def test_finished_dataset_takes_no_more_images(store: Store) -> None:
    with store.datasets.importing(NewDataset(name="studio", source="", reader="")) as importing:
        importing.add(new_image(0))
    importing.add(new_image(1))
    with pytest.raises(StoreError, match="is over"):
        importing.flush()
    assert store.datasets.counts(importing.dataset_id).images == 1


def import_and_hang(settings: Settings, ready: Any) -> None:
    store = open_store(settings)
    with store.datasets.importing(NewDataset(name="studio", source="", reader="")) as importing:
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
        assert count_rows(settings, ImageRow) == 200  # one batch had been written
        dataset = add_dataset(store)
        assert store.datasets.collect_abandoned(timedelta(0)) == 1
        assert count_rows(settings, ImageRow) == 6
        assert store.datasets.list() == (dataset,)
