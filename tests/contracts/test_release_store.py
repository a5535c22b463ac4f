"""What every back end must do with releases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from facepriv.store import ReleaseRecord, Store
from tests.store_examples import add_dataset, sha


def add(store: Store, **changes: Any) -> ReleaseRecord:
    values = {
        "about": "run 1",
        "policy": "50.0 % of run 1, drawn by image",
        "items": 3,
        "manifest_sha256": sha("manifest"),
        "verdict": "Not attacked yet.",
        "released_by": "ada",
    }
    return store.releases.add(**{**values, **changes})


def test_a_release_comes_back_as_it_was(store: Store) -> None:
    dataset = add_dataset(store)
    before = datetime.now(UTC)
    kept = add(store, dataset_id=dataset.id)
    assert store.releases.list() == (kept,)
    assert (kept.dataset_id, kept.template_set_id) == (dataset.id, None)
    assert (kept.about, kept.items, kept.manifest_sha256) == ("run 1", 3, sha("manifest"))
    assert kept.policy == "50.0 % of run 1, drawn by image"
    assert (kept.verdict, kept.released_by) == ("Not attacked yet.", "ada")
    assert before <= kept.at <= datetime.now(UTC)


def test_the_newest_come_first_and_those_of_one_data_set_if_asked_for(store: Store) -> None:
    dataset = add_dataset(store)
    first, second, third = add(store), add(store, dataset_id=dataset.id), add(store)
    assert [one.id for one in store.releases.list()] == [third.id, second.id, first.id]
    assert [one.id for one in store.releases.list(limit=1)] == [third.id]
    assert [one.id for one in store.releases.list(dataset_id=dataset.id)] == [second.id]
    assert store.releases.list(template_set_id=1) == ()


def test_a_release_stays_when_its_data_set_is_deleted(store: Store) -> None:
    dataset = add_dataset(store)
    kept = add(store, dataset_id=dataset.id)
    store.datasets.delete(dataset.id)
    (left,) = store.releases.list()
    assert left.id == kept.id
    assert left.dataset_id is None
    assert left.about == "run 1"


def test_fewer_than_no_images_are_refused(store: Store) -> None:
    with pytest.raises(IntegrityError):
        add(store, items=-1)
