"""A random share of people, drawn by key, is mapped to the other gender: the 2017 paper's proportion, on templates."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from facepriv.protect import enrolment
from facepriv.protect.base import Arrays, Lesson, ProtectionCard, Requirement
from facepriv.protect.draws import Draws
from facepriv.protect.enrolment import LabelledProtection
from facepriv.protect.gaussian_transport import learn_transport
from facepriv.types import Floats64


class Parameters(enrolment.Parameters):
    """Parameters of the mapping to the other gender."""

    proportion: float = Field(0.5, ge=0, le=1, description="Share of people who are mapped to the other gender.")
    shrinkage: float = Field(0.6, ge=0, le=1, description="How far covariances are shrunk towards a ball, 0 to 1.")


class Crossing(LabelledProtection):
    """Moves a random share of people to the other gender by Gaussian optimal transport; the others stay."""

    Parameters = Parameters
    card = ProtectionCard(
        name="crossing",
        title="Random share mapped to the other gender",
        needs="labelled templates of the same matcher",
        label_at_enrolment="label",
        keyed=True,
        undone_by="whoever holds the map and the key",
        broken_by="attackers who retrain on protected templates: mapped ones still differ a little from untouched ones",
        source="Mirjalili and Ross, Soft biometric privacy, 2017 (the proportion, on images)",
        irreversible=Requirement(
            "no",
            "Nothing is lost: the key tells who was mapped, and the inverse map gives the original template.",
        ),
        unlinkable=Requirement(
            "no",
            "Whoever was not drawn keeps the original template, and mapped templates are like their originals.",
        ),
        renewable=Requirement(
            "no",
            "A new key changes nothing for about half of the people, so a stolen template may stay valid.",
        ),
    )

    def learn_maps(self, lesson: Lesson) -> Arrays:
        """Learn the maps of either gender to the other."""
        maps = learn_transport(lesson, self.parameters.shrinkage)
        return {
            "male_mean": maps.male_mean,
            "female_mean": maps.female_mean,
            "male_map": maps.to_female,
            "female_map": maps.to_male,
        }

    def draw(self, arrays: Arrays, draws: Draws) -> Floats64:
        """Draw who is mapped: ``(n, 1)`` 1 or 0."""
        return np.where(draws.uniform(1) < self.parameters.proportion, 1.0, 0.0)

    def map_labelled(self, arrays: Arrays, rows: Floats64, drawn: Floats64, men: Floats64) -> Floats64:
        """Map whom the key drew."""
        to_female = arrays["female_mean"] + (rows - arrays["male_mean"]) @ arrays["male_map"]
        to_male = arrays["male_mean"] + (rows - arrays["female_mean"]) @ arrays["female_map"]
        return np.where(drawn > 0, np.where(men > 0, to_female, to_male), rows)
