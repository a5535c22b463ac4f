"""Keyed draws: the same for all templates of a person, unpredictable without the key.

A person's stream of bits is SHAKE-256 of ``HMAC-SHA256(key, 03 || SHA-256(name))``, the name in UTF-8, composed
(Unicode NFC). The first byte keeps these messages apart from those that `facepriv.policy.selection` signs for images.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from facepriv.errors import BadInputError
from facepriv.types import Floats64, Integers

LEAST_KEY_BYTES = 16
_TEMPLATE = b"\x03"
_WORD = 8
_BITS = 53


@dataclass(frozen=True, eq=False)
class Draws:
    """What a key draws for the people of some templates; of people without a key, nothing."""

    key: bytes | None
    subjects: NDArray[np.str_]
    """``(n,)`` subject of each template."""

    def uniform(self, count: int) -> Floats64:
        """Draw ``(n, count)`` numbers from 0 (included) to 1 (excluded), the same for all templates of a person."""
        names, which = np.unique(self.subjects, return_inverse=True)
        assert self.key is not None, "a keyed protection was given no key"
        stream = b"".join(_stream(self.key, str(name), count * _WORD) for name in names)
        words = np.frombuffer(stream, dtype="<u8").reshape(len(names), count)
        return np.asarray(((words >> np.uint64(64 - _BITS)) * 2.0**-_BITS)[which])

    def normal(self, count: int) -> Floats64:
        """Draw ``(n, count)`` standard normal numbers, the same for all templates of a person."""
        return np.asarray(ndtri(np.maximum(self.uniform(count), 2.0**-_BITS)))

    def below(self, limit: int, count: int = 1) -> Integers:
        """Draw ``(n, count)`` whole numbers from 0 to ``limit - 1``."""
        return (self.uniform(count) * limit).astype(np.int64)

    def order(self, count: int) -> Integers:
        """Draw an order of ``count`` things for each template ``(n, count)``, the same for all of a person."""
        return np.argsort(self.uniform(count), axis=1, kind="stable")


def _stream(key: bytes, name: str, length: int) -> bytes:
    return hashlib.shake_256(hmac.digest(key, _message(name), "sha256")).digest(length)


def _message(name: str) -> bytes:
    # Names of files may hold bytes that are no UTF-8, which Python keeps as lone surrogates.
    text = unicodedata.normalize("NFC", name).encode("utf-8", "surrogatepass")
    return _TEMPLATE + hashlib.sha256(text).digest()


def check_key(key: bytes | None) -> None:
    """Raise BadInputError with code ``no-key`` or ``short-key`` where a key cannot be used."""
    if key is None:
        raise BadInputError(
            "This protection draws by a key, but none was given; make one with new_key().", code="no-key"
        )
    if len(key) < LEAST_KEY_BYTES:
        raise BadInputError(
            f"Expected a key of at least {LEAST_KEY_BYTES} bytes, got {len(key)}; make one with new_key().",
            code="short-key",
        )
