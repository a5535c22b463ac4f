"""What every back end must do with shared results and what officers say about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from facepriv.config import Settings
from facepriv.errors import UnknownNameError
from facepriv.store import RemarkRecord, ShareRecord, Store, open_store
from tests.contracts.test_people_stores import all_rows, at_once
from tests.store_examples import add_dataset, audit_spec, complete_run, sha

UNTIL = datetime(2100, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@pytest.fixture
def results(store: Store) -> tuple[int, int, int]:
    """A complete run, an audit of it, and an audit of its data set as it is."""
    dataset = add_dataset(store)
    run_id = complete_run(store, dataset)
    return (
        run_id,
        store.audits.create(audit_spec(store, dataset, run_id=run_id)),
        store.audits.create(audit_spec(store, dataset)),
    )


def add(store: Store, run_id: int | None, audit_id: int | None = None, **changes: Any) -> ShareRecord:
    values = {"expires_at": UNTIL, "shared_by": "eve"}
    return store.shares.add(run_id=run_id, audit_id=audit_id, **{**values, **changes})[0]


def say(store: Store, run_id: int | None, audit_id: int | None = None, **changes: Any) -> RemarkRecord:
    values = {"about": f"run {run_id}", "author": "ada", "text": "Fine."}
    return store.remarks.add(run_id=run_id, audit_id=audit_id, **{**values, **changes})


def ids(records: Sequence[Any]) -> list[int]:
    return [record.id for record in records]


def test_shares_come_back_as_they_were(store: Store, results: tuple[int, int, int]) -> None:
    run_id, audit_id, _ = results
    officer = store.users.add("Ada", "officer")
    shared, token = store.shares.add(
        run_id=run_id,
        audit_id=audit_id,
        expires_at=UNTIL,
        shared_by="eve",
        passphrase_hash="a hash",
        officer_id=officer.id,
        faces=3,
    )
    assert token is not None
    assert shared.run_id == run_id
    assert shared.audit_id == audit_id
    assert shared.has_link
    assert shared.officer == "Ada"
    assert shared.passphrase_hash == "a hash"
    assert shared.faces == 3
    assert shared.shared_by == "eve"
    assert shared.expires_at == UNTIL
    assert shared.views == 0
    assert shared.viewed_at is None
    assert shared.revoked_at is None
    assert abs(datetime.now(UTC) - shared.created_at) < timedelta(minutes=1)
    assert store.shares.get(shared.id) == store.shares.find(token) == shared
    assert store.shares.list() == (shared,)


def test_without_a_link_there_is_no_token(store: Store, results: tuple[int, int, int]) -> None:
    shared, token = store.shares.add(run_id=results[0], audit_id=None, expires_at=UNTIL, shared_by="eve", link=False)
    assert token is None
    assert not shared.has_link
    for wrong in ("", "None", "\x00", "\ud800", "x" * 43):
        assert store.shares.find(wrong) is None
    with pytest.raises(UnknownNameError, match="no share 77"):
        store.shares.get(77)


def test_tokens_differ_and_are_not_in_the_database(
    store: Store, settings: Settings, results: tuple[int, int, int]
) -> None:
    made = [store.shares.add(run_id=results[0], audit_id=None, expires_at=UNTIL, shared_by="eve") for _ in range(3)]
    tokens = {token: shared for shared, token in made if token is not None}
    assert len(tokens) == 3
    rows = all_rows(settings)
    assert rows.count("'eve'") == 3, "the rows were looked at"
    for token, shared in tokens.items():
        assert len(token) >= 43, "256 bits"
        assert token not in rows
        assert store.shares.find(token) == shared


def test_shares_are_listed_newest_first_by_what_and_for_whom(store: Store, results: tuple[int, int, int]) -> None:
    run_id, of_run, as_it_is = results
    ada, bob = (store.users.add(name, "officer").id for name in ("ada", "bob"))
    first = add(store, run_id, officer_id=ada)
    second = add(store, run_id, of_run, officer_id=bob)
    third = add(store, None, as_it_is, officer_id=ada)
    assert ids(store.shares.list()) == ids([third, second, first])
    assert ids(store.shares.list(run_id=run_id)) == ids([second, first])
    assert ids(store.shares.list(audit_id=of_run)) == [second.id]
    assert ids(store.shares.list(officer_id=ada)) == ids([third, first])
    assert ids(store.shares.list(run_id=run_id, officer_id=ada)) == [first.id]
    assert store.shares.list(run_id=99) == ()


def test_impossible_shares_are_refused(store: Store, results: tuple[int, int, int]) -> None:
    for run_id, audit_id, changes in (
        (None, None, {}),
        (99, None, {}),
        (results[0], 99, {}),
        (results[0], None, {"officer_id": 99}),
        (results[0], None, {"faces": -1}),
    ):
        with pytest.raises(IntegrityError):
            add(store, run_id, audit_id, **changes)
    assert store.shares.list() == ()


def test_a_share_is_open_until_it_expires_or_is_revoked(store: Store, results: tuple[int, int, int]) -> None:
    shared, other = (add(store, results[0]) for _ in range(2))
    assert shared.is_open(UNTIL - timedelta(microseconds=1))
    assert not shared.is_open(UNTIL)
    store.shares.revoke(shared.id)
    revoked = store.shares.get(shared.id)
    assert revoked.revoked_at is not None
    assert not revoked.is_open(shared.created_at)
    store.shares.revoke(shared.id)
    assert store.shares.get(shared.id) == revoked, "the first time stays"
    assert store.shares.get(other.id) == other


def test_every_view_is_counted(store: Store, settings: Settings, results: tuple[int, int, int]) -> None:
    shared, other = (add(store, results[0]) for _ in range(2))

    def view() -> None:
        for _ in range(10):
            store.shares.viewed(shared.id)

    def view_elsewhere() -> None:
        with open_store(settings) as opened:
            for _ in range(10):
                opened.shares.viewed(shared.id)

    assert at_once(view, view, view_elsewhere) == [None] * 3
    seen = store.shares.get(shared.id)
    assert seen.views == 30
    assert seen.viewed_at is not None
    assert seen.viewed_at >= shared.created_at
    assert store.shares.get(other.id) == other


def test_shares_go_with_what_they_show(store: Store, results: tuple[int, int, int]) -> None:
    run_id, of_run, as_it_is = results
    alone, both, audit = add(store, run_id), add(store, run_id, of_run), add(store, None, as_it_is)
    dataset_id = store.runs.get(run_id).dataset_id
    assert store.datasets.holdings(dataset_id).shares == 3
    store.audits.delete(of_run)
    assert ids(store.shares.list()) == ids([audit, alone])
    with pytest.raises(UnknownNameError):
        store.shares.get(both.id)
    store.runs.delete(run_id)
    assert ids(store.shares.list()) == [audit.id]
    assert store.datasets.holdings(dataset_id).shares == 1
    store.datasets.delete(dataset_id)
    assert store.shares.list() == ()
    again = add(store, complete_run(store, add_dataset(store, "again")))
    assert again.id > audit.id, "no number is given twice: the access log names it"


def test_remarks_come_back_as_they_were(store: Store, results: tuple[int, int, int]) -> None:
    run_id, of_run, as_it_is = results
    comment = say(store, run_id, text="Warum die Hälfte? 🤔\n\nBitte erklären.")
    signed = say(store, run_id, of_run, about="run 1, audit 1", decision="conditions", sha256=sha("both"))
    other = say(store, None, as_it_is, decision="rejected", sha256=sha("audit"))
    assert comment.run_id == run_id
    assert comment.audit_id is None
    assert comment.decision is None
    assert comment.sha256 is None
    assert comment.text == "Warum die Hälfte? 🤔\n\nBitte erklären."
    assert comment.author == "ada"
    assert signed.decision == "conditions"
    assert signed.sha256 == sha("both")
    assert signed.about == "run 1, audit 1"
    assert abs(datetime.now(UTC) - signed.at) < timedelta(minutes=1)
    assert store.remarks.list() == (comment, signed, other)
    assert store.remarks.list(run_id=run_id) == (comment, signed)
    assert store.remarks.list(audit_id=of_run) == (signed,)
    assert store.remarks.list(run_id=99) == ()


def test_impossible_remarks_are_refused(store: Store, results: tuple[int, int, int]) -> None:
    for changes in ({"decision": "accepted"}, {"sha256": sha("x")}, {"decision": "maybe", "sha256": sha("x")}):
        with pytest.raises(IntegrityError):
            say(store, results[0], **changes)
    with pytest.raises(IntegrityError):
        say(store, 99)
    assert store.remarks.list() == ()


def test_remarks_stay_when_what_they_are_about_is_gone(store: Store, results: tuple[int, int, int]) -> None:
    run_id, of_run, as_it_is = results
    about = f"run {run_id}, audit {of_run}"
    comment = say(store, run_id, of_run, about=about)
    signed = say(store, run_id, of_run, about=about, decision="accepted", sha256=sha("both"))
    other = say(store, None, as_it_is, about=f"audit {as_it_is}", decision="accepted", sha256=sha("audit"))
    store.audits.delete(of_run)
    assert [(one.run_id, one.audit_id) for one in store.remarks.list(run_id=run_id)] == [(run_id, None)] * 2
    store.datasets.delete(store.runs.get(run_id).dataset_id)
    assert store.runs.count() == 0
    left = store.remarks.list()
    for one, before in zip(left, (comment, signed, other), strict=True):
        assert one.run_id is None
        assert one.audit_id is None
        assert one.id == before.id
        assert one.about == before.about
        assert one.author == before.author
        assert one.at == before.at
        assert one.text == before.text
        assert one.decision == before.decision
        assert one.sha256 == before.sha256
