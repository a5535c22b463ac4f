"""Age and race of an image, as a data set writes them.

An age is a number of years only where the data set gives one. A band such as ``20-29``, ``(25, 32)`` or
``more than 70`` is no number and is kept as it is written, under ``age_group``. Race is kept in the data set's words.
"""

from __future__ import annotations

import re

from facepriv.datasets.languages import says_nothing

OLDEST = 130.0
"""Years; more is no age."""
_BAND = re.compile(
    r"\(?\s*\d{1,3}\s*(?:[-\u2013]|to|bis|,\s)\s*\d{1,3}\s*\)?|\(\s*\d{1,3}\s*,\s*\d{1,3}\s*\)"
    r"|(?:more than|over|under)\s+\d{1,3}|\d{1,3}\s*\+",
    re.IGNORECASE,
)
_DECIMAL_COMMA = re.compile(r"\d{1,3},\d+")
"""A comma with nothing around it is a decimal one; a band of two ages stands in brackets or has a space."""


def parse_age(cell: str, *, grouped: bool = False) -> dict[str, str | float] | None:
    """Return ``{"age": years}`` or ``{"age_group": band}``, empty if the cell says nothing, None if it is no age.

    ``grouped`` says that the cell stands for a group in any case: a bare number is then a group's code, not years.
    """
    plain = cell.strip()
    if says_nothing(plain) or plain in ("u", "U"):
        return {}
    if _DECIMAL_COMMA.fullmatch(plain):
        plain = plain.replace(",", ".")
    if _BAND.fullmatch(plain):
        return {"age_group": plain}
    try:
        years = float(plain)
    except ValueError:
        return None
    if grouped:
        return {"age_group": plain}
    return {"age": years} if 0 <= years <= OLDEST else None


def parse_race(cell: str) -> dict[str, str | float]:
    """Return ``{"race": words}``; empty if the cell says nothing."""
    plain = cell.strip()
    return {} if says_nothing(plain) else {"race": plain}
