"""Passwords: which can be used, how they are hashed, and how often they may be guessed at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facepriv.errors import BadInputError, NotAllowedError
from facepriv.services.accounts.passwords import (
    LONGEST,
    SHORTEST,
    WINDOW,
    check_password,
    hash_password,
    is_password,
    limit_guessing,
    make_password,
)
from facepriv.store import Store
from tests.store_examples import failures_since

NOW = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)
GOOD = "correct horse battery"


def test_generated_passwords_differ_and_can_be_used() -> None:
    made = [make_password() for _ in range(200)]
    assert len({*made}) == 200
    for one in made:
        check_password(one, "ada")
        assert [len(group) for group in one.split("-")] == [5] * 4
        assert not set(one) & set("0O1lIi") - {"i"}, "no letters that are mistaken for each other"


@pytest.mark.parametrize("password", ["x" * (SHORTEST - 5) + "abcd", "", "x" * LONGEST + "abc"])
def test_a_password_has_a_length(password: str) -> None:
    with pytest.raises(BadInputError) as caught:
        check_password(password)
    assert caught.value.code == "weak-password"
    assert f"12 to 512 characters, but this one has {len(password)}." in str(caught.value)
    assert ("Choose a shorter one" in str(caught.value)) == (len(password) > LONGEST)


@pytest.mark.parametrize(
    "password", ["ada.lovelace@example", " Ada.Lovelace@Example ", "aaaaaaaaaaaaaaa", "abcabcabcabcabc"]
)
def test_what_would_be_guessed_at_once_is_no_password(password: str) -> None:
    with pytest.raises(BadInputError) as caught:
        check_password(password, "ada.lovelace@example")
    assert caught.value.code == "weak-password"
    assert password not in str(caught.value)


@pytest.mark.parametrize("password", [GOOD, "abcd" * 3, "abcd" * 128, "пароль из трёх слов", "👩‍🔬👩‍🔬🔬🧪⚗️🧫🧬"])
def test_any_letters_make_a_password(password: str) -> None:
    check_password(password, "ada")


def test_the_parameters_stand_in_the_hash() -> None:
    """RFC 9106, section 4: the second recommended option, for little memory."""
    made = hash_password(GOOD)
    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    salt, digest = made.split("$")[4:]
    assert len(salt) == 22, "128 and 256 bits in base 64"
    assert len(digest) == 43, "128 and 256 bits in base 64"
    assert is_password(made, GOOD)
    assert not is_password(made, GOOD + " ")


@pytest.mark.usefixtures("cheap_passwords")
def test_a_hash_is_of_one_password_and_salted() -> None:
    one, two = hash_password(GOOD), hash_password(GOOD)
    assert one != two
    assert GOOD not in one
    for made in (one, two):
        assert is_password(made, GOOD)
        for wrong in ("", GOOD.upper(), GOOD[:-1], GOOD + "\x00", "\ud800", "x" * 100_000):
            assert not is_password(made, wrong)


@pytest.mark.usefixtures("cheap_passwords")
def test_without_a_sound_hash_nothing_is_the_password() -> None:
    for none in (None, "", "a hash", "$argon2id$v=19$m=8,t=1,p=1$YQ$YQ"):
        for password in ("", GOOD, "a hash"):
            assert not is_password(none, password)


@pytest.mark.usefixtures("cheap_passwords")
def test_a_password_is_the_same_on_every_keyboard_and_counts_to_its_end() -> None:
    assert is_password(hash_password("Zoë Zoë Zoë"), "Zoe\u0308 Zoe\u0308 Zoe\u0308")
    longest = "abcd" * (LONGEST // 4)
    assert is_password(hash_password(longest), longest)
    assert not is_password(hash_password(longest), longest + "e")


def test_no_hash_costs_as_much_as_a_wrong_password(cheap_passwords: list[str]) -> None:
    made = hash_password(GOOD)
    is_password(made, "wrong")
    is_password(None, "wrong")
    assert len(cheap_passwords) == 2
    mine, nobodys = (one.rsplit("$", 2)[0] for one in cheap_passwords)
    assert mine == nobodys, "the same parameters"


def guess(store: Store, limits: dict[str, int], times: int, *, now: datetime) -> None:
    for _ in range(times):
        limit_guessing(store, limits, now=now)


def test_tries_are_limited_and_waiting_helps(store: Store) -> None:
    limits = {"a name": 3, "a place": 5}
    guess(store, limits, 2, now=NOW)
    guess(store, limits, 1, now=NOW + timedelta(minutes=10))
    with pytest.raises(NotAllowedError, match="Try again in 5 min") as caught:
        limit_guessing(store, limits, now=NOW + timedelta(minutes=10))
    assert caught.value.retry_after == 300
    with pytest.raises(NotAllowedError, match="Try again in 1 s") as caught:
        limit_guessing(store, limits, now=NOW + WINDOW)
    assert caught.value.retry_after == 1
    later = NOW + WINDOW + timedelta(seconds=1)
    guess(store, limits, 2, now=later)
    with pytest.raises(NotAllowedError):
        limit_guessing(store, limits, now=later)


def test_what_is_refused_is_not_counted(store: Store) -> None:
    guess(store, {"a name": 3}, 3, now=NOW)
    for minutes in range(1, 15):
        with pytest.raises(NotAllowedError):
            limit_guessing(store, {"a name": 3, "a place": 20}, now=NOW + timedelta(minutes=minutes))
    assert failures_since(store, "a place", NOW) == (0, None)
    limit_guessing(store, {"a name": 3}, now=NOW + WINDOW + timedelta(seconds=1))
