"""What data sets and template sets may be called."""

from __future__ import annotations

from facepriv.errors import BadInputError
from facepriv.schemas.requests import FOLDS

LONGEST_NAME = 200


def check_name(name: str, noun: str) -> None:
    """Raise BadInputError with code ``bad-name`` if a data set or a template set cannot have this name."""
    if not name or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable() or name.isdecimal():
        raise BadInputError(
            f"A {noun}'s name must have 1 to {LONGEST_NAME} printable characters, no spaces at its ends and not only "
            f"digits (those are ids), but {name[:LONGEST_NAME]!r} was given; choose another name.",
            code="bad-name",
        )
    if name == FOLDS:
        raise BadInputError(
            f"A {noun} cannot be called {FOLDS!r}, since --fit-on and --learn-from take that word for parts of a set "
            "itself; choose another name.",
            code="bad-name",
        )
