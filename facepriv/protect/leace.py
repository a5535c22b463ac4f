"""Least-squares concept erasure in closed form (Belrose et al., LEACE, 2023)."""

from __future__ import annotations

import numpy as np

from facepriv.protect.base import Arrays, Lesson, Protection, ProtectionCard, partly_lost
from facepriv.types import Floats64

_LEAST_VARIANCE = 1e-10
"""Share of the greatest variance below which a direction counts as absent."""


class Leace(Protection):
    """Makes templates and label uncorrelated with the least change of templates."""

    card = ProtectionCard(
        name="leace",
        title="Least-squares concept erasure (LEACE)",
        needs="labelled templates of the same matcher, better more people than a template has numbers",
        label_at_enrolment="none",
        keyed=False,
        undone_by="nobody: one direction is gone",
        broken_by="non-linear attackers, and linear ones that learn from other people than it was fitted to",
        source="Belrose et al., LEACE: perfect linear concept erasure in closed form, 2023",
        irreversible=partly_lost("One coordinate is the same for everybody and cannot be restored."),
    )

    def learn(self, lesson: Lesson) -> Arrays:
        """Learn the oblique projection, which is the identity less one outer product."""
        weights = lesson.weights
        mean = weights @ lesson.rows
        centred = lesson.rows - mean
        covariance = (centred * weights[:, None]).T @ centred
        # Of two equally heavy classes this is the cross-covariance with the label.
        cross = centred.T @ (weights * lesson.labels)
        values, vectors = np.linalg.eigh(covariance)
        present = values > _LEAST_VARIANCE * values[-1]
        values, vectors = values[present], vectors[:, present]
        whitened = vectors.T @ cross / np.sqrt(values)
        length = float(np.linalg.norm(whitened))
        if length < 1e-12:
            zero = np.zeros((len(mean), 1))
            return {"mean": mean, "read": zero, "direction": zero}
        whitened = whitened / length
        return {
            "mean": mean,
            "read": (vectors @ (whitened / np.sqrt(values)))[:, None],
            "direction": (vectors @ (whitened * np.sqrt(values)))[:, None],
        }

    def map_rows(self, arrays: Arrays, rows: Floats64, drawn: Floats64, men: Floats64) -> Floats64:
        """Project obliquely."""
        result: Floats64 = rows - ((rows - arrays["mean"]) @ arrays["read"]) @ arrays["direction"].T
        return result
