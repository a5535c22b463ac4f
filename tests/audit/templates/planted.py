"""Templates in which gender is planted, linearly or not, or not at all."""

from __future__ import annotations

import numpy as np

from facepriv.types import Metric, Templates

WIDTH = 16


def planted(
    people: int, seed: int, *, gap: float = 0.0, cross: float = 0.0, each: int = 2, metric: Metric = "cosine"
) -> Templates:
    """Return templates of people, half of them men, with so many of each.

    Parameters
    ----------
    gap : distance of the means along the first number, in standard deviations.
    cross : men lie so far to either side along the second number, women along the third: no line parts them, and
        nobody's length tells.
    """
    rng = np.random.default_rng(seed)
    labels = np.where(np.arange(people) % 2 == 0, 1, -1)
    of_person = rng.normal(size=(people, WIDTH))
    of_person[:, 0] += gap / 2 * labels
    if cross:
        side = np.where(rng.random(people) < 0.5, cross, -cross)
        of_person[:, 1] = np.where(labels > 0, side, 0.0) + 0.3 * of_person[:, 1]
        of_person[:, 2] = np.where(labels < 0, side, 0.0) + 0.3 * of_person[:, 2]
    rows = np.repeat(of_person, each, axis=0) + 0.1 * rng.normal(size=(people * each, WIDTH))
    if metric == "cosine":
        # One long constant number keeps directions nearly flat, so that what was planted stays what it was.
        rows = np.column_stack([rows, np.full(len(rows), 12.0)])
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    names = np.array([f"p{seed}-{person:03d}" for person in range(people)])
    subjects = np.repeat(names, each)
    records = np.array([f"{subject}-{number}" for number, subject in enumerate(subjects)])
    return Templates(
        rows.astype(np.float32), records, subjects, np.repeat(labels, each).astype(np.int8), metric, "", ""
    )
