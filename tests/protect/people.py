"""Made-up templates of people: some dozens, in whose directions a gender difference and their own lie."""

from __future__ import annotations

import numpy as np

from facepriv.types import Metric, Templates

WIDTH = 32


def make_templates(
    people: int = 24, images: int = 3, *, metric: Metric = "cosine", gap: float = 1.0, seed: int = 0
) -> Templates:
    """Make templates of as many men as women, whose means differ by ``gap`` along one direction."""
    rng = np.random.default_rng(seed)
    labels = np.where(np.arange(people) % 2 == 0, 1, -1)
    own = rng.normal(size=(people, WIDTH)) * np.linspace(1.5, 0.3, WIDTH)
    own[:, WIDTH // 2] += gap * labels / 2
    rows = np.repeat(own, images, axis=0) + 0.1 * rng.normal(size=(people * images, WIDTH)) + 0.4
    if metric == "cosine":
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    subjects = np.repeat([f"person {i}" for i in range(people)], images)
    records = np.array([f"{subject} / {i}" for i, subject in enumerate(subjects)])
    return Templates(
        rows.astype(np.float32), records, subjects, np.repeat(labels, images).astype(np.int8), metric, "made-up", "1"
    )
