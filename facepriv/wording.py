"""Words that sentences for people are made of."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """Write ``1 image``, ``1,200 images``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
