"""Incremental variable elimination (Terhörst et al., 2019): the numbers that tell gender most are set to zero."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from facepriv.protect import base
from facepriv.protect.base import Arrays, Lesson, Protection, ProtectionCard, partly_lost
from facepriv.protect.elimination import eliminate
from facepriv.types import Flags, Floats64


class Parameters(base.Parameters):
    """Parameters of incremental variable elimination."""

    eliminated: float = Field(0.5, ge=0, lt=1, description="Share of a template's numbers that are eliminated.")
    steps: int = Field(8, ge=1, le=100, description="Steps in which they are eliminated; trees are grown at each.")


class Ive(Protection):
    """Sets the numbers to zero that a forest of trees finds most telling, step by step."""

    Parameters = Parameters
    card = ProtectionCard(
        name="ive",
        title="Incremental variable elimination (IVE)",
        needs="labelled templates of the same matcher",
        label_at_enrolment="none",
        keyed=False,
        undone_by="nobody: the numbers are gone",
        broken_by="attackers who retrain on protected templates: the numbers that are left still tell gender "
        "(71 to 88 % right, ADR 0036)",
        source="Terhörst et al., Suppressing gender and age in face templates using incremental variable elimination, "
        "2019",
        irreversible=partly_lost("The numbers that were set to zero cannot be restored."),
        probes="mapped",
    )

    def learn(self, lesson: Lesson) -> Arrays:
        """Learn which numbers are left."""
        return {"left": eliminate_in(lesson, lesson.rows, self.parameters).astype(np.float64)}

    def map_rows(self, arrays: Arrays, rows: Floats64, drawn: Floats64, men: Floats64) -> Floats64:
        """Set the others to zero."""
        return self.map_probe_rows(arrays, rows)

    def map_probe_rows(self, arrays: Arrays, rows: Floats64) -> Floats64:
        """Set the others to zero."""
        result: Floats64 = rows * arrays["left"]
        return result


def eliminate_in(lesson: Lesson, x: Floats64, parameters: Parameters) -> Flags:
    """Return which features ``(n, d)`` are left, as the parameters have it."""
    count = int(parameters.eliminated * x.shape[1])
    step = max(1, -(-count // parameters.steps))
    seed = int(lesson.rng.integers(2**31))
    return eliminate(x, lesson.labels, lesson.weights, min(count, x.shape[1] - 1), step, seed)
