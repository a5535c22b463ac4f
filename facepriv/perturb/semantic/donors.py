"""The side of an image and the person whose readings it is to have, drawn by key, whatever its label.

A reader of apparent gender learns nothing of the label from a side that is drawn without it. How far beyond zero an
image ends must tell nothing either, so it is sent to the readings of a real person, a *donor*, under all guides and
probes at once: they then fit together as a person's do, and come from one distribution for both labels.

The draw is ``HMAC-SHA256(key, 04 || SHA-256(name))``, the name being the subject's in UTF-8, composed (Unicode NFC), or
``05`` and the SHA-256 of the image's pixels. It depends on nothing else, so neither the label nor the order nor other
images of the data set change a side. The first byte keeps these messages apart from those that other draws sign.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepriv.perturb.base import Arrays
from facepriv.types import FEMALE, GENDER_NAMES, MALE, Face

_SUBJECT, _IMAGE = b"\x04", b"\x05"
_HALF = 2**63
PREFIX = "donors:"
"""Of the names of learnt arrays: ``donors:female`` and ``donors:male``, ``(people, guides + guards)`` margins."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """What the key draws for an image."""

    side: int
    """+1 male, -1 female."""
    margins: NDArray[np.float64]
    """``(guides + guards,)`` the donor's readings, by their spread."""


def draw_donor(face: Face, arrays: Arrays, *, key: bytes, draw_by: str) -> Drawn:
    """Draw the side of a face, each with probability 1/2, and a donor among the people of that side learnt from.

    The label is not looked at.
    """
    bits = hmac.digest(key, _message(face, draw_by), "sha256")
    side = MALE if int.from_bytes(bits[:8], "big") < _HALF else FEMALE
    donors = np.asarray(arrays[PREFIX + GENDER_NAMES[side]], dtype=np.float64)
    return Drawn(side, donors[int.from_bytes(bits[8:16], "big") * len(donors) >> 64])


def _message(face: Face, draw_by: str) -> bytes:
    if draw_by == "image":
        return _IMAGE + hashlib.sha256(np.ascontiguousarray(face.pixels).tobytes()).digest()
    # Names of files may hold bytes that are no UTF-8, which Python keeps as lone surrogates.
    text = unicodedata.normalize("NFC", face.subject).encode("utf-8", "surrogatepass")
    return _SUBJECT + hashlib.sha256(text).digest()
