"""A random share of people, drawn by key, is mirrored at the plane half way between the genders."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from facepriv.protect import base
from facepriv.protect.base import Arrays, Lesson, Protection, ProtectionCard
from facepriv.protect.directions import orthonormal
from facepriv.protect.draws import Draws
from facepriv.types import Floats64, Integers


class Parameters(base.Parameters):
    """Parameters of mirroring."""

    proportion: float = Field(0.5, ge=0, le=1, description="Share of people who are mirrored.")


class Mirroring(Protection):
    """Mirrors the coordinate along the difference of the genders' means for a random share of people."""

    Parameters = Parameters
    card = ProtectionCard(
        name="mirroring",
        title="Random share mirrored",
        needs="labelled templates of the same matcher",
        label_at_enrolment="none",
        keyed=True,
        undone_by="whoever holds the map and the key",
        broken_by="attackers who retrain on protected templates: gender lies in more than one direction, and the "
        "mirrored coordinate has two clusters for each gender",
        source="Mirjalili and Ross, Soft biometric privacy, 2017 (the proportion, on images)",
    )

    def learn(self, lesson: Lesson) -> Arrays:
        """Learn the direction and the middle."""
        return {"basis": orthonormal(lesson.gap[:, None]), "middle": lesson.middle}

    def map_rows(self, arrays: Arrays, rows: Floats64, draws: Draws, labels: Integers) -> Floats64:
        """Mirror whom the key drew."""
        drawn = draws.uniform(1) < self.parameters.proportion
        along = (rows - arrays["middle"]) @ arrays["basis"]
        return np.asarray(rows - np.where(drawn, 2 * along, 0.0) @ arrays["basis"].T)
