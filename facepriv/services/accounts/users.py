"""Users of the dashboard, their roles, and signing in and out."""

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
from facepriv.store.sessions import make_page_key
from facepriv.store.users import name_key
from facepriv.types import Actor

RESERVED = ("cli", "local", "nobody", "link")
"""Names that mean something else in the access log."""
NOBODY = Actor("nobody", "dashboard")
"""Somebody who has not signed in."""
_NAME = re.compile(r"[^\W_][\w.@+-]{0,63}")
_EMAIL, _SUBJECT = re.compile(r"[^\s@:]+@[^\s@:]+"), re.compile(r"https?://[^\s#]+#.+")
"""No text matches both, so one person's address cannot be another's subject."""
FROM_ONE_PLACE, ON_ONE_NAME, OF_ONE_PLACE = 5, 50, 30
"""Failures allowed in `WINDOW` on a name from an address, on a name, and from an address. The first limits guessing.
The second is high, because otherwise anyone who knows a name could lock its owner out."""


@dataclass(frozen=True)
class Added:
    """A new user, and the password generated for them if none was given; it is stored nowhere."""

    user: UserRecord
    password: str | None


def add_user(
    store: Store,
    name: str,
    role: Role,
    *,
    password: str | None = None,
    oidc: str | None = None,
    must_change: bool = False,
    actor: Actor,
) -> Added:
    """Add a user who signs in by a password or through an identity provider.

    Parameters
    ----------
    password
        None generates one, unless ``oidc`` is given: then there is none.
    oidc
        How the identity provider identifies them: their e-mail address, or ``ISSUER#SUBJECT``.
    must_change
        Let them change the password before they see anything.

    Raises
    ------
    BadInputError
        If the name (code ``bad-name``), the password (``weak-password``) or the provider's claim (``bad-oidc``) cannot
        be used, or is taken.
    """
    if not _NAME.fullmatch(name) or name_key(name) in RESERVED:
        raise BadInputError(
            f"{name!r} cannot be a user name. Use 1 to 64 letters, digits and . _ @ + -, beginning with a letter or "
            f"digit; {', '.join(RESERVED)} are reserved.",
            code="bad-name",
        )
    generated = make_password() if password is None and oidc is None else None
    given = password or generated
    if password is not None:
        check_password(password, name)
    claim = None if oidc is None else read_claim(oidc)
    hashed = None if given is None else hash_password(given)
    user = store.users.add(name, role, password_hash=hashed, oidc=claim, must_change=must_change and given is not None)
    store.access.record(actor, "user-added", f"user {user.id}", role)
    return Added(user, generated)


def set_role(store: Store, name: str, role: Role, *, actor: Actor) -> UserRecord:
    """Change a user's role, from their next click on. Raises BadInputError, code ``last-admin``, for the last admin."""
    user = store.users.get(name)
    if role != "admin":
        _refuse_last_admin(store, user)
    store.users.set_role(user.id, role)
    store.access.record(actor, "role-changed", f"user {user.id}", role)
    return store.users.get(name)


def set_claim(store: Store, name: str, claim: str | None, *, actor: Actor) -> UserRecord:
    """Set how the identity provider identifies a user, or None for not at all; their sessions end.

    Raises BadInputError if the claim is malformed (code ``bad-oidc``) or another user's (``oidc-taken``).
    """
    user = store.users.get(name)
    store.users.set_oidc(user.id, None if claim is None else read_claim(claim))
    store.sessions.revoke_all(user.id)
    store.access.record(actor, "oidc-changed", f"user {user.id}")
    return store.users.get(name)


def set_disabled(store: Store, name: str, disabled: bool, *, actor: Actor) -> UserRecord:
    """Disable a user at once, or enable them again. Raises BadInputError, code ``last-admin``, for the last admin."""
    user = store.users.get(name)
    if disabled:
        _refuse_last_admin(store, user)
    store.users.set_disabled(user.id, disabled)
    store.access.record(actor, "user-disabled" if disabled else "user-enabled", f"user {user.id}")
    return store.users.get(name)


def remove_user(store: Store, name: str, *, actor: Actor) -> None:
    """Remove a user: they are signed out, cannot sign in any more, and their name is not given again.

    What they did stays in the access log, and what they signed stays signed. Raises BadInputError, code ``last-admin``,
    for the last admin.
    """
    user = store.users.get(name)
    _refuse_last_admin(store, user)
    store.users.remove(user.id)
    store.access.record(actor, "user-removed", f"user {user.id}")


def _refuse_last_admin(store: Store, user: UserRecord) -> None:
    admins = [each for each in store.users.list() if each.role == "admin" and each.disabled_at is None]
    if [each.id for each in admins] == [user.id]:
        raise BadInputError(
            f"{user.name} is the only admin who can sign in, so nobody could manage users any more. Make somebody else "
            "admin first.",
            code="last-admin",
        )


def change_password(
    store: Store, name: str, password: str | None = None, *, must_change: bool = False, actor: Actor
) -> str | None:
    """Set a password, or generate and return one; the user's sessions end.

    With ``must_change`` they must choose one of their own before they see anything.
    """
    user = store.users.get(name)
    generated = make_password() if password is None else None
    if password is not None:
        check_password(password, user.name)
    store.users.set_password(user.id, hash_password(password or generated or ""), must_change=must_change)
    store.sessions.revoke_all(user.id)
    store.access.record(actor, "password-changed", f"user {user.id}")
    return generated


def change_own_password(store: Store, name: str, old: str, new: str, *, session: int | None) -> None:
    """Change one's own password; one's other sessions end.

    Raises
    ------
    NotAllowedError
        If the old password is wrong, or there were too many failed attempts.
    BadInputError
        If the new one cannot be used.
    """
    user = store.users.get(name)
    key = f"password of {name_key(name)}"
    limit_guessing(store, {key: FROM_ONE_PLACE})
    if not is_password(user.password_hash, old):
        store.access.record_seldom(Actor(user.name, "dashboard"), "password-refused", f"user {user.id}")
        raise NotAllowedError("The current password is wrong. Nothing was changed.")
    store.attempts.forget(key)
    check_password(new, user.name)
    if new == old:
        raise BadInputError("The new password is the old one. Choose another.", code="same-password")
    store.users.set_password(user.id, hash_password(new))
    store.sessions.revoke_all(user.id, but=session)
    store.access.record(Actor(user.name, "dashboard"), "password-changed", f"user {user.id}")


def sign_out_everywhere(store: Store, name: str, *, but: int | None = None, actor: Actor) -> int:
    """End all sessions of a user, except ``but``; return how many ended."""
    user = store.users.get(name)
    ended = store.sessions.revoke_all(user.id, but=but)
    store.access.record(actor, "sessions-revoked", f"user {user.id}", str(ended))
    return ended


def sign_in(store: Store, name: str, password: str, *, address: str) -> str:
    """Begin a session; return its page key.

    An unknown name, a disabled user and a wrong password get the same answer, after the same time.

    Raises
    ------
    NotAllowedError
        If name or password is wrong, or there were too many failed attempts; then with ``retry_after``.
    """
    key = name_key(name)
    # As JSON, so that no name that is typed reads like another key.
    here, on_name, of_place = map(json.dumps, (["here", key, address], ["name", key], ["place", address]))
    limits = {here: FROM_ONE_PLACE, on_name: ON_ONE_NAME, of_place: OF_ONE_PLACE}
    user = store.users.find(name)
    known = "" if user is None else f"user {user.id}"
    try:
        limit_guessing(store, limits)
    except NotAllowedError:
        store.access.record_seldom(NOBODY, "sign-in-refused", known, "too many tries")
        raise
    right = is_password(None if user is None else user.password_hash, password)
    if user is None or not right or user.disabled_at is not None:
        store.access.record_seldom(NOBODY, "sign-in-refused", known)
        raise NotAllowedError("Wrong name or password.")
    store.attempts.forget(here)
    # Other failures stay counted: having an account is no way past the limits.
    for limit in (on_name, of_place):
        store.attempts.take_back(limit)
    return begin_session(store, user)


def read_claim(typed: str) -> str:
    """Read how an identity provider identifies somebody: an e-mail address, or ``ISSUER#SUBJECT``.

    Raises BadInputError, with code ``bad-oidc``, if it is neither, since the provider would never vouch for it.
    """
    typed = typed.strip()
    if _SUBJECT.fullmatch(typed):
        return typed
    if not _EMAIL.fullmatch(typed):
        raise BadInputError(
            f"{typed!r} is neither an e-mail address nor an issuer and a subject such as "
            "https://login.example.org#1234. The page that refuses a user shows what to enter.",
            code="bad-oidc",
        )
    return _one_case(typed)


def claims_of(token: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what may identify somebody here, from the claims of an identity token.

    The subject, which a provider never gives to anybody else, comes first; then the e-mail address, but only if the
    provider has verified it (OpenID Connect Core 1.0, section 5.7).
    """
    email = token.get("email")
    verified = token.get("email_verified") is True and isinstance(email, str) and _EMAIL.fullmatch(email)
    return f"{token['iss']}#{token['sub']}", *([_one_case(str(email))] if verified else [])


def sign_in_through_provider(store: Store, token: Mapping[str, Any]) -> str:
    """Begin a session for a user whom the identity provider vouches for; return its page key.

    Parameters
    ----------
    token
        Claims of a verified identity token, with ``iss`` and ``sub``; NotAllowedError if they identify no active user.
    """
    claims = claims_of(token)
    user = next((match for claim in claims if (match := store.users.find_oidc(claim))), None)
    if user is None:
        store.access.record_seldom(NOBODY, "sign-in-refused", "", "through the provider")
        unverified = ", with an unverified e-mail address" if token.get("email") and len(claims) == 1 else ""
        raise NotAllowedError(
            f"You signed in at the provider as {claims[-1]}{unverified}, but no user here has that identity. The "
            "operator of this server can add you with: facepriv user add NAME --role officer --oidc "
            f"{shlex.quote(claims[-1])}"
        )
    if user.disabled_at is not None:
        store.access.record_seldom(NOBODY, "sign-in-refused", f"user {user.id}", "through the provider")
        raise NotAllowedError(f"{user.name} can no longer sign in. Ask the operator of this server.")
    return begin_session(store, user)


def _one_case(email: str) -> str:
    # Only ASCII: in other alphabets, changing the case may yield another address.
    return email.lower() if email.isascii() else email


def begin_session(store: Store, user: UserRecord) -> str:
    """Begin a session of a user who has proven their identity; return its page key, of which its token follows."""
    key = make_page_key()
    store.sessions.open(user.id, key=key)
    store.access.record(Actor(user.name, "dashboard"), "signed-in", f"user {user.id}")
    return key


def sign_out(store: Store, token: str) -> None:
    """End the session of a token, if there is one."""
    session = store.sessions.holder(token)
    if session is not None:
        store.sessions.revoke(session.id)
        store.access.record(Actor(session.user, "dashboard"), "signed-out")
