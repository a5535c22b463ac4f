"""What every back end must do with measures."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import func, select, update

from facepriv.store import Store
from facepriv.store.measures import Measured
from facepriv.store.rows import ImageRow, MeasureRow
from tests.store_examples import add_dataset, complete_run, sha

TEMPLATE = "template:sface"


def hashes_of(store: Store, dataset_id: int) -> list[str]:
    return [image.artifact_sha256 or "" for image in store.datasets.images(dataset_id)]


def count_measures(store: Store) -> int:
    with store._database.reading() as session:
        return session.scalar(select(func.count()).select_from(MeasureRow)) or 0


@pytest.mark.parametrize(
    "vector",
    [
        np.random.default_rng(1).normal(size=128).astype(np.float32),
        np.array([0.1 + 0.2]),
        np.array([0.5, np.nan, -np.inf, 1e300]),
    ],
)
def test_vectors_come_back_to_the_last_bit(store: Store, vector: np.ndarray) -> None:
    first, second, *_ = hashes_of(store, add_dataset(store).id)
    store.measures.save([Measured(first, TEMPLATE, sha("v1"), vector)])
    known = store.measures.get(TEMPLATE, sha("v1"), [first, second])
    assert list(known) == [first]
    assert known[first].dtype == vector.dtype
    assert known[first].tobytes() == vector.tobytes()


def test_name_and_fingerprint_tell_measures_apart(store: Store) -> None:
    first, *_ = hashes_of(store, add_dataset(store).id)
    store.measures.save([Measured(first, TEMPLATE, sha("v1"), np.ones(4))])
    assert store.measures.get(TEMPLATE, sha("v2"), [first]) == {}
    assert store.measures.get("template:dlib-resnet", sha("v1"), [first]) == {}
    store.measures.save([Measured(first, TEMPLATE, sha("v2"), np.ones(2))])
    assert len(store.measures.get(TEMPLATE, sha("v1"), [first])[first]) == 4
    assert len(store.measures.get(TEMPLATE, sha("v2"), [first])[first]) == 2


def test_a_vector_takes_the_place_of_the_one_before(store: Store) -> None:
    first, *_ = hashes_of(store, add_dataset(store).id)
    for value in (1.0, 2.0):
        store.measures.save([Measured(first, TEMPLATE, sha("v1"), np.array([value]))])
    store.measures.save([])
    assert store.measures.get(TEMPLATE, sha("v1"), [first])[first].tolist() == [2.0]
    assert count_measures(store) == 1


def test_content_that_no_image_has_is_not_saved(store: Store) -> None:
    first, *_ = hashes_of(store, add_dataset(store).id)
    store.measures.save([Measured(sha256, TEMPLATE, sha("v1"), np.ones(1)) for sha256 in (first, sha("nobody"))])
    assert list(store.measures.get(TEMPLATE, sha("v1"), [first, sha("nobody")])) == [first]


def test_more_than_fit_one_query(store: Store) -> None:
    hashes = hashes_of(store, add_dataset(store).id)
    store.measures.save([Measured(sha256, TEMPLATE, sha("v1"), np.ones(1)) for sha256 in hashes])
    others = [sha(f"other {number}") for number in range(1200)]
    assert set(store.measures.get(TEMPLATE, sha("v1"), [*others, *hashes])) == set(hashes)


def test_measures_go_with_the_last_image_of_their_content(store: Store) -> None:
    dataset, other = add_dataset(store), add_dataset(store, "other", 2)
    hashes = hashes_of(store, dataset.id)
    store.measures.save([Measured(sha256, TEMPLATE, sha("v1"), np.ones(1)) for sha256 in hashes])
    store.datasets.delete(dataset.id)
    assert set(store.measures.get(TEMPLATE, sha("v1"), hashes)) == set(hashes_of(store, other.id))
    store.datasets.delete(other.id)
    assert count_measures(store) == 0


def test_measures_of_perturbed_images_go_with_their_run(store: Store) -> None:
    run_id = complete_run(store, add_dataset(store))
    perturbed = [image.artifact_sha256 or "" for image in store.runs.run_images(run_id)]
    store.measures.save([Measured(sha256, "residuals", sha("v1"), np.ones(1)) for sha256 in perturbed])
    assert set(store.measures.get("residuals", sha("v1"), perturbed)) == set(perturbed)
    store.runs.delete(run_id)
    assert count_measures(store) == 0


def test_measures_of_content_that_nobody_has_are_collected(store: Store) -> None:
    first, *_ = hashes_of(store, add_dataset(store).id)
    store.measures.save([Measured(first, "residuals", sha("v1"), np.zeros(3))])
    store.collect()
    assert count_measures(store) == 1
    with store._database.writing() as session:
        session.execute(update(ImageRow).values(artifact_sha256=None))
    store.collect()
    assert count_measures(store) == 0
