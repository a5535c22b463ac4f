"""What every back end must do with the access log."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Executable, delete, update
from sqlalchemy.exc import IntegrityError

from facepriv.errors import StoreError
from facepriv.services.upkeep.doctor import check_access_log
from facepriv.store import (
    Store,
)
from facepriv.store.inspection import inspect_database
from facepriv.store.rows import AccessRow
from facepriv.types import Actor
from tests.actors import ADA, CLI
from tests.store.tampering import drop_access_triggers


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
    adding, reading = {"record", "record_seldom", "sum_up"}, {"actions", "actors", "count", "list", "verify"}
    assert public == adding | reading, "the access log must offer no way to change lines"


def test_the_access_log_is_a_chain(store: Store) -> None:
    empty = store.access.verify()
    assert empty.lines == 0
    assert empty.broken_at is None
    assert empty.last == "0" * 64
    lines = [store.access.record(ADA, "run-exported", f"run {number}", "Zoë") for number in range(5)]
    assert len({line.chain_sha256 for line in lines}) == 5
    chain = store.access.verify(lines[1].chain_sha256[:8].upper())
    assert chain.lines == 5
    assert store.access.count() == 5
    assert chain.last == lines[-1].chain_sha256
    assert chain.broken_at is None
    assert chain.expected_at == lines[1].id
    assert store.access.verify("f" * 64).expected_at is None


@pytest.mark.parametrize("change", [delete(AccessRow), update(AccessRow).values(actor="bob")])
def test_the_database_itself_keeps_the_access_log(store: Store, change: Executable) -> None:
    store.access.record(ADA, "run-exported", "run 7")
    with pytest.raises((StoreError, IntegrityError)), store.access._database.writing() as session:
        session.execute(change)
    assert [line.actor for line in store.access.list()] == ["ada"]


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (update(AccessRow).where(AccessRow.subject == "run 1").values(actor="bob"), "run 1"),
        (update(AccessRow).where(AccessRow.subject == "run 2").values(at=datetime(2020, 1, 1, tzinfo=UTC)), "run 2"),
        (delete(AccessRow).where(AccessRow.subject == "run 1"), "run 2"),
        (update(AccessRow).where(AccessRow.subject == "run 2").values(chain_sha256=None), "run 2"),
    ],
)
def test_a_line_that_was_tampered_with_is_found(store: Store, change: Executable, broken: str) -> None:
    number = {f"run {n}": store.access.record(ADA, "run-exported", f"run {n}").id for n in range(4)}
    noted = store.access.list()[0].chain_sha256
    with store.access._database.writing() as session:  # as one who may change the tables may
        drop_access_triggers(session)
        session.execute(change)
    assert store.access.verify().broken_at == number[broken]
    with store.access._database.writing() as session:
        session.execute(delete(AccessRow).where(AccessRow.subject != "run 0"))
    cut = store.access.verify(noted)
    assert cut.broken_at is None, "a cut end shows only by the hash that was noted"
    assert cut.expected_at is None, "a cut end shows only by the hash that was noted"


def test_a_log_without_its_triggers_is_found(store: Store) -> None:
    store.access.record(ADA, "looked")
    database = store.access._database
    assert store.access.verify().protected
    inspect_database(database)
    with database.writing() as session:
        drop_access_triggers(session)
    assert not store.access.verify().protected
    with pytest.raises(StoreError, match="triggers are missing"):
        inspect_database(database)
    status, sentence = check_access_log(store)
    assert status == "problem"
    assert "triggers are missing" in sentence


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
    assert chain.lines == 30
    assert chain.broken_at is None
