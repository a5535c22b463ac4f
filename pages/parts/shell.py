"""What every page needs around its content: the user, the store, errors as sentences, and the access log."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TypeVar

import streamlit as st

from facepriv.config import get_settings
from facepriv.errors import FaceprivError, NotAllowedError
from facepriv.presentation.formats import plain
from facepriv.store import ROLES, Role, Store, open_store
from facepriv.store.records import AUDITING
from facepriv.types import Actor
from facepriv.web.identity import LOCAL, Identity
from facepriv.wording import listed

Content = TypeVar("Content", str, bytes)
_ME = "_me"
_OVER = "Your session has ended. Reload this page to sign in."
EVERYBODY: tuple[Role, ...] = ROLES
AUDITORS: tuple[Role, ...] = AUDITING
ADMINS: tuple[Role, ...] = ("admin",)
OFFICERS: tuple[Role, ...] = ("officer",)


def _in_session(store: Store, number: int) -> Identity:
    session = store.sessions.living(number)
    if session is None:
        raise NotAllowedError(_OVER)
    return Identity(session.user, session.role, session.id, session.must_change)


def me() -> Identity:
    """Return the user of this page, as `opened` identified them in this run; raise NotAllowedError if it did not."""
    identity = st.session_state.get(_ME)
    if not isinstance(identity, Identity):
        raise NotAllowedError(_OVER)
    return identity


@contextmanager
def opened(*, roles: Collection[Role] = AUDITORS) -> Iterator[Store]:
    """Open the store for the user, if they have one of these roles.

    Fragments, dialogs and callbacks also do this: they run without the page around them, and a role or a session may
    have changed since the page was shown. Raise NotAllowedError if the session has ended, or the role is another.
    """
    with open_store(get_settings()) as store:
        st.session_state.pop(_ME, None)
        # The server has authenticated them, but their session may have ended since.
        number = str(st.user.get("session") or "")
        who = LOCAL if not get_settings().login else _in_session(store, int(number) if number.isdecimal() else 0)
        st.session_state[_ME] = who
        if who.must_change and tuple(roles) != EVERYBODY:
            raise NotAllowedError("Your password was chosen by somebody else. Change it first, on the page Account.")
        if who.role not in roles:
            record_view(store, "access-refused", "page")
            raise NotAllowedError(
                f"This page is for {listed([f'{role}s' for role in roles])}; {who.user} is signed in as {who.role}."
            )
        yield store


def when_asked(make: Callable[[Store, Actor], Content]) -> Callable[[], Content]:
    """Return a function that makes a file once it is asked for, outside the page's run.

    It raises NotAllowedError if the session of the page's user has ended by then, or their role has changed.
    """
    who = me()

    def content() -> Content:
        with open_store(get_settings()) as store:
            if who.session is not None and _in_session(store, who.session) != who:
                raise NotAllowedError(_OVER)
            return make(store, who.actor)

    return content


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show an expected error as its sentence, and leave out the rest of the block."""
    try:
        yield
    except FaceprivError as error:
        st.error(plain(str(error)), icon=":material/error:")


def with_store(body: Callable[[Store], object], *, roles: Collection[Role] = AUDITORS) -> None:
    """Call ``body`` with the store from `opened`; show an expected error as its sentence."""
    with errors_shown(), opened(roles=roles) as store:
        body(store)


def attempt(key: str, action: Callable[[Store], object]) -> None:
    """Do something as a callback, so that it comes before the page, and keep why it was refused for `show_refusal`."""
    try:
        with opened() as store:
            action(store)
    except FaceprivError as error:
        st.session_state[f"{key}-refused"] = str(error)


def show_refusal(key: str) -> None:
    """Show why the last attempt was refused, if it was."""
    refused = st.session_state.pop(f"{key}-refused", None)
    if refused is not None:
        st.error(plain(refused), icon=":material/error:")


def record_view(store: Store, action: str, subject: str, detail: str = "") -> None:
    """Record in the access log that this session viewed or downloaded something, once and not at every rerun."""
    key = (action, subject, detail)
    seen = st.session_state.setdefault("_seen", set())
    if key not in seen:
        store.access.record(me().actor, action, subject, detail)
        seen.add(key)
