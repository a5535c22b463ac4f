"""How quantities are written on every page."""

from __future__ import annotations

from datetime import datetime

NOTHING = "–"


def count(number: int, noun: str) -> str:
    """Write ``1 image``, ``1,200 images``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def duration(seconds: float) -> str:
    """Write a time span in at most two units, rounded up to whole seconds."""
    whole = max(0, int(seconds + 0.999))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def moment(when: datetime | None) -> str:
    """Write a time in UTC to the minute; a dash where there is none."""
    return NOTHING if when is None else f"{when:%Y-%m-%d %H:%M} UTC"
