"""Boxes of faces: left, top, right, bottom."""

from __future__ import annotations

from collections.abc import Sequence

LEAST_OVERLAP = 0.2
"""Of two boxes (intersection over union) for another detector to have found the face that is meant."""


def overlap(box: Sequence[float], other: Sequence[float]) -> float:
    """Return the proportion of two boxes' common area among all they cover."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    common = max(width, 0) * max(height, 0)
    areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (box, other))
    return common / (areas - common)


def most_overlapping(boxes: Sequence[Sequence[float]], box: Sequence[float]) -> tuple[int, float]:
    """Return which of several boxes overlaps most with another, of equals the first, and by how much."""
    overlaps = [overlap(each, box) for each in boxes]
    best = max(range(len(overlaps)), key=lambda number: overlaps[number])
    return best, overlaps[best]
