"""Files that rows refer to stay, and those of rows that are gone go."""

from __future__ import annotations

import dataclasses
import os
import time
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from facepriv.config import Settings
from facepriv.store import (
    Store,
    open_store,
)
from facepriv.store.leftovers import Leftovers
from facepriv.store.records import NewDataset
from facepriv.store.rows import ImageRow
from tests.contracts.processes import SPAWN
from tests.store.tampering import count_rows
from tests.store_examples import (
    add_dataset,
    claim_run,
    contents_of,
    create,
    new_image,
    put_images,
    run_image,
    spec_for,
)


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
    with store.datasets.importing(NewDataset(name="second", source="", reader="")) as importing:
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
    with store.datasets.importing(NewDataset(name="studio", source="", reader="")) as importing:
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
        assert count_rows(settings, ImageRow) == 0


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
    with store.datasets.importing(NewDataset(name="coming", source="", reader="")) as importing:
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
            importing = under_way.enter_context(
                store.datasets.importing(NewDataset(name="coming", source="", reader=""))
            )
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
    assert "rewritten" in store.erase_deleted()
    assert store.datasets.list() == (dataset,)
    assert store.datasets.counts(dataset.id).images == 6
