"""Keyed draw of the images that the policy perturbs, each image or each subject independently of all others.

Three kinds of message are signed, and no message of one kind is one of another, for their lengths or first bytes
differ: an image's 32-byte hash; ``01`` and the 32-byte hash of a subject's name; ``02`` and either of these, for the
draw that picks among several runs.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import unicodedata
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from facepriv.errors import BadInputError
from facepriv.metrics.checks import as_probabilities
from facepriv.schemas.audits import SelectBy
from facepriv.types import Flags, Integers

KEY_BYTES = 32
LEAST_KEY_BYTES = 16
UNTOUCHED = 0
"""The action that leaves an image as it is; run ``k`` of a policy is action ``k``."""
_DIGEST_BYTES = 32
_ALL = 2 ** (8 * _DIGEST_BYTES)
_SUBJECT, _WHICH_RUN = b"\x01", b"\x02"


def new_key() -> bytes:
    """Draw a policy key of `KEY_BYTES` bytes from the operating system."""
    return secrets.token_bytes(KEY_BYTES)


def select_images(
    select_by: SelectBy, image_sha256s: Sequence[str], subjects: Sequence[str], key: bytes, p: float
) -> Flags:
    """Return for each of ``(n,)`` images whether the policy perturbs it.

    By image the draw is ``HMAC-SHA256(key, image_sha256) / 2^256 < p``. By subject it is ``HMAC-SHA256(key, 01 ||
    SHA-256(name)) / 2^256 < p``, so that all images of a subject agree; the name is signed in UTF-8, composed (Unicode
    NFC), so that a folder keeps its draw when it passes through a system that writes accents apart. The holder of the
    key can repeat the draw, nobody else can predict it. It depends on nothing else, so that adding or reordering images
    changes nothing, and a greater ``p`` only adds images.

    Parameters
    ----------
    select_by : ``image`` or ``subject``.
    image_sha256s : (n,) SHA-256 of each stored image, 64 hexadecimal digits; the 32 bytes they stand for are signed.
    subjects : (n,) subject of each image, as the data set names it; not empty where these are drawn.
    key : secret of at least 16 bytes (`new_key` makes one).
    p : proportion, 0..1.

    Raises
    ------
    BadInputError
        With code ``short-key``, ``out-of-range`` for ``p``, ``bad-hash``, ``no-subject``, ``bad-shape`` if the two
        lists differ in length, or ``bad-selection`` if ``select_by`` is neither.
    """
    messages = _messages(select_by, image_sha256s, subjects)
    if len(key) < LEAST_KEY_BYTES:
        raise BadInputError(
            f"Expected a policy key of at least {LEAST_KEY_BYTES} bytes, got {len(key)}; make one with new_key().",
            code="short-key",
        )
    # Exact: the float p is a fraction, and x < y for integer x means x < ceil(y).
    limit = math.ceil(Fraction(float(as_probabilities(p, "the proportion"))) * _ALL)
    return np.fromiter((_draw(key, message) < limit for message in messages), dtype=np.bool_, count=len(messages))


def choose_actions(
    select_by: SelectBy, image_sha256s: Sequence[str], subjects: Sequence[str], key: bytes, weights: Sequence[float]
) -> Integers:
    """Return for each image from which run the release takes it, where a policy mixes several runs.

    Whether an image is perturbed at all is the draw of `select_images` at ``p``, the sum of the weights. Which run
    perturbed images come from is a second draw, independent of the first, cut at the cumulative weights over ``p``. So
    a greater ``p`` with the weights in the same ratio only adds images, and no image that was perturbed before moves to
    another run: two releases of a growing policy never show two perturbed versions of one image. One draw cut at the
    cumulative weights would not have this property.

    Parameters
    ----------
    select_by, image_sha256s, subjects, key : as in `select_images`.
    weights : (k,) proportion of the images to take from run 1, 2, ... in an order that belongs to the policy; each at
        least 0, together at most 1. The rest stays untouched.

    Returns
    -------
    (n,) 0 = untouched (`UNTOUCHED`), k = run k.

    Raises
    ------
    BadInputError
        As `select_images`; ``bad-shares`` if there is no weight or they add up to more than 1.
    """
    proportions = as_probabilities(weights, "the share of each run")
    total = math.fsum(proportions.tolist())
    if proportions.ndim != 1 or not proportions.size or total > 1 + 1e-9:
        raise BadInputError(
            f"Expected the shares of one or more runs, together at most 1, got {proportions.size} that add up to "
            f"{total:g}; what is left of 1 stays untouched.",
            code="bad-shares",
        )
    perturbed = select_images(select_by, image_sha256s, subjects, key, min(total, 1.0))
    actions = np.full(len(perturbed), UNTOUCHED, dtype=np.int64)
    if not perturbed.any():
        return actions
    messages = _messages(select_by, image_sha256s, subjects)
    exact = [Fraction(float(proportion)) for proportion in proportions]
    ends = [math.ceil(sum(exact[: k + 1]) / sum(exact) * _ALL) for k in range(len(exact))]
    for index in np.flatnonzero(perturbed):
        draw = _draw(key, _WHICH_RUN + messages[index])
        actions[index] = 1 + next(k for k, end in enumerate(ends) if draw < end)
    return actions


def _messages(select_by: SelectBy, image_sha256s: Sequence[str], subjects: Sequence[str]) -> list[bytes]:
    if len(image_sha256s) != len(subjects):
        raise BadInputError(
            f"Expected a hash and a subject for each image, got {len(image_sha256s)} hashes and {len(subjects)} "
            "subjects; give both of the same images in the same order.",
            code="bad-shape",
        )
    if select_by == "image":
        return [_image_message(text) for text in image_sha256s]
    if select_by == "subject":
        return [_subject_message(name) for name in subjects]
    raise BadInputError(f"Expected to select by 'image' or by 'subject', got {select_by!r}.", code="bad-selection")


def _draw(key: bytes, message: bytes) -> int:
    return int.from_bytes(hmac.digest(key, message, "sha256"), "big")


def _image_message(sha256: str) -> bytes:
    try:
        digest = bytes.fromhex(sha256)
    except ValueError:
        digest = b""
    if len(digest) != _DIGEST_BYTES:
        raise BadInputError(
            f"Expected a SHA-256 as {2 * _DIGEST_BYTES} hexadecimal digits, got {sha256[:80]!r}; "
            "hash the stored image file.",
            code="bad-hash",
        )
    return digest


def _subject_message(name: str) -> bytes:
    if not name:
        raise BadInputError(
            "Expected a subject for every image, got an empty name; select by image, or name the subjects.",
            code="no-subject",
        )
    # Names of files may hold bytes that are no UTF-8, which Python keeps as lone surrogates.
    text = unicodedata.normalize("NFC", name).encode("utf-8", "surrogatepass")
    return _SUBJECT + hashlib.sha256(text).digest()
