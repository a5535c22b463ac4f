"""What every back end must do with the access log."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from facepriv.errors import StoreError
from facepriv.store import (
    Store,
)
from facepriv.types import Actor
from tests.actors import ADA, CLI


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
