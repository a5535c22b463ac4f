"""The coordinate along the gender direction is replaced by that of a donor, drawn by key, one a person."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from facepriv.protect import base
from facepriv.protect.base import Arrays, Lesson, Protection, ProtectionCard, Requirement, partly_lost
from facepriv.protect.directions import orthonormal
from facepriv.protect.draws import Draws
from facepriv.types import FEMALE, MALE, Floats64, Integers


class Parameters(base.Parameters):
    """Parameters of donor coordinates."""

    directions: int = Field(
        1,
        ge=1,
        le=64,
        description="Directions whose coordinates are replaced: the difference of the means, then those in which "
        "people vary most.",
    )


class DonorCoordinate(Protection):
    """Replaces few coordinates by those of a man or a woman, with equal chances; which one, the key draws."""

    Parameters = Parameters
    card = ProtectionCard(
        name="donor-coordinate",
        title="Donor's coordinate along the gender direction",
        needs="labelled templates of the same matcher; the file holds the replaced coordinates of the people it was "
        "fitted to",
        label_at_enrolment="none",
        keyed=True,
        undone_by="nobody: the coordinate is gone; the key only tells the donor",
        broken_by="attackers who retrain on protected templates: gender lies in more than one direction (73 to 81 % "
        "right, ADR 0036)",
        source="design of facepriv; random replacement as in Warner, Randomized response, 1965",
        irreversible=partly_lost(
            "The replaced coordinates, one by default, cannot be restored, not even with the key."
        ),
        unlinkable=Requirement(
            "no",
            "Only the replaced coordinates depend on the key; all others are the same in every release.",
        ),
        renewable=Requirement(
            "partly",
            "A new key draws new donors, but a stolen template still matches by all other coordinates.",
        ),
    )

    def learn(self, lesson: Lesson) -> Arrays:
        """Learn the directions and the donors' coordinates."""
        gap = orthonormal(lesson.gap[:, None])
        rest = lesson.deviations - (lesson.deviations @ gap) @ gap.T
        covariance = (rest * lesson.weights[:, None]).T @ rest
        more = np.linalg.eigh(covariance)[1][:, ::-1][:, : self.parameters.directions - 1]
        basis = orthonormal(np.hstack([gap, more]))
        along = (lesson.rows - lesson.middle) @ basis
        return {
            "basis": basis,
            "middle": lesson.middle,
            "men": along[lesson.labels == MALE],
            "women": along[lesson.labels == FEMALE],
        }

    def draw(self, arrays: Arrays, draws: Draws) -> Floats64:
        """Draw the donors, and return their coordinates ``(n, k)``."""
        man, which = np.split(draws.uniform(2), 2, axis=1)
        men, women = arrays["men"], arrays["women"]
        return np.where(man < 0.5, men[_index(which, men)], women[_index(which, women)])

    def map_rows(self, arrays: Arrays, rows: Floats64, drawn: Floats64, men: Floats64) -> Floats64:
        """Replace the coordinates by the donors'."""
        return replace_coordinates(rows, arrays["basis"], arrays["middle"], drawn)


def _index(uniform: Floats64, pool: Floats64) -> Integers:
    return (uniform[:, 0] * len(pool)).astype(np.int64)


def replace_coordinates(rows: Floats64, basis: Floats64, middle: Floats64, coordinates: Floats64) -> Floats64:
    """Return rows ``(n, d)`` with the coordinates ``(n, k)`` along a basis ``(d, k)``, counted from a middle."""
    result: Floats64 = rows + (coordinates - (rows - middle) @ basis) @ basis.T
    return result
