"""Words that sentences for people are made of."""

from __future__ import annotations

from collections.abc import Sequence


def count(number: int, noun: str) -> str:
    """Write ``1 image``, ``1,200 images``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def percent(rate: float | None, digits: int = 1) -> str:
    """Write a rate 0..1 in percent; a dash where there is none."""
    return "–" if rate is None else f"{100 * rate:.{digits}f} %"


def listed(names: Sequence[str], last: str = "and") -> str:
    """Write ``a``, ``a and b``, ``a, b and c``; empty for no names."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"
