"""By what an identity provider knows somebody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from facepriv.config import Settings
from facepriv.errors import BadInputError, NotAllowedError
from facepriv.services.accounts.users import add_user, claims_of, read_claim, set_claim, sign_in_through_provider
from facepriv.store import Store, open_store
from facepriv.store.sessions import token_of
from tests.actors import TEST
from tests.cli.terminal import Terminal

ISSUER = "https://login.example.org"
SUBJECT = f"{ISSUER}#1234"


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    with open_store(Settings(home=tmp_path / "home")) as opened:
        yield opened


def told(**more: object) -> dict[str, object]:
    return {"iss": ISSUER, "sub": "1234", **more}


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (" Erika@Example.org ", "erika@example.org"),
        ("Ünal@example.org", "Ünal@example.org"),
        (SUBJECT, SUBJECT),
        (f"{ISSUER}/#auth0|Ab@c", f"{ISSUER}/#auth0|Ab@c"),
    ],
)
def test_what_is_typed_is_read_as_the_provider_tells_it(typed: str, read: str) -> None:
    assert read_claim(typed) == read


@pytest.mark.parametrize("typed", ["", "1234", "erika", "@example.org", "erika@", ISSUER, f"{ISSUER}#", "a b@c.org"])
def test_what_no_provider_would_vouch_for_is_refused(store: Store, typed: str) -> None:
    with pytest.raises(BadInputError) as caught:
        add_user(store, "erika", "officer", oidc=typed, actor=TEST)
    assert caught.value.code == "bad-oidc"
    assert store.users.list() == ()


@pytest.mark.parametrize(
    ("more", "claims"),
    [
        ({}, (SUBJECT,)),
        ({"email": "E@x.org", "email_verified": True}, (SUBJECT, "e@x.org")),
        # The sign for kelvin becomes an ordinary k in lower case: it must not become somebody else's address.
        ({"email": "\u212aim@x.org", "email_verified": True}, (SUBJECT, "\u212aim@x.org")),
        ({"email": "e@x.org", "email_verified": "true"}, (SUBJECT,)),
        ({"email": "e@x.org", "email_verified": 1}, (SUBJECT,)),
        ({"email": ["e@x.org"], "email_verified": True}, (SUBJECT,)),
        ({"email": f"{ISSUER}#5@x.org", "email_verified": True}, (SUBJECT,)),
        ({"email_verified": True}, (SUBJECT,)),
    ],
)
def test_an_address_counts_only_if_it_is_verified(more: dict[str, object], claims: tuple[str, ...]) -> None:
    assert claims_of(told(**more)) == claims


def test_the_subject_comes_before_the_address(store: Store) -> None:
    add_user(store, "by-address", "officer", oidc="e@x.org", actor=TEST)
    key = sign_in_through_provider(store, told(email="e@x.org", email_verified=True))
    assert store.sessions.holder(token_of(key)).user == "by-address"
    add_user(store, "by-subject", "auditor", oidc=SUBJECT, actor=TEST)
    key = sign_in_through_provider(store, told(email="e@x.org", email_verified=True))
    assert store.sessions.holder(token_of(key)).user == "by-subject"


def test_who_is_known_by_another_claim_is_signed_out(store: Store) -> None:
    add_user(store, "erika", "officer", oidc="e@x.org", actor=TEST)
    add_user(store, "otto", "officer", oidc=SUBJECT, actor=TEST)
    key = sign_in_through_provider(store, told(sub="5", email="e@x.org", email_verified=True))
    with pytest.raises(BadInputError, match=f"signs in as {SUBJECT} already") as caught:
        set_claim(store, "erika", SUBJECT, actor=TEST)
    assert caught.value.code == "oidc-taken"
    assert store.sessions.holder(token_of(key)) is not None
    assert set_claim(store, "erika", f"{ISSUER}#5", actor=TEST).oidc == f"{ISSUER}#5"
    assert store.sessions.holder(token_of(key)) is None
    assert set_claim(store, "otto", None, actor=TEST).oidc is None
    with pytest.raises(NotAllowedError, match="no user here has that identity"):
        sign_in_through_provider(store, told())


def test_the_commands(tmp_path) -> None:
    terminal = Terminal(tmp_path / "home")
    said = terminal("user", "add", "erika", "--role", "officer", "--oidc", "Erika@Example.org")
    assert said.code == 0, said.err
    assert "password" not in said.out
    said = terminal("user", "oidc", "erika", "1234")
    assert said.code == 1
    assert "issuer and a subject" in said.err
    assert terminal("user", "oidc", "erika").out == "erika can no longer sign in through the provider.\n"
    assert terminal("user", "oidc", "erika", SUBJECT).out == f"erika signs in through the provider as {SUBJECT}.\n"
    (user,) = terminal.json("user", "list")["users"]
    assert user["name"] == "erika"
    assert user["oidc"] == SUBJECT
