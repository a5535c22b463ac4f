"""Who may sign in, as what; how guessing is kept down; and what the access log says of it."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError, NotAllowedError, UnknownNameError
from facepriv.services.accounts.passwords import WINDOW, check_password, is_password
from facepriv.services.accounts.users import (
    FROM_ONE_PLACE,
    OF_ONE_PLACE,
    ON_ONE_NAME,
    RESERVED,
    add_user,
    change_own_password,
    change_password,
    remove_user,
    set_disabled,
    set_role,
    sign_in,
    sign_out,
    sign_out_everywhere,
)
from facepriv.store import Store, UserRecord, open_store
from facepriv.store.sessions import token_of
from facepriv.types import Actor
from tests.actors import ADA, CLI
from tests.finished_run import Clock
from tests.store_examples import failures_since

GOOD, OTHER = "correct horse battery", "staple of something"
HERE, THERE = "192.0.2.1", "192.0.2.2"
WRONG = "Wrong name or password."
TOO_MANY = r"Too many failed attempts\. Try again in 1\d min"


@pytest.fixture(autouse=True)
def verified(cheap_passwords: list[str]) -> list[str]:
    """The hashes that passwords were compared with."""
    return cheap_passwords


@pytest.fixture
def ada(store: Store) -> UserRecord:
    return add_user(store, "Ada", "auditor", password=GOOD, actor=CLI).user


def log(store: Store) -> list[tuple[str, str, str, str]]:
    """All lines, oldest first."""
    return [(line.actor, line.action, line.subject, line.detail) for line in reversed(store.access.list(limit=1000))]


def fail(store: Store, name: str, times: int = 1, *, address: str = HERE, password: str = "wrong") -> None:
    for _ in range(times):
        with pytest.raises(NotAllowedError) as caught:
            sign_in(store, name, password, address=address)
        assert str(caught.value) == WRONG
        assert caught.value.retry_after is None


def refuse(store: Store, name: str, *, address: str = HERE, password: str = GOOD) -> None:
    with pytest.raises(NotAllowedError, match=TOO_MANY) as caught:
        sign_in(store, name, password, address=address)
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= WINDOW.total_seconds()


# Users


def test_users_are_added_with_a_password_of_their_own_or_one_that_is_made(store: Store) -> None:
    own = add_user(store, "ada", "auditor", password=GOOD, actor=CLI)
    assert own.password is None
    assert is_password(own.user.password_hash, GOOD)
    made = add_user(store, "bob@example.org", "officer", actor=ADA)
    assert made.password is not None
    check_password(made.password, "bob@example.org")
    assert sign_in(store, "bob@example.org", made.password, address=HERE)
    vouched = add_user(store, "cyd", "officer", oidc="cyd@example.org", actor=ADA)
    assert vouched.password is None
    assert vouched.user.password_hash is None
    assert vouched.user.oidc == "cyd@example.org"
    assert log(store)[:2] == [("cli", "user-added", "user 1", "auditor"), ("ada", "user-added", "user 2", "officer")]


def test_some_names_cannot_be_used(store: Store) -> None:
    odd = ("", " ada", "ada\n", "-ada", "_ada", "a b", "a/b", "a\x00b", "x" * 65, "CLI", "Ｌｏｃａｌ", "<b>")
    for name in (*odd, *RESERVED):
        with pytest.raises(BadInputError) as caught:
            add_user(store, name, "auditor", actor=CLI)
        assert caught.value.code == "bad-name"
    assert store.users.list() == ()
    assert log(store) == []


def test_other_names_can(store: Store) -> None:
    for name in ("a", "Zoë", "ada.lovelace+audit@example.org", "x" * 64, "Łukasz-7"):
        assert add_user(store, name, "auditor", password=GOOD, actor=CLI).user.name == name
        assert sign_in(store, name.upper(), GOOD, address=HERE)


def test_what_is_refused_adds_nobody(store: Store, ada: UserRecord) -> None:
    for name, password, code in (("bob", "short", "weak-password"), ("ADA", GOOD, "name-taken")):
        with pytest.raises(BadInputError) as caught:
            add_user(store, name, "officer", password=password, actor=CLI)
        assert caught.value.code == code
    assert store.users.list() == (ada,)
    assert len(log(store)) == 1
    for change in (
        lambda: set_role(store, "eve", "officer", actor=CLI),
        lambda: set_disabled(store, "eve", True, actor=CLI),
        lambda: change_password(store, "eve", actor=CLI),
        lambda: sign_out_everywhere(store, "eve", actor=CLI),
    ):
        with pytest.raises(UnknownNameError, match=r"no user eve\. Known: Ada"):
            change()


def test_roles_and_access_are_given_and_taken(store: Store, ada: UserRecord) -> None:
    token = token_of(sign_in(store, "ada", GOOD, address=HERE))
    assert set_role(store, "ADA", "officer", actor=CLI).role == "officer"
    held = store.sessions.holder(token)
    assert held is not None
    assert held.role == "officer"
    assert set_disabled(store, "ada", True, actor=CLI).disabled_at is not None
    assert store.sessions.holder(token) is None
    fail(store, "ada", password=GOOD)
    assert set_disabled(store, "ada", False, actor=CLI).disabled_at is None
    assert store.sessions.holder(token_of(sign_in(store, "ada", GOOD, address=HERE))) is not None
    mine = f"user {ada.id}"
    assert log(store)[2:] == [
        ("cli", "role-changed", mine, "officer"),
        ("cli", "user-disabled", mine, ""),
        ("nobody", "sign-in-refused", mine, ""),
        ("cli", "user-enabled", mine, ""),
        ("Ada", "signed-in", mine, ""),
    ]


# Signing in and out


def test_signing_in_and_out(store: Store, ada: UserRecord) -> None:
    token = token_of(sign_in(store, "ADA", GOOD, address=HERE))
    held = store.sessions.holder(token)
    assert held is not None
    assert held.user == "Ada"
    assert held.role == "auditor"
    sign_out(store, token)
    assert store.sessions.holder(token) is None
    sign_out(store, token)
    sign_out(store, "no token")
    assert log(store)[1:] == [("Ada", "signed-in", f"user {ada.id}", ""), ("Ada", "signed-out", "", "")]


@pytest.mark.parametrize("password", ["wrong", "", GOOD])
def test_whoever_may_not_gets_the_same_answer_after_the_same_work(
    store: Store, ada: UserRecord, verified: list[str], password: str
) -> None:
    add_user(store, "bob", "auditor", password=GOOD, actor=CLI)
    set_disabled(store, "bob", True, actor=CLI)
    add_user(store, "cyd", "auditor", oidc="cyd@example.org", actor=CLI)
    wrong = password if password != GOOD else "another wrong one"
    for name, tried in (
        ("Ada", wrong),
        ("bob", password),
        ("cyd", password),
        ("eve", password),
        ("a\x00\ud800", password),
    ):
        del verified[:]
        fail(store, name, password=tried)
        (against,) = verified
        assert against.startswith("$argon2id$v=19$m=8,t=1,p=1$"), "the same parameters"
    assert store.sessions.of_user("ada") == store.sessions.of_user("bob") == ()


def test_the_log_holds_no_password_and_no_unknown_name(store: Store, settings: Settings, ada: UserRecord) -> None:
    fail(store, "my-password-typed-as-a-name", FROM_ONE_PLACE)
    refuse(store, "my-password-typed-as-a-name")
    fail(store, "ada", password="nearly-my-password")
    change_password(store, "ada", OTHER, actor=CLI)
    change_own_password(store, "ada", OTHER, GOOD, session=None)
    mine = f"user {ada.id}"
    assert log(store)[1:] == [
        ("nobody", "sign-in-refused", "", ""),
        ("nobody", "sign-in-refused", "", "too many tries"),
        ("nobody", "sign-in-refused", mine, ""),
        ("cli", "password-changed", mine, ""),
        ("Ada", "password-changed", mine, ""),
    ]
    content = b"".join(file.read_bytes() for file in settings.home.glob("facepriv.sqlite*"))
    assert b"sign-in-refused" in content
    for secret in ("my-password", GOOD, OTHER, HERE):
        assert secret.encode() not in content


def test_guessing_one_name_from_one_place_is_limited(
    store: Store, ada: UserRecord, clock: Clock, verified: list[str]
) -> None:
    assert FROM_ONE_PLACE == 5
    fail(store, "ada", 5)
    del verified[:]
    refuse(store, "ADA")
    assert verified == [], "it is not even looked at"
    assert sign_in(store, "ada", GOOD, address=THERE), "its owner is elsewhere and not shut out"
    refuse(store, "ada")
    clock.ahead = WINDOW + timedelta(seconds=1)
    assert sign_in(store, "ada", GOOD, address=HERE)


def test_guessing_from_one_place_is_limited_over_all_names(store: Store, ada: UserRecord, clock: Clock) -> None:
    assert OF_ONE_PLACE == 30
    for number in range(6):
        fail(store, f"name{number}", 5)
    refuse(store, "ada")
    refuse(store, "yet-another")
    assert sign_in(store, "ada", GOOD, address=THERE)
    clock.ahead = WINDOW + timedelta(seconds=1)
    assert sign_in(store, "ada", GOOD, address=HERE)


def test_guessing_one_name_is_limited_over_all_places(store: Store, ada: UserRecord, clock: Clock) -> None:
    assert ON_ONE_NAME == 50
    for number in range(10):
        fail(store, "ada", 5, address=f"198.51.100.{number}")
    refuse(store, "ada", address=THERE)
    fail(store, "bob", address=THERE)
    clock.ahead = WINDOW + timedelta(seconds=1)
    assert sign_in(store, "ada", GOOD, address=THERE)


def test_who_guesses_on_is_shut_out_no_longer_for_it(store: Store, ada: UserRecord, clock: Clock) -> None:
    fail(store, "ada", 5)
    for minutes in range(0, 15, 3):
        clock.ahead = timedelta(minutes=minutes)
        with pytest.raises(NotAllowedError, match="Too many"):
            sign_in(store, "ada", GOOD, address=HERE)
    clock.ahead = WINDOW + timedelta(seconds=1)
    assert sign_in(store, "ada", GOOD, address=HERE)


def test_a_success_forgets_failures(store: Store, ada: UserRecord) -> None:
    for _ in range(3):
        fail(store, "ada", 4)
        sign_in(store, "ada", GOOD, address=HERE)
    assert failures_since(store, f"sign-in from {HERE}", ada.created_at) == (0, None)
    fail(store, "ada", 5)
    refuse(store, "ada")


def test_many_guesses_at_once_do_not_slip_through(store: Store, settings: Settings, ada: UserRecord) -> None:
    answers: list[str] = []
    barrier = threading.Barrier(12)

    def guess() -> None:
        barrier.wait()
        with open_store(settings) as opened, pytest.raises(NotAllowedError) as caught:
            sign_in(opened, "ada", "wrong", address=HERE)
        answers.append(str(caught.value).split(" Try")[0])

    guesses = [threading.Thread(target=guess) for _ in range(12)]
    for one in guesses:
        one.start()
    for one in guesses:
        one.join()
    assert Counter(answers) == {WRONG: 5, "Too many failed attempts.": 7}


# Passwords


def test_a_new_password_signs_out_who_is_in_under_the_old_one(store: Store, ada: UserRecord) -> None:
    token = token_of(sign_in(store, "ada", GOOD, address=HERE))
    assert change_password(store, "ada", OTHER, actor=CLI) is None
    assert store.sessions.holder(token) is None
    fail(store, "ada", password=GOOD)
    sign_in(store, "ada", OTHER, address=HERE)
    made = change_password(store, "ada", actor=CLI)
    assert made is not None
    sign_in(store, "ada", made, address=HERE)
    with pytest.raises(BadInputError, match="12 to 512"):
        change_password(store, "ada", "short", actor=CLI)
    with pytest.raises(BadInputError, match="12 to 512"):
        change_password(store, "ada", "", actor=CLI)
    sign_in(store, "ada", made, address=HERE)


def test_people_change_their_own_password(store: Store, ada: UserRecord) -> None:
    here, there = (token_of(sign_in(store, "ada", GOOD, address=address)) for address in (HERE, THERE))
    held = store.sessions.holder(here)
    assert held is not None
    with pytest.raises(BadInputError, match="12 to 512"):
        change_own_password(store, "ada", GOOD, "short", session=held.id)
    assert store.sessions.holder(there) is not None, "nothing was changed"
    change_own_password(store, "ada", GOOD, OTHER, session=held.id)
    assert [store.sessions.holder(token) for token in (here, there)] == [held, None]
    fail(store, "ada", password=GOOD)
    sign_in(store, "ada", OTHER, address=HERE)
    assert log(store)[3] == ("Ada", "password-changed", f"user {ada.id}", "")


def test_an_open_page_is_no_place_to_guess_the_password(
    store: Store, ada: UserRecord, clock: Clock, verified: list[str]
) -> None:
    for _ in range(FROM_ONE_PLACE):
        with pytest.raises(NotAllowedError, match="Nothing was changed") as caught:
            change_own_password(store, "ada", "wrong", OTHER, session=None)
        assert caught.value.retry_after is None
    del verified[:]
    with pytest.raises(NotAllowedError, match=TOO_MANY):
        change_own_password(store, "ADA", GOOD, OTHER, session=None)
    assert verified == []
    sign_in(store, "ada", GOOD, address=HERE)
    clock.ahead = WINDOW + timedelta(seconds=1)
    change_own_password(store, "ada", GOOD, OTHER, session=None)
    assert is_password(store.users.get("ada").password_hash, OTHER)


def test_who_has_no_password_cannot_change_one(store: Store) -> None:
    add_user(store, "cyd", "auditor", oidc="cyd@example.org", actor=CLI)
    for old in ("", GOOD):
        with pytest.raises(NotAllowedError, match="Nothing was changed"):
            change_own_password(store, "cyd", old, OTHER, session=None)
    assert store.users.get("cyd").password_hash is None


def test_signing_out_everywhere(store: Store, ada: UserRecord) -> None:
    tokens = [token_of(sign_in(store, "ada", GOOD, address=HERE)) for _ in range(3)]
    kept = store.sessions.holder(tokens[0])
    assert kept is not None
    assert sign_out_everywhere(store, "ada", but=kept.id, actor=Actor("Ada", "dashboard")) == 2
    assert [store.sessions.holder(token) for token in tokens] == [kept, None, None]
    assert sign_out_everywhere(store, "ada", actor=CLI) == 1
    assert log(store)[-2:] == [
        ("Ada", "sessions-revoked", f"user {ada.id}", "2"),
        ("cli", "sessions-revoked", f"user {ada.id}", "1"),
    ]
    assert store.sessions.of_user("ada", now=datetime.now(UTC)) == ()


def test_a_password_that_somebody_else_chose_is_to_be_changed(store: Store):
    added = add_user(store, "ben", "auditor", must_change=True, actor=ADA)
    assert added.user.must_change
    assert added.password is not None
    token = token_of(sign_in(store, "ben", added.password, address=HERE))
    session = store.sessions.holder(token)
    assert session is not None
    assert session.must_change
    with pytest.raises(BadInputError) as caught:
        change_own_password(store, "ben", added.password, added.password, session=session.id)
    assert caught.value.code == "same-password"
    change_own_password(store, "ben", added.password, OTHER, session=session.id)
    session = store.sessions.holder(token)
    assert session is not None
    assert not session.must_change
    assert not store.users.get("ben").must_change
    generated = change_password(store, "ben", must_change=True, actor=ADA)
    assert generated is not None
    assert store.users.get("ben").must_change
    change_password(store, "ben", OTHER, actor=CLI)
    assert not store.users.get("ben").must_change, "whoever has the machine decides"
    assert not add_user(store, "eve", "officer", oidc="eve@example.org", must_change=True, actor=ADA).user.must_change


def test_the_last_admin_stays_one(store: Store, ada: UserRecord):
    set_role(store, "ada", "admin", actor=CLI)
    add_user(store, "bob", "admin", password=GOOD, actor=CLI)
    set_disabled(store, "bob", True, actor=ADA)
    before = len(log(store))
    for change in (
        lambda: set_role(store, "ada", "auditor", actor=ADA),
        lambda: set_disabled(store, "ada", True, actor=ADA),
        lambda: remove_user(store, "ada", actor=ADA),
    ):
        with pytest.raises(BadInputError, match="Ada is the only admin who can sign in") as caught:
            change()
        assert caught.value.code == "last-admin"
    assert len(log(store)) == before, "nothing was done"
    assert store.users.get("ada").role == "admin"
    set_disabled(store, "bob", False, actor=ADA)
    assert set_role(store, "ada", "officer", actor=ADA).role == "officer"


def test_who_was_removed_is_in_no_list_and_never_comes_back(store: Store, ada: UserRecord):
    token = token_of(sign_in(store, "ada", GOOD, address=HERE))
    remove_user(store, "Ada", actor=CLI)
    assert store.sessions.holder(token) is None
    assert store.users.list() == ()
    with pytest.raises(UnknownNameError):
        store.users.get("ada")
    with pytest.raises(NotAllowedError, match=WRONG):
        sign_in(store, "ada", GOOD, address=HERE)
    with pytest.raises(BadInputError) as caught:
        add_user(store, "ada", "officer", password=GOOD, actor=CLI)
    assert caught.value.code == "name-taken", "the access log means one person by it"
    assert ("cli", "user-removed", f"user {ada.id}", "") in [(CLI.name and "cli", *line[1:]) for line in log(store)]
