"""Subjects whose images fall into several people for a matcher: possible errors of identity labels.

Images of one subject are joined where a score reaches that of one in a hundred pairs of different people, and so on
from image to image, so that other poses and ages between two images do no harm. What stays apart may be another person,
or an image of which the matcher makes little; the groups are for people to look at and prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

Rows = NDArray[np.float32]
MOST_IMAGES = 200
"""Images of one subject that are compared; of more, these are spread over all."""
APART = 0.99
"""Quantile of scores between different people from which two images of one subject are joined."""


@dataclass(frozen=True)
class SplitSubject:
    """One subject whose images fall into several groups."""

    groups: tuple[tuple[int, ...], ...]
    """Rows of the templates, the largest group first."""
    first: int
    """Row of an image of the largest group, and of the image that is least like it among the others."""
    second: int
    score: float


def find_split(
    templates: Rows,
    subjects: Sequence[str],
    compare: Callable[[Rows, Rows], NDArray[np.float32]],
    threshold: float,
    *,
    check: Callable[[], None] = lambda: None,
) -> tuple[int, list[SplitSubject]]:
    """Return how many subjects have several templates, and those of them that fall apart, the least alike first.

    Parameters
    ----------
    templates : ``(n, d)``, none of them NaN.
    threshold : score from which two images of a subject are joined.
    check : called for every subject; what it raises ends the work.
    """
    found: list[SplitSubject] = []
    several = {subject: rows for subject, rows in _by_subject(subjects).items() if len(rows) > 1}
    for rows in several.values():
        check()
        chosen = _spread(rows)
        scores = np.asarray(compare(templates[chosen], templates[chosen]), dtype=np.float64)
        number, group_of = connected_components(scores >= threshold, directed=False)
        if number < 2:
            continue
        members = sorted((np.flatnonzero(group_of == each) for each in range(number)), key=lambda m: (-len(m), m[0]))
        largest, others = members[0], np.concatenate(members[1:])
        between = scores[np.ix_(largest, others)]
        first, second = np.unravel_index(int(between.argmin()), between.shape)
        found.append(
            SplitSubject(
                groups=tuple(tuple(int(chosen[place]) for place in each) for each in members),
                first=int(chosen[largest[first]]),
                second=int(chosen[others[second]]),
                score=float(between[first, second]),
            )
        )
    found.sort(key=lambda each: (each.score, each.first))
    return len(several), found


def _by_subject(subjects: Sequence[str]) -> Mapping[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, subject in enumerate(subjects):
        rows.setdefault(subject, []).append(row)
    return rows


def _spread(rows: Sequence[int]) -> NDArray[np.int64]:
    every: NDArray[np.int64] = np.array(rows, dtype=np.int64)
    if len(rows) > MOST_IMAGES:
        every = every[np.linspace(0, len(rows) - 1, MOST_IMAGES).round().astype(int)]
    return every
