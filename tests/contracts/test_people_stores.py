"""What every back end must do with users, their sessions and failed tries."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from facepriv.config import Settings
from facepriv.errors import BadInputError, UnknownNameError
from facepriv.store import Store, open_store
from facepriv.store.backup import describe_tables
from facepriv.store.engine import Database
from facepriv.store.sessions import IDLE, LIFETIME
from tests.store_examples import failures_since

NOW = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def all_rows(settings: Settings) -> str:
    """Every value of every table, as text."""
    database = Database(settings.database_url)
    with database.reading() as session:
        tables = describe_tables(session.connection()).sorted_tables
        found = "\n".join(repr(tuple(row)) for table in tables for row in session.execute(select(table)))
    database.close()
    return found


def at_once(*calls: Callable[[], object]) -> list[Any]:
    """Make calls in as many threads, begun together; gives what each gave or raised."""
    barrier, found = threading.Barrier(len(calls)), [None] * len(calls)

    def make(position: int, call: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            found[position] = call()
        except Exception as error:
            found[position] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=make, args=one) for one in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


# Users


def test_users_come_back_as_they_were(store: Store) -> None:
    bob = store.users.add("bob", "auditor", oidc="bob@example.org")
    ada = store.users.add(" Ada ", "officer", password_hash="a hash")
    assert ada.name == "Ada"
    assert ada.role == "officer"
    assert ada.password_hash == "a hash"
    assert ada.oidc is None
    assert ada.disabled_at is None
    assert abs(datetime.now(UTC) - ada.created_at) < MINUTE
    assert store.users.get("ada") == store.users.find("ADA") == ada
    assert store.users.find_oidc("bob@example.org") == bob
    assert store.users.list() == (ada, bob)
    assert store.users.find("eve") is None
    assert store.users.find_oidc("eve@example.org") is None
    with pytest.raises(UnknownNameError, match=r"There is no user eve\. Known: Ada, bob\."):
        store.users.get("eve")


@pytest.mark.parametrize(
    ("name", "same"),
    [("ada", "ADA"), ("ada", " Ada "), ("strauß", "STRAUSS"), ("ada", "ａｄａ"), ("zoe\u0308", "ZOË"), ("ﬁ", "FI")],
)
def test_names_in_any_case_and_compatible_letters_are_one(store: Store, name: str, same: str) -> None:
    user = store.users.add(name, "auditor")
    assert store.users.find(same) == user
    with pytest.raises(BadInputError, match="already; choose another name") as caught:
        store.users.add(same, "officer")
    assert caught.value.code == "name-taken"
    assert store.users.list() == (user,)


def test_nobody_is_vouched_for_twice(store: Store) -> None:
    store.users.add("ada", "auditor", oidc="ada@example.org")
    with pytest.raises(BadInputError, match=r"who signs in as ada@example\.org already") as caught:
        store.users.add("eve", "auditor", oidc="ada@example.org")
    assert caught.value.code == "oidc-taken"
    assert [user.name for user in store.users.list()] == ["ada"]
    for name in ("bob", "cyd"):
        assert store.users.add(name, "officer").oidc is None


def test_who_is_vouched_for_changes(store: Store) -> None:
    ada, bob = (store.users.add(name, "auditor", oidc=f"{name}@example.org") for name in ("ada", "bob"))
    with pytest.raises(BadInputError, match=r"who signs in as bob@example\.org already") as caught:
        store.users.set_oidc(ada.id, "bob@example.org")
    assert caught.value.code == "oidc-taken"
    assert store.users.list() == (ada, bob)
    store.users.set_oidc(bob.id, None)
    store.users.set_oidc(ada.id, "bob@example.org")
    assert store.users.find_oidc("bob@example.org") == store.users.get("ada")
    assert store.users.find_oidc("ada@example.org") is None
    assert store.users.get("bob").oidc is None


def test_of_two_at_once_one_gets_the_name(store: Store) -> None:
    found = at_once(*(lambda name=name: store.users.add(name, "auditor") for name in ("ada", "ADA", "Ada")))
    refused = [one for one in found if isinstance(one, BadInputError)]
    assert [one.code for one in refused] == ["name-taken"] * 2
    (user,) = store.users.list()
    assert user in found


@pytest.mark.parametrize("text", ["", "a\x00b", "a\ud800b", "x" * 100_000, "'; DROP TABLE users; --", "%"])
def test_whatever_is_typed_is_nobodys_name(store: Store, text: str) -> None:
    """A name is looked up as it was typed by whoever would sign in."""
    user = store.users.add("ada", "auditor")
    assert store.users.find(text) is None
    assert store.users.find_oidc(text) is None
    assert store.sessions.holder(text) is None
    fail(store, text, now=NOW)
    assert failures_since(store, text, NOW) == (1, NOW)
    assert store.users.list() == (user,)


def test_passwords_and_roles_change(store: Store) -> None:
    ada, bob = (store.users.add(name, "auditor", password_hash="old") for name in ("ada", "bob"))
    store.users.set_password(ada.id, "new")
    store.users.set_role(ada.id, "officer")
    changed = store.users.get("ada")
    assert changed.password_hash == "new"
    assert changed.role == "officer"
    assert changed.created_at == ada.created_at
    assert store.users.get("bob") == bob


# Sessions


@pytest.fixture
def ada(store: Store) -> int:
    return store.users.add("ada", "auditor").id


def test_sessions_come_back_as_they_were(store: Store, ada: int) -> None:
    token = store.sessions.open(ada, now=NOW)
    held = store.sessions.holder(token, now=NOW + SECOND)
    assert held is not None
    assert held.user == "ada"
    assert held.role == "auditor"
    assert held.created_at == NOW
    assert held.seen_at == NOW
    assert held.expires_at == NOW + LIFETIME
    assert store.sessions.living(held.id, now=NOW + SECOND) == held
    assert store.sessions.of_user("ada", now=NOW + SECOND) == (held,)
    assert store.sessions.holder(token + "x", now=NOW) is None
    assert store.sessions.holder("", now=NOW) is None
    assert store.sessions.living(held.id + 1, now=NOW) is None
    assert store.sessions.of_user("bob", now=NOW) == ()


def test_tokens_differ_and_are_not_in_the_database(store: Store, settings: Settings, ada: int) -> None:
    tokens = {store.sessions.open(ada) for _ in range(5)}
    assert len(tokens) == 5
    rows = all_rows(settings)
    for token in tokens:
        assert len(token) >= 43, "256 bits"
        assert token not in rows
    assert rows.count("'ada'") == 2, "name and key: the rows were looked at"


def test_a_session_ends_by_age_however_busy_it_is(store: Store, ada: int) -> None:
    token = store.sessions.open(ada, now=NOW)
    moment = NOW
    while moment < NOW + LIFETIME:
        assert store.sessions.holder(token, now=moment) is not None, moment
        moment += IDLE - SECOND
    assert store.sessions.holder(token, now=NOW + LIFETIME - SECOND) is not None
    assert store.sessions.holder(token, now=NOW + LIFETIME) is None


def test_a_session_ends_unused(store: Store, ada: int) -> None:
    token = store.sessions.open(ada, now=NOW)
    used = NOW + IDLE - SECOND
    held = store.sessions.holder(token, now=used)
    assert held is not None
    assert store.sessions.of_user("ada", now=used)[0].seen_at == used
    assert store.sessions.living(held.id, now=used + IDLE - SECOND) is not None, "its last use counts, not its first"
    assert store.sessions.holder(token, now=used + 2 * IDLE - SECOND) is None
    assert store.sessions.of_user("ada", now=used + 2 * IDLE) == ()


def test_its_use_is_noted_to_the_minute(store: Store, ada: int) -> None:
    """Noting every request would write to the database at every one."""
    token = store.sessions.open(ada, now=NOW)
    for later, noted in ((59 * SECOND, NOW), (MINUTE, NOW + MINUTE), (MINUTE + 59 * SECOND, NOW + MINUTE)):
        store.sessions.holder(token, now=NOW + later)
        assert store.sessions.of_user("ada", now=NOW + later)[0].seen_at == noted


def test_sessions_are_ended_one_by_one_or_all(store: Store, ada: int) -> None:
    bob = store.users.add("bob", "auditor").id
    first, second, third = (store.sessions.open(ada) for _ in range(3))
    other = store.sessions.open(bob)
    held = {token: store.sessions.holder(token) for token in (first, second, third, other)}
    assert [one.id for one in store.sessions.of_user("ada")] == [held[one].id for one in (third, second, first)]
    store.sessions.revoke(held[first].id)
    assert store.sessions.holder(first) is None
    assert store.sessions.living(held[first].id) is None
    assert store.sessions.revoke_all(ada, but=held[second].id) == 1, "one had ended before"
    assert [store.sessions.holder(token) for token in (first, second, third)] == [None, held[second], None]
    assert store.sessions.revoke_all(ada) == 1
    assert store.sessions.revoke_all(ada) == 0
    assert store.sessions.of_user("ada") == ()
    assert store.sessions.holder(other) == held[other]


def test_who_is_disabled_is_out_and_stays_out(store: Store, ada: int) -> None:
    token = store.sessions.open(ada)
    bobs = store.sessions.open(store.users.add("bob", "auditor").id)
    store.users.set_disabled(ada, True)
    assert store.users.get("ada").disabled_at is not None
    assert store.sessions.holder(token) is None
    assert store.sessions.holder(store.sessions.open(ada)) is None, "opened by a process that had not heard of it"
    store.users.set_disabled(ada, False)
    assert store.users.get("ada").disabled_at is None
    assert store.sessions.holder(token) is None, "letting somebody in again revives no session"
    assert store.sessions.holder(store.sessions.open(ada)) is not None
    assert store.sessions.holder(bobs) is not None


def test_a_role_changes_at_once_for_every_process(store: Store, settings: Settings, ada: int) -> None:
    token = store.sessions.open(ada)
    with open_store(settings) as other:
        assert other.sessions.holder(token).role == "auditor"
        store.users.set_role(ada, "officer")
        assert other.sessions.holder(token).role == "officer"
        other.users.set_disabled(ada, True)
        assert store.sessions.holder(token) is None


def test_sessions_long_over_are_dropped(store: Store, settings: Settings, ada: int) -> None:
    for days in (0, 40):
        store.sessions.open(ada, now=NOW + timedelta(days=days))
    database = Database(settings.database_url)
    with database.reading() as session:
        tables = describe_tables(session.connection()).tables
        assert len(session.execute(select(tables["sessions"])).all()) == 1
    database.close()


# Failed tries


def fail(store: Store, *keys: str, now: datetime) -> None:
    assert store.attempts.failed(dict.fromkeys(keys, 1000), now - timedelta(days=2), now=now) is None


def test_tries_are_counted_in_a_window(store: Store) -> None:
    for minutes in (0, 5, 10):
        fail(store, "sign-in ada", f"from {minutes}", now=NOW + minutes * MINUTE)
    fail(store, "sign-in bob", now=NOW)
    since = partial(failures_since, store)
    assert since("sign-in ada", NOW) == (3, NOW)
    assert since("sign-in ada", NOW + SECOND) == (2, NOW + 5 * MINUTE)
    assert since("sign-in ada", NOW + 10 * MINUTE) == (1, NOW + 10 * MINUTE)
    assert since("sign-in ada", NOW + 11 * MINUTE) == (0, None)
    assert since("from 5", NOW) == (1, NOW + 5 * MINUTE)
    assert since("sign-in", NOW) == (0, None)
    store.attempts.forget("sign-in ada")
    assert since("sign-in ada", NOW) == (0, None)
    assert since("sign-in bob", NOW) == (1, NOW)


def test_failures_dated_in_the_future_count_for_nothing(store: Store) -> None:
    """As by a clock that ran ahead; else nobody could sign in until then."""
    limits = {"sign-in ada": 2}
    for _ in range(2):
        assert store.attempts.failed(limits, NOW, now=NOW + timedelta(days=10)) is None
    since = NOW - 15 * MINUTE
    for _ in range(2):
        assert store.attempts.failed(limits, since, now=NOW) is None
    assert store.attempts.failed(limits, since, now=NOW) == NOW
    assert store.attempts.failed(limits, since, now=NOW - MINUTE) == NOW, "another dashboard's clock may lag behind"


def test_what_any_limit_forbids_is_not_noted_under_any_key(store: Store) -> None:
    limits = {"sign-in ada": 2, "from here": 10}
    for later in (0 * MINUTE, MINUTE):
        assert store.attempts.failed(limits, NOW, now=NOW + later) is None
    assert store.attempts.failed(limits, NOW, now=NOW + 2 * MINUTE) == NOW
    assert failures_since(store, "from here", NOW) == (2, NOW)
    assert store.attempts.failed({"sign-in bob": 2, "from here": 10}, NOW, now=NOW + 2 * MINUTE) is None
    assert store.attempts.failed(limits, NOW + SECOND, now=NOW + 3 * MINUTE) is None, "the first is out of the window"


def test_tries_are_dropped_after_a_day(store: Store) -> None:
    fail(store, "sign-in ada", now=NOW)
    fail(store, "sign-in bob", now=NOW + timedelta(hours=23))
    assert failures_since(store, "sign-in ada", NOW) == (1, NOW)
    fail(store, "sign-in bob", now=NOW + timedelta(hours=25))
    assert failures_since(store, "sign-in ada", NOW) == (0, None)
    assert failures_since(store, "sign-in bob", NOW)[0] == 2


def test_what_was_tried_is_not_in_the_database(store: Store, settings: Settings) -> None:
    fail(store, "sign-in my-password-by-mistake from 192.0.2.7", now=NOW)
    rows = all_rows(settings)
    assert "datetime.datetime(2026, 5, 6, 12, 0" in rows, "the row was looked at"
    assert "my-password" not in rows
    assert "192.0.2.7" not in rows


def test_of_many_tries_at_once_no_more_than_the_limit_are_let_through(store: Store, settings: Settings) -> None:
    with open_store(settings) as other:
        tries = [partial(one.attempts.failed, {"sign-in ada": 5}, NOW, now=NOW) for one in (store, other) * 6]
        assert Counter(at_once(*tries)) == {None: 5, NOW: 7}
    assert failures_since(store, "sign-in ada", NOW) == (5, NOW)
