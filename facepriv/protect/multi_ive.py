"""Multi-IVE (Melzi et al., 2023): variables are eliminated among principal components instead of a template's numbers.

The paper eliminates for several attributes in turn; here there is one.
"""

from __future__ import annotations

import numpy as np

from facepriv.protect import ive
from facepriv.protect.base import Arrays, Lesson, Protection, ProtectionCard, partly_lost
from facepriv.types import Floats64


class MultiIve(Protection):
    """Takes away the principal components that a forest of trees finds most telling, step by step."""

    Parameters = ive.Parameters
    card = ProtectionCard(
        name="multi-ive",
        title="Elimination of principal components (Multi-IVE)",
        needs="labelled templates of the same matcher",
        label_at_enrolment="none",
        keyed=False,
        undone_by="nobody: the components are gone",
        broken_by="attackers who retrain on protected templates: the components that are left still tell gender",
        source="Melzi et al., Multi-IVE: privacy enhancement of multiple soft-biometrics in face embeddings, 2023",
        irreversible=partly_lost("The components that were taken away cannot be restored."),
        probes="mapped",
    )

    def learn(self, lesson: Lesson) -> Arrays:
        """Learn the principal components that are left."""
        mean = lesson.weights @ lesson.rows
        centred = lesson.rows - mean
        covariance = (centred * lesson.weights[:, None]).T @ centred
        components = np.linalg.eigh(covariance)[1][:, ::-1]
        left = ive.eliminate_in(lesson, centred @ components, self.parameters)
        return {"mean": mean, "left": components[:, left]}

    def map_rows(self, arrays: Arrays, rows: Floats64, drawn: Floats64, men: Floats64) -> Floats64:
        """Project to the components that are left."""
        return self.map_probe_rows(arrays, rows)

    def map_probe_rows(self, arrays: Arrays, rows: Floats64) -> Floats64:
        """Project to the components that are left."""
        result: Floats64 = arrays["mean"] + ((rows - arrays["mean"]) @ arrays["left"]) @ arrays["left"].T
        return result
