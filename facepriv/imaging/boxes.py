"""Boxes of faces: left, top, right, bottom."""

from __future__ import annotations

from collections.abc import Sequence


def overlap(box: Sequence[float], other: Sequence[float]) -> float:
    """Return the proportion of two boxes' common area among all they cover."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    common = max(width, 0) * max(height, 0)
    areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (box, other))
    return common / (areas - common)
