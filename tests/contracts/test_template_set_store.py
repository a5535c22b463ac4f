"""What template sets must do on every database."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError, StoreError, UnknownNameError
from facepriv.store import Store
from facepriv.store.records import NewTemplateSet
from facepriv.store.rows import TemplateSetRow
from facepriv.store.template_sets import TemplateRows
from facepriv.types import Terms
from tests.store.tampering import count_rows
from tests.store_examples import add_dataset, contents_of, template_rows


def new_set(name: str = "staff", **changes: Any) -> NewTemplateSet:
    return NewTemplateSet(**{"name": name, "source": "the file a.npz", "reader": "npz", **changes})


def refused(store: Store, new: NewTemplateSet, content: TemplateRows) -> str:
    with pytest.raises(BadInputError) as caught:
        store.template_sets.save(new, content)
    return caught.value.code


def test_a_set_comes_back_as_it_was_saved(store: Store) -> None:
    content = template_rows(matcher="arcface", version="r50", labels=np.array([1, -1, 0, 0, 1, 1], np.int8))
    new = new_set(
        reader_reason="Columns were found.",
        retain_until=date(2031, 3, 31),
        terms=Terms("Nobody may be shown.", frozenset(["s1"])),
        datasheet={"consent": "forms"},
        problems=({"code": "zero-row", "count": 2, "sentence": "2 rows."},),
    )
    saved = store.template_sets.save(new, content)
    assert dataclasses.asdict(saved).items() >= dataclasses.asdict(new).items()
    assert (saved.templates, saved.width, saved.subjects) == (6, 4, 3)
    assert (saved.male, saved.female, saved.unlabelled) == (3, 1, 2)
    assert (saved.metric, saved.matcher, saved.version, saved.quality) == ("cosine", "arcface", "r50", None)
    assert store.template_sets.list() == (saved,)
    assert store.template_sets.get("staff") == store.template_sets.get(saved.id) == saved
    read = store.template_sets.read("staff")
    np.testing.assert_array_equal(read.rows, content.rows)
    assert read.rows.dtype == np.float32
    assert not read.rows.flags.writeable
    assert read.records.tolist() == content.records
    assert read.subjects.tolist() == content.subjects
    np.testing.assert_array_equal(read.labels, content.labels)
    assert (read.metric, read.matcher, read.version) == ("cosine", "arcface", "r50")


def test_rows_may_come_as_a_file(store: Store, tmp_path: Path) -> None:
    content = template_rows()
    np.save(tmp_path / "rows.npy", content.rows)
    from_file = store.template_sets.save(new_set("file"), dataclasses.replace(content, rows=tmp_path / "rows.npy"))
    from_memory = store.template_sets.save(new_set("memory"), content)
    np.testing.assert_array_equal(store.template_sets.read("file").rows, store.template_sets.read("memory").rows)
    assert from_file.records_sha256 == from_memory.records_sha256
    assert len(contents_of(store)) == len({from_file.rows_sha256, from_memory.rows_sha256}) + 1


def test_names_of_any_script_and_length(store: Store) -> None:
    records = ["Ünï", "名前", "a" * 200, "with, comma", '"quoted"', "b"]
    store.template_sets.save(new_set(), template_rows(records=records))
    assert store.template_sets.read("staff").records.tolist() == records


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": np.zeros((6, 4))},
        {"rows": np.zeros((0, 4), np.float32)},
        {"rows": np.zeros(24, np.float32)},
        {"labels": np.ones(5, np.int8)},
        {"subjects": ["s"] * 7},
        {"records": ["r"] * 6},
        {"records": ["a", "b", "c", "d", "e", ""]},
        {"subjects": ["s"] * 5 + ["two\nlines"]},
    ],
    ids=lambda value: next(iter(value)),
)
def test_parts_that_do_not_fit_are_refused(store: Store, wrong: dict[str, Any]) -> None:
    assert refused(store, new_set(), template_rows(**wrong)) == "bad-templates"
    assert store.template_sets.list() == ()


@pytest.mark.parametrize("name", ["", " staff", "7", "a\nb", "x" * 201])
def test_bad_names(store: Store, name: str) -> None:
    assert refused(store, new_set(name), template_rows()) == "bad-name"


def test_a_name_is_given_once(store: Store) -> None:
    dataset = add_dataset(store)
    store.template_sets.save(new_set(), template_rows())
    for name in ("staff", dataset.name):
        assert refused(store, new_set(name), template_rows()) == "name-taken"
        with pytest.raises(BadInputError) as caught:
            store.template_sets.check_name(name)
        assert caught.value.code == "name-taken"
    store.template_sets.check_name("other")
    with pytest.raises(BadInputError) as caught:
        store.datasets.check_name("staff")
    assert caught.value.code == "name-taken"


def test_unknown_sets(store: Store) -> None:
    with pytest.raises(UnknownNameError, match="none yet"):
        store.template_sets.get("staff")
    store.template_sets.save(new_set(), template_rows())
    with pytest.raises(UnknownNameError, match="there are: staff"):
        store.template_sets.read(99)
    with pytest.raises(UnknownNameError):
        store.template_sets.save(new_set("other", dataset_id=99), template_rows())
    with pytest.raises(UnknownNameError):
        store.template_sets.delete(99)


def test_what_may_change(store: Store) -> None:
    saved = store.template_sets.save(new_set(), template_rows())
    store.template_sets.save_datasheet(saved.id, {"licence": "CC0"})
    store.template_sets.save_quality(saved.id, {"schema": "facepriv.template-quality/1"})
    store.template_sets.save_retention(saved.id, date(2031, 3, 31))
    assert store.template_sets.get("staff") == dataclasses.replace(
        saved,
        datasheet={"licence": "CC0"},
        quality={"schema": "facepriv.template-quality/1"},
        retain_until=date(2031, 3, 31),
    )


def test_deleting_takes_the_files_that_no_other_set_needs(store: Store) -> None:
    first = store.template_sets.save(new_set("first"), template_rows())
    second = store.template_sets.save(new_set("second"), template_rows(labels=np.zeros(6, np.int8)))
    assert first.rows_sha256 == second.rows_sha256
    assert len(contents_of(store)) == 3
    assert store.template_sets.delete(first.id) == first
    assert {sha256 for sha256, _ in store.artifacts.list()} == {second.rows_sha256, second.records_sha256}
    store.template_sets.read("second")
    third = store.template_sets.save(new_set("third"), template_rows())
    assert third.id > second.id, "no id is given twice"


def test_a_set_goes_with_the_data_set_it_was_made_from(store: Store, settings: Settings) -> None:
    dataset = add_dataset(store)
    made = store.template_sets.save(new_set("made", dataset_id=dataset.id), template_rows())
    brought = store.template_sets.save(new_set("brought"), template_rows(seed=1))
    assert store.template_sets.list(dataset_id=dataset.id) == (made,)
    held = store.datasets.holdings(dataset.id)
    assert held.template_sets == ("made",)
    assert {made.rows_sha256, made.records_sha256} <= held.artifacts
    # The records of both are the same file.
    assert store.datasets.shared(held) == {"brought": {brought.records_sha256}}
    assert store.datasets.delete(dataset.id) == held
    assert store.template_sets.list() == (brought,)
    assert {sha256 for sha256, _ in store.artifacts.list()} == {brought.rows_sha256, brought.records_sha256}


def test_a_set_goes_with_the_set_it_was_made_from(store: Store) -> None:
    dataset = add_dataset(store)
    made = store.template_sets.save(new_set("made", dataset_id=dataset.id), template_rows())
    brought = store.template_sets.save(new_set("brought"), template_rows(seed=1))
    once, twice = (
        store.template_sets.save(new_set(name, origin_id=brought.id + place), template_rows(seed=2 + place))
        for place, name in enumerate(["once", "twice"])
    )
    protected = new_set("protected", dataset_id=dataset.id, origin_id=made.id)
    store.template_sets.save(protected, template_rows(seed=4))
    assert store.template_sets.made_from(brought.id) == (once, twice)
    assert store.template_sets.delete(brought.id) == brought
    assert [record.name for record in store.template_sets.list()] == ["made", "protected"]
    assert len(contents_of(store)) == 3, "the rows of two sets, whose records are the same file"
    store.datasets.delete(dataset.id)
    assert store.template_sets.list() == ()
    assert contents_of(store) == frozenset()
    with pytest.raises(UnknownNameError):
        store.template_sets.save(new_set("late", origin_id=brought.id), template_rows())


def test_files_of_sets_are_in_the_inventory(store: Store) -> None:
    saved = store.template_sets.save(new_set(), template_rows())
    assert store.take_inventory().orphans == ()
    assert store.collect(files_older_than=timedelta(seconds=-1)) == 0
    store.artifacts.delete(saved.rows_sha256, ".npy")
    assert store.take_inventory().missing == {"staff": {saved.rows_sha256}}
    with pytest.raises(StoreError, match="missing"):
        store.template_sets.read("staff")


def test_what_fails_leaves_nothing(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        assert store.template_sets.list() == ()
        assert len(contents_of(store)) == 2, "the files are there before anybody sees the set"
        assert store.collect_now() == 0, "nor does anybody take them for leftovers"
        raise KeyboardInterrupt

    monkeypatch.setattr(type(store.template_sets), "_publish", fail)
    with pytest.raises(KeyboardInterrupt):
        store.template_sets.save(new_set(), template_rows())
    assert count_rows(settings, TemplateSetRow) == 0
    assert contents_of(store) == set()


def test_what_a_killed_process_left_is_collected(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_publish", "_remove"):
        monkeypatch.setattr(type(store.template_sets), name, lambda *_: (_ for _ in ()).throw(StoreError("killed")))
    with pytest.raises(StoreError):
        store.template_sets.save(new_set(), template_rows())
    monkeypatch.undo()
    assert count_rows(settings, TemplateSetRow) == 1
    assert store.template_sets.list() == ()
    again = store.template_sets.save(new_set(), template_rows(seed=1))
    assert store.collect_now() == 0, "it may still be under way"
    assert store.template_sets.collect_abandoned(timedelta(0)) == 1
    assert store.collect_now() == 2 - 1, "the file of records is the other set's too"
    assert store.template_sets.list() == (again,)


def test_a_set_whose_data_set_goes_meanwhile_is_not_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = add_dataset(store)
    publish = type(store.template_sets)._publish

    def purge_first(*given: Any) -> None:
        store.datasets.delete(dataset.id)
        publish(*given)

    monkeypatch.setattr(type(store.template_sets), "_publish", purge_first)
    with pytest.raises(StoreError, match="purged"):
        store.template_sets.save(new_set(dataset_id=dataset.id), template_rows())
    assert store.template_sets.list() == ()
    assert contents_of(store) == set()


def test_times_are_those_of_saving(store: Store) -> None:
    before = datetime.now(UTC)
    assert before <= store.template_sets.save(new_set(), template_rows()).created_at <= datetime.now(UTC)
