"""Iterative null-space projection (Ravfogel et al., Null it out, 2020)."""

from __future__ import annotations

import warnings

import numpy as np
from pydantic import Field

from facepriv.protect import base
from facepriv.protect.base import Arrays, Lesson, Protection, ProtectionCard, partly_lost
from facepriv.protect.directions import orthonormal, without
from facepriv.types import Floats64

_STRENGTH = 10.0
"""Inverse penalty of the classifiers, for features of unit size."""


class Parameters(base.Parameters):
    """Parameters of iterative null-space projection."""

    rounds: int = Field(10, ge=1, le=200, description="Linear classifiers that are trained and projected out in turn.")


class Inlp(Protection):
    """Trains a linear classifier, projects its direction out, and does so again."""

    Parameters = Parameters
    card = ProtectionCard(
        name="inlp",
        title="Iterative null-space projection (INLP)",
        needs="labelled templates of the same matcher",
        label_at_enrolment="none",
        keyed=False,
        undone_by="nobody: the coordinates are gone",
        broken_by="non-linear attackers, and linear ones that learn from other people than it was fitted to",
        source="Ravfogel et al., Null it out: guarding protected attributes by iterative nullspace projection, 2020",
        irreversible=partly_lost(
            "A few coordinates, one for each round, are the same for everybody and cannot be restored."
        ),
    )

    def learn(self, lesson: Lesson) -> Arrays:
        """Learn as many directions as there are rounds, fewer where nothing is left."""
        from sklearn.linear_model import LogisticRegression

        middle = lesson.middle
        size = float(np.sqrt(((lesson.rows - middle) ** 2).mean())) or 1.0
        basis = np.zeros((lesson.rows.shape[1], 0))
        for _ in range(self.parameters.rounds):
            left = (without(lesson.rows, basis, middle) - middle) / size
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = LogisticRegression(C=_STRENGTH, max_iter=200)
                model.fit(left, lesson.labels, sample_weight=lesson.weights * lesson.people)
            direction = model.coef_.T - basis @ (basis.T @ model.coef_.T)
            if np.linalg.norm(direction) < 1e-9 or basis.shape[1] + 1 >= basis.shape[0]:
                break
            basis = np.hstack([basis, orthonormal(direction)])
        return {"basis": basis, "middle": middle}

    def map_rows(self, arrays: Arrays, rows: Floats64, drawn: Floats64, men: Floats64) -> Floats64:
        """Project the directions out."""
        return without(rows, arrays["basis"], arrays["middle"])
