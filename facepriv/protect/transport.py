"""Both genders are moved to their barycentre by Gaussian optimal transport."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from facepriv.protect import enrolment
from facepriv.protect.base import Arrays, Lesson, ProtectionCard, Requirement
from facepriv.protect.enrolment import LabelledProtection
from facepriv.protect.gaussian_transport import learn_transport
from facepriv.types import Floats64


class Parameters(enrolment.Parameters):
    """Parameters of the transport to the barycentre."""

    shrinkage: float = Field(0.6, ge=0, le=1, description="How far covariances are shrunk towards a ball, 0 to 1.")


class Transport(LabelledProtection):
    """Moves men and women half way to each other, so that means and covariances agree."""

    Parameters = Parameters
    card = ProtectionCard(
        name="transport",
        title="Optimal transport to the barycentre",
        needs="labelled templates of the same matcher",
        label_at_enrolment="label",
        keyed=False,
        undone_by="whoever holds the map and guesses the label",
        broken_by="nearest neighbours trained on protected templates: with little shrinkage the map prints the label "
        "back into the templates",
        source="Gordaliza et al., Obtaining fairness using optimal transport theory, 2019",
        irreversible=Requirement(
            "no",
            "Nothing is lost: whoever holds the map and guesses the label computes the original template.",
        ),
    )

    def learn_maps(self, lesson: Lesson) -> Arrays:
        """Learn the maps of either gender."""
        maps = learn_transport(lesson, self.parameters.shrinkage)
        unit = np.eye(len(maps.male_mean))
        return {
            "male_mean": maps.male_mean,
            "female_mean": maps.female_mean,
            "male_map": (unit + maps.to_female) / 2,
            "female_map": (unit + maps.to_male) / 2,
        }

    def map_labelled(self, arrays: Arrays, rows: Floats64, drawn: Floats64, men: Floats64) -> Floats64:
        """Map men by their map, women by theirs."""
        middle = (arrays["male_mean"] + arrays["female_mean"]) / 2
        male = middle + (rows - arrays["male_mean"]) @ arrays["male_map"]
        female = middle + (rows - arrays["female_mean"]) @ arrays["female_map"]
        return np.where(men > 0, male, female)
