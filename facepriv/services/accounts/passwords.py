"""Passwords and passphrases: made, checked for being usable, hashed with Argon2id, and guessed at only so often."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from facepriv.errors import BadInputError, NotAllowedError
from facepriv.store import Store
from facepriv.wording import duration

SHORTEST, LONGEST = 12, 512
"""Characters of a password."""
WINDOW = timedelta(minutes=15)
"""Failures are counted over this time."""
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""Without those that are mistaken for each other."""


def make_password() -> str:
    """Make a password of four groups of five letters and digits: 99 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def check_password(password: str, name: str = "") -> None:
    """Raise BadInputError with code ``weak-password`` for one that is too short, too long or the name itself."""
    if not SHORTEST <= len(password) <= LONGEST:
        take = "a longer one, such as four words" if len(password) < SHORTEST else "a shorter one"
        raise BadInputError(
            f"A password of {SHORTEST} to {LONGEST} characters was expected, but this one has {len(password)}; "
            f"take {take}.",
            code="weak-password",
        )
    if (name and password.strip().casefold() == name.strip().casefold()) or len(set(password)) < 4:
        raise BadInputError(
            "This password would be guessed at once; take one that is neither the name nor a letter repeated.",
            code="weak-password",
        )


def hash_password(password: str) -> str:
    """Hash with Argon2id under the parameters of RFC 9106 for little memory, which stand in the hash."""
    return str(_hasher().hash(_encoded(password)))


def is_password(password_hash: str | None, password: str) -> bool:
    """Return whether it is the password; without a hash it takes as long and is not."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        _hasher().verify(password_hash or _nobody(), _encoded(password[:LONGEST]))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None and len(password) <= LONGEST


def _encoded(password: str) -> bytes:
    # Keyboards differ in how they put an accent on a letter; a terminal may hand in bytes that are no UTF-8.
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


@cache
def _hasher() -> Any:
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobody() -> str:
    return hash_password(secrets.token_urlsafe())


def limit_guessing(store: Store, limits: Mapping[str, int], *, now: datetime | None = None) -> None:
    """Count a try as failed under every key, before it is looked at, so that many at once do not slip through.

    Raises
    ------
    NotAllowedError
        With ``retry_after``, if there were as many failures in `WINDOW` as any of the keys allows. What is refused here
        is not counted, so that waiting helps whatever others do meanwhile.
    """
    now = now or datetime.now(UTC)
    first = store.attempts.failed(limits, now - WINDOW, now=now)
    if first is not None:
        wait = max(1, round((first + WINDOW - now).total_seconds()))
        raise NotAllowedError(
            f"There were too many wrong tries; wait {duration(wait)} and try again.", retry_after=wait
        )
