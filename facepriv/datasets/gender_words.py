"""Words for gender in the cells of a label table, and in the names of folders and files.

Words are understood in any case; bare numbers are not, since data sets contradict each other there: 1 is male in CelebA
and female in UTKFace. A mapping says which is which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from facepriv.datasets.attributes import UNKNOWN
from facepriv.errors import BadInputError
from facepriv.types import FEMALE, GENDERS, MALE, Gender

GENDER_WORDS: dict[str, Gender] = {
    **dict.fromkeys(("m", "male", "man"), "male"),
    **dict.fromkeys(("f", "female", "woman"), "female"),
}
"""Gender by word in a cell, in lower case."""
GENDER_FOLDERS: dict[str, int] = {
    **dict.fromkeys(("male", "males", "man", "men"), MALE),
    **dict.fromkeys(("female", "females", "woman", "women"), FEMALE),
}
"""Label by word in a path, in lower case; a single letter in a path says nothing."""


def parse_mapping(text: str) -> dict[str, Gender]:
    """Read a mapping such as ``0=male,1=female``; raise BadInputError with code ``bad-mapping`` if it is none."""
    mapping: dict[str, Gender] = {}
    for pair in text.split(","):
        value, equals, word = (text.strip() for text in pair.partition("="))
        gender = GENDER_WORDS.get(word.casefold())
        if not equals or not value or gender is None:
            raise BadInputError(f"A mapping reads like 0=male,1=female, but {pair.strip()!r} came.", code="bad-mapping")
        if mapping.setdefault(_canonical(value), gender) != gender:
            raise BadInputError(f"The mapping gives {value!r} both genders; give it one.", code="bad-mapping")
    return mapping


def parse_gender(value: str, mapping: Mapping[str, Gender] | None = None) -> int | Literal["number", "word"] | None:
    """Return +1 for male, -1 for female, None for unknown.

    ``"number"`` stands for a number without a declared meaning, ``"word"`` for anything else.
    """
    plain = _canonical(value)
    declared = {_canonical(k): v for k, v in (mapping or {}).items()}
    gender = declared.get(plain) or GENDER_WORDS.get(plain)
    if gender is not None:
        return GENDERS[gender]
    if plain in UNKNOWN:
        return None
    return "number" if _is_number(plain) else "word"


def _canonical(value: str) -> str:
    """Return a cell folded so that ``+1``, ``1`` and ``1.0`` are equal, and so are ``Male`` and ``male``."""
    plain = value.strip().casefold()
    if _is_number(plain):
        number = float(plain)
        return str(int(number)) if number.is_integer() else str(number)
    return plain


def _is_number(plain: str) -> bool:
    try:
        return float(plain) - float(plain) == 0  # neither nan nor infinite, which are words
    except ValueError:
        return False
