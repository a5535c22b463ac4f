"""A random share of people, drawn by key, is mirrored at the plane half way between the genders."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from facepriv.protect import base
from facepriv.protect.base import Arrays, Lesson, Protection, ProtectionCard, Requirement
from facepriv.protect.directions import orthonormal
from facepriv.protect.draws import Draws
from facepriv.types import Floats64


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
        irreversible=Requirement(
            "no",
            "Nothing is lost: the key tells who was mirrored, and mirroring again gives the original template.",
        ),
        unlinkable=Requirement(
            "no",
            "Only one coordinate depends on the key; all others are the same in every release.",
        ),
        renewable=Requirement(
            "no",
            "A new key changes nothing for about half of the people, so a stolen template may stay valid.",
        ),
    )

    def learn(self, lesson: Lesson) -> Arrays:
        """Learn the direction and the middle."""
        return {"basis": orthonormal(lesson.gap[:, None]), "middle": lesson.middle}

    def draw(self, arrays: Arrays, draws: Draws) -> Floats64:
        """Draw who is mirrored: ``(n, 1)`` 1 or 0."""
        return np.where(draws.uniform(1) < self.parameters.proportion, 1.0, 0.0)

    def map_rows(self, arrays: Arrays, rows: Floats64, drawn: Floats64, men: Floats64) -> Floats64:
        """Mirror whom the key drew."""
        along = (rows - arrays["middle"]) @ arrays["basis"]
        result: Floats64 = rows - (2 * drawn * along) @ arrays["basis"].T
        return result
