"""A store with an auditor and an officer, who are signed in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from facepriv.config import Settings
from facepriv.services.accounts import passwords
from facepriv.services.accounts.users import add_user, begin_session
from facepriv.store import Store, open_store
from facepriv.store.sessions import token_of
from tests.actors import TEST

PASSWORD = "a password for tests"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with as little work as Argon2 allows; `tests.services.accounts.test_passwords` tries the real parameters."""
    from argon2 import PasswordHasher

    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: cheap)
    passwords._nobody.cache_clear()


@pytest.fixture
def store(tmp_path, make_tables) -> Iterator[Store]:
    make_tables(tmp_path / "home")
    with open_store(Settings(home=tmp_path / "home")) as opened:
        add_user(opened, "ada", "auditor", password=PASSWORD, actor=TEST)
        add_user(opened, "otto", "officer", password=PASSWORD, actor=TEST)
        yield opened


@pytest.fixture
def sign_in(store: Store):
    """Begin a session for somebody; gives the header with their cookie."""

    def go(name: str) -> tuple[str, str]:
        return "cookie", f"facepriv_session={token_of(begin_session(store, store.users.get(name)))}"

    return go


@pytest.fixture
def page_of(store: Store):
    """Begin a session for somebody; gives the headers of a page that holds its key, for requests and WebSockets."""

    def go(name: str) -> tuple[tuple[str, str], ...]:
        key = begin_session(store, store.users.get(name))
        protocols = ("sec-websocket-protocol", f"streamlit, xsrf, facepriv.{key}")
        return ("cookie", f"facepriv_session={token_of(key)}"), ("x-facepriv-key", key), protocols

    return go
