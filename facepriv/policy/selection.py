"""Which images the policy perturbs: a keyed draw for each image, independent of all other images."""

from __future__ import annotations

import hmac
import math
import secrets
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.metrics.checks import as_probabilities

KEY_BYTES = 32
LEAST_KEY_BYTES = 16
_DIGEST_BYTES = 32


def new_key() -> bytes:
    """Draw a policy key of `KEY_BYTES` bytes from the operating system."""
    return secrets.token_bytes(KEY_BYTES)


def select(image_sha256s: Sequence[str], key: bytes, p: float) -> NDArray[np.bool_]:
    """Say for each image whether the policy perturbs it: ``HMAC-SHA256(key, image_sha256) / 2^256 < p``.

    The holder of the key can repeat the choice, nobody else can predict it. An image's fate depends on its bytes, the
    key and ``p`` alone, so that adding or reordering images changes nothing, and a greater ``p`` only adds images.

    Parameters
    ----------
    image_sha256s : SHA-256 of each stored image, 64 hexadecimal digits; the 32 bytes they stand for are signed.
    key : secret of at least 16 bytes (`new_key` makes one).
    p : proportion, 0..1.

    Returns
    -------
    (n,) true where the image is to be perturbed.

    Raises
    ------
    BadInputError
        If the key is short, ``p`` is out of range or a hash is not one.
    """
    if len(key) < LEAST_KEY_BYTES:
        raise BadInputError(
            f"Expected a policy key of at least {LEAST_KEY_BYTES} bytes, got {len(key)}; make one with new_key().",
            code="short-key",
        )
    # Exact: the float p is a fraction, and x < y for integer x means x < ceil(y).
    limit = math.ceil(Fraction(float(as_probabilities(p, "the proportion"))) * 2 ** (8 * _DIGEST_BYTES))
    draws = (int.from_bytes(hmac.digest(key, _bytes(text), "sha256"), "big") for text in image_sha256s)
    return np.fromiter((draw < limit for draw in draws), dtype=np.bool_, count=len(image_sha256s))


def _bytes(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != _DIGEST_BYTES:
        raise BadInputError(
            f"Expected a SHA-256 as {2 * _DIGEST_BYTES} hexadecimal digits, got {text[:80]!r}; "
            "hash the stored image file.",
            code="bad-hash",
        )
    return digest
