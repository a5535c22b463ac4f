"""Who may use the dashboard, as what, and signing in and out."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from facepriv.errors import BadInputError, NotAllowedError
from facepriv.services.accounts.passwords import (
    check_password,
    hash_password,
    is_password,
    limit_guessing,
    make_password,
)
from facepriv.store import Role, Store, UserRecord
from facepriv.store.users import name_key

RESERVED = ("cli", "local", "nobody", "link")
"""Names by which the access log speaks of somebody else."""
_NAME = re.compile(r"[^\W_][\w.@+-]{0,63}")
_EMAIL, _SUBJECT = re.compile(r"[^\s@:]+@[^\s@:]+"), re.compile(r"https?://[^\s#]+#.+")
"""No text is both, so that nobody's address can be somebody else's subject."""
FROM_ONE_PLACE, ON_ONE_NAME, OF_ONE_PLACE = 5, 50, 30
"""Failures in a while on one name from one address, on one name, and from one address. The first keeps guessing down;
the second is high, since with it whoever knows a name could shut its owner out."""


@dataclass(frozen=True)
class Added:
    """Somebody new, and the password made for them if none was given; it is kept nowhere."""

    user: UserRecord
    password: str | None


def add_user(
    store: Store, name: str, role: Role, *, password: str | None = None, oidc: str | None = None, actor: str
) -> Added:
    """Add somebody who may sign in, by a password or through an identity provider.

    Parameters
    ----------
    password
        None for one to be made, unless ``oidc`` is given: then there is none.
    oidc
        By what the identity provider knows them: their e-mail address, or ``ISSUER#SUBJECT``.

    Raises
    ------
    BadInputError
        If the name (code ``bad-name``), the password (``weak-password``) or what the provider knows them by
        (``bad-oidc``) cannot be used, or is taken.
    """
    if not _NAME.fullmatch(name) or name_key(name) in RESERVED:
        raise BadInputError(
            "A name of 1 to 64 letters, digits and . _ @ + - was expected, beginning with a letter or digit and none "
            f"of {', '.join(RESERVED)}, but {name!r} came; choose another.",
            code="bad-name",
        )
    made = make_password() if password is None and oidc is None else None
    given = password or made
    if password is not None:
        check_password(password, name)
    claim = None if oidc is None else read_claim(oidc)
    user = store.users.add(name, role, password_hash=None if given is None else hash_password(given), oidc=claim)
    store.access.record(actor, "user-added", f"user {user.id}", role)
    return Added(user, made)


def set_role(store: Store, name: str, role: Role, *, actor: str) -> UserRecord:
    """Make somebody an auditor or an officer, from their next click on."""
    user = store.users.get(name)
    store.users.set_role(user.id, role)
    store.access.record(actor, "role-changed", f"user {user.id}", role)
    return store.users.get(name)


def set_claim(store: Store, name: str, claim: str | None, *, actor: str) -> UserRecord:
    """Say by what the identity provider knows somebody, or None for nothing; whoever is signed in is signed out.

    Raises
    ------
    BadInputError
        If it can be nothing of the kind (code ``bad-oidc``), or belongs to somebody else (``oidc-taken``).
    """
    user = store.users.get(name)
    store.users.set_oidc(user.id, None if claim is None else read_claim(claim))
    store.sessions.revoke_all(user.id)
    store.access.record(actor, "oidc-changed", f"user {user.id}")
    return store.users.get(name)


def set_disabled(store: Store, name: str, disabled: bool, *, actor: str) -> UserRecord:
    """Shut somebody out at once, or let them in again."""
    user = store.users.get(name)
    store.users.set_disabled(user.id, disabled)
    store.access.record(actor, "user-disabled" if disabled else "user-enabled", f"user {user.id}")
    return store.users.get(name)


def change_password(store: Store, name: str, password: str | None = None, *, actor: str) -> str | None:
    """Set a password, or make one and give it; whoever is signed in under the old one is signed out."""
    user = store.users.get(name)
    made = make_password() if password is None else None
    if password is not None:
        check_password(password, user.name)
    store.users.set_password(user.id, hash_password(password or made or ""))
    store.sessions.revoke_all(user.id)
    store.access.record(actor, "password-changed", f"user {user.id}")
    return made


def change_own_password(store: Store, name: str, old: str, new: str, *, session: int | None) -> None:
    """Change somebody's password at their wish; their other sessions end.

    Raises
    ------
    NotAllowedError
        If the old password is wrong, or was guessed at too often.
    BadInputError
        If the new one cannot be used.
    """
    user = store.users.get(name)
    limits = {f"password of {name_key(name)}": FROM_ONE_PLACE}
    limit_guessing(store, limits)
    if not is_password(user.password_hash, old):
        store.access.record(user.name, "password-refused", f"user {user.id}")
        raise NotAllowedError("The present password is another; nothing was changed.")
    for one in limits:
        store.attempts.forget(one)
    check_password(new, user.name)
    store.users.set_password(user.id, hash_password(new))
    store.sessions.revoke_all(user.id, but=session)
    store.access.record(user.name, "password-changed", f"user {user.id}")


def sign_out_everywhere(store: Store, name: str, *, but: int | None = None, actor: str) -> int:
    """End all sessions of somebody, but one if asked; return how many."""
    user = store.users.get(name)
    ended = store.sessions.revoke_all(user.id, but=but)
    store.access.record(actor, "sessions-revoked", f"user {user.id}", str(ended))
    return ended


def sign_in(store: Store, name: str, password: str, *, address: str) -> str:
    """Begin a session; return its token.

    Who is unknown, disabled or without a password gets the same answer, after the same time, as who mistypes it.

    Raises
    ------
    NotAllowedError
        If name and password do not belong together, or there were too many wrong tries; then with ``retry_after``.
    """
    key = name_key(name)
    # As JSON, so that no name can be typed that reads like another key.
    here, on_name, of_place = (json.dumps(one) for one in (["here", key, address], ["name", key], ["place", address]))
    limits = {here: FROM_ONE_PLACE, on_name: ON_ONE_NAME, of_place: OF_ONE_PLACE}
    user = store.users.find(name)
    known = "" if user is None else f"user {user.id}"
    try:
        limit_guessing(store, limits)
    except NotAllowedError:
        store.access.record_seldom("nobody", "sign-in-refused", known, "too many tries")
        raise
    right = is_password(None if user is None else user.password_hash, password)
    if user is None or not right or user.disabled_at is not None:
        # On a known name the limits bound how often; unknown names are summed up.
        (store.access.record if known else store.access.record_seldom)("nobody", "sign-in-refused", known)
        raise NotAllowedError("Name and password do not belong together; try again.")
    store.attempts.forget(here)
    # What others, or they themselves elsewhere, have tried stays counted: an account is no way past the limits.
    for one in (on_name, of_place):
        store.attempts.take_back(one)
    return begin_session(store, user)


def read_claim(typed: str) -> str:
    """Read by what an identity provider is said to know somebody: an e-mail address, or ``ISSUER#SUBJECT``.

    Raises
    ------
    BadInputError
        With code ``bad-oidc`` if it is neither: the provider would never vouch for it.
    """
    typed = typed.strip()
    if _SUBJECT.fullmatch(typed):
        return typed
    if not _EMAIL.fullmatch(typed):
        raise BadInputError(
            "An e-mail address, or the provider's issuer and the subject like https://login.example.org#1234, was "
            f"expected, but {typed!r} came; the page that refuses somebody tells what to give.",
            code="bad-oidc",
        )
    return _one_case(typed)


def claims_of(told: Mapping[str, Any]) -> tuple[str, ...]:
    """Return by what somebody may be known here, of what an identity provider told about them.

    The subject, which a provider never gives to anybody else, comes first; then the e-mail address, but only if the
    provider says that it has verified it (OpenID Connect Core 1.0, section 5.7).
    """
    email = told.get("email")
    verified = told.get("email_verified") is True and isinstance(email, str) and _EMAIL.fullmatch(email)
    return f"{told['iss']}#{told['sub']}", *([_one_case(str(email))] if verified else [])


def sign_in_through_provider(store: Store, told: Mapping[str, Any]) -> str:
    """Begin a session of whom the identity provider vouches for; return its token.

    Parameters
    ----------
    told
        Claims of an identity token that was checked, with ``iss`` and ``sub``.

    Raises
    ------
    NotAllowedError
        If nobody is known by them, or whoever is was shut out.
    """
    claims = claims_of(told)
    user = next((found for claim in claims if (found := store.users.find_oidc(claim))), None)
    if user is None:
        store.access.record("nobody", "sign-in-refused", "", "through the provider")
        unverified = ", and has not verified your e-mail address" if told.get("email") and len(claims) == 1 else ""
        raise NotAllowedError(
            f"The provider says that you are {claims[-1]}{unverified}. Nobody is known here by that; whoever runs this "
            f"server lets you in with: facepriv user add NAME --role officer --oidc {shlex.quote(claims[-1])}"
        )
    if user.disabled_at is not None:
        store.access.record("nobody", "sign-in-refused", f"user {user.id}", "through the provider")
        raise NotAllowedError(f"{user.name} may not sign in any more; ask whoever runs this server.")
    return begin_session(store, user)


def _one_case(email: str) -> str:
    # Only where each letter has one other case: some foreign letters become those of another address.
    return email.lower() if email.isascii() else email


def begin_session(store: Store, user: UserRecord) -> str:
    """Begin a session of somebody who has proven who they are; return its token."""
    token = store.sessions.open(user.id)
    store.access.record(user.name, "signed-in", f"user {user.id}")
    return token


def sign_out(store: Store, token: str) -> None:
    """End the session of a token, if there is one."""
    session = store.sessions.holder(token)
    if session is not None:
        store.sessions.revoke(session.id)
        store.access.record(session.user, "signed-out")
