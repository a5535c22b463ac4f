"""Mated and non-mated similarity scores of a set of templates (ISO/IEC 19795-1), computed in blocks of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from facepriv.types import Integers

Compare = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]

BLOCK = 1024


def subject_codes(subjects: Sequence[str]) -> Integers:
    """Number subjects in the order in which they come: ``(n,)``, the same number for the same subject."""
    numbers: dict[str, int] = {}
    return np.fromiter((numbers.setdefault(subject, len(numbers)) for subject in subjects), np.int64, len(subjects))


def usable_rows(templates: NDArray[np.float32]) -> Integers:
    """Return the rows of ``(n, d)`` templates without NaN; the others are failures to acquire."""
    # In blocks, since a mask of all values would take a quarter of the templates' own memory.
    blocks = (np.isnan(templates[start : start + BLOCK]).any(axis=1) for start in range(0, len(templates), BLOCK))
    return np.flatnonzero(~np.concatenate([np.empty(0, np.bool_), *blocks]))


def compare_all(
    gallery: NDArray[np.float32],
    probes: NDArray[np.float32] | None,
    subjects: Sequence[str],
    compare: Compare,
    *,
    block: int = BLOCK,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compare every image with every other.

    Parameters
    ----------
    gallery : ``(n, d)`` templates; a row with NaN is a failure to acquire and takes part in nothing.
    probes : ``(n, d)`` templates of the same images in another phase: every image of the gallery is compared with every
        *other* image of the probes, in both directions. None compares the gallery with itself, each pair once.
    subjects : ``n`` subjects.
    compare : the matcher's comparison, ``(g, d), (p, d) -> (g, p)``.
    block : rows of the gallery compared at a time.

    Returns
    -------
    Mated and non-mated similarity scores, one-dimensional; `compared_subjects` says whose.
    """
    against = gallery if probes is None else probes
    subject = subject_codes(subjects)
    usable = usable_rows(gallery)
    usable_columns = usable_rows(against)
    mated, non_mated = [np.empty(0, np.float32)], [np.empty(0, np.float32)]
    if not len(usable_columns):  # a phase in which every image failed has no templates, not even their length
        return mated[0], non_mated[0]
    for start in range(0, len(usable), block):
        rows = usable[start : start + block]
        scores = compare(gallery[rows], against[usable_columns])
        same = subject[rows][:, None] == subject[usable_columns][None, :]
        if probes is None:
            counted = rows[:, None] < usable_columns[None, :]
        else:
            counted = rows[:, None] != usable_columns[None, :]
        mated.append(scores[same & counted])
        non_mated.append(scores[~same & counted])
    return np.concatenate(mated), np.concatenate(non_mated)


def compared_subjects(
    gallery: NDArray[np.float32], probes: NDArray[np.float32] | None, subjects: Sequence[str]
) -> tuple[Integers, Integers, Integers]:
    """Return whose comparisons `compare_all` makes, in its order; its arguments.

    Returns
    -------
    Subject of each mated comparison, and the two subjects of each non-mated one, numbered by `subject_codes`.
    """
    subject = subject_codes(subjects)
    rows, columns = usable_rows(gallery), usable_rows(gallery if probes is None else probes)
    if not len(columns):
        rows = columns
    counted = rows[:, None] < columns[None, :] if probes is None else rows[:, None] != columns[None, :]
    same = subject[rows][:, None] == subject[columns][None, :]
    mated, _ = np.nonzero(same & counted)
    first, second = np.nonzero(~same & counted)
    return subject[rows[mated]], subject[rows[first]], subject[columns[second]]
