"""Passwords and passphrases: generated, checked, hashed with Argon2id, and protected against guessing."""

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
"""Fewest and most characters of a password."""
WINDOW = timedelta(minutes=15)
"""Failures are counted over this time."""
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""Without those that are easily confused."""


def make_password() -> str:
    """Make a password of four groups of five letters and digits: 99 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def check_password(password: str, name: str = "") -> None:
    """Raise BadInputError with code ``weak-password`` for one that is too short, too long or the name itself."""
    if not SHORTEST <= len(password) <= LONGEST:
        choose = "a longer one, such as four words" if len(password) < SHORTEST else "a shorter one"
        raise BadInputError(
            f"A password needs {SHORTEST} to {LONGEST} characters, but this one has {len(password)}. Choose {choose}.",
            code="weak-password",
        )
    if (name and password.strip().casefold() == name.strip().casefold()) or len(set(password)) < 4:
        raise BadInputError(
            "This password is too easy to guess. Choose one that is neither the name nor a repeated letter.",
            code="weak-password",
        )


def hash_password(password: str) -> str:
    """Return an Argon2id hash with the low-memory parameters of RFC 9106, which the hash contains."""
    return str(_hasher().hash(_encoded(password)))


def is_password(password_hash: str | None, password: str) -> bool:
    """Return whether it is the password; without a hash, return False after the same time."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        _hasher().verify(password_hash or _nobody(), _encoded(password[:LONGEST]))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None and len(password) <= LONGEST


def _encoded(password: str) -> bytes:
    # Keyboards differ in how they compose accents, and a terminal may pass bytes that are not UTF-8.
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


@cache
def _hasher() -> Any:
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobody() -> str:
    return hash_password(secrets.token_urlsafe())


def limit_guessing(store: Store, limits: Mapping[str, int], *, now: datetime | None = None) -> None:
    """Count a try as failed under every key before it is checked, so that simultaneous tries do not slip through.

    Raises
    ------
    NotAllowedError
        With ``retry_after``, if any key has reached its number of failures in `WINDOW`. A refused try is not counted,
        so waiting helps whatever others do meanwhile.
    """
    now = now or datetime.now(UTC)
    first = store.attempts.failed(limits, now - WINDOW, now=now)
    if first is not None:
        wait = max(1, round((first + WINDOW - now).total_seconds()))
        raise NotAllowedError(f"Too many failed attempts. Try again in {duration(wait)}.", retry_after=wait)
