"""Identity subspace: a template is reduced to the few directions in which people differ most, without the gender one.

Gender lies mostly in directions in which people differ little, and a matcher loses little with them. What n people tell
of the genders' difference is uncertain by ``4 / n`` of the variance in every direction, so each direction that stays
may leak as much, however little it tells of identity. The few that tell most of it stay; all others are replaced by
coordinates that a key draws, one set a person. Among those that stay, the difference of the means is projected out,
estimated as a normal prior of equal variance in all directions has it (empirical Bayes; Efron and Morris, 1973).

Measurements: docs/adr/0036-the-recommended-protection-is-an-identity-subspace.md.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from facepriv.protect import base
from facepriv.protect.base import Arrays, Lesson, Protection, ProtectionCard, unit_rows
from facepriv.protect.directions import orthonormal
from facepriv.protect.draws import Draws
from facepriv.types import Floats64, Integers

LEAST_DIRECTIONS, MOST_DIRECTIONS = 20, 60
"""Directions that stay by default, whatever the number of people: with fewer, people are confused; of more, nothing was
measured that would help."""
PEOPLE_PER_DIRECTION = 3


class Parameters(base.Parameters):
    """Parameters of the identity subspace."""

    directions: int | None = Field(
        None,
        ge=2,
        le=4096,
        description="Directions that stay; more of them tell people apart better and leak more. None takes one for "
        f"{PEOPLE_PER_DIRECTION} people that it is fitted to, {LEAST_DIRECTIONS} to {MOST_DIRECTIONS}.",
    )
    drawn: int = Field(32, ge=0, le=1024, description="Directions along which the key draws coordinates.")
    drawn_share: float = Field(
        0.5, ge=0, lt=1, description="Share of the drawn coordinates in the squared length of what tells people apart."
    )


class IdentitySubspace(Protection):
    """Leaves the directions in which people differ most, without gender's; the key draws all other coordinates."""

    Parameters = Parameters
    card = ProtectionCard(
        name="identity-subspace",
        title="Identity subspace with drawn coordinates",
        needs="labelled templates of the same matcher, the more people the better",
        label_at_enrolment="none",
        keyed=True,
        undone_by="nobody: the other coordinates are gone; the key only tells what was drawn instead",
        broken_by="nothing known; an attacker who holds labels of very many people will find what the people it was "
        "fitted to did not show",
        source="design of facepriv; see ADR 0036",
        probes="mapped",
    )

    def learn(self, lesson: Lesson) -> Arrays:
        """Learn the directions that stay, and those that are drawn with their spreads."""
        middle, width = lesson.middle, lesson.rows.shape[1]
        axis = orthonormal(middle[:, None]) if lesson.metric == "cosine" else np.zeros((width, 0))
        deviations = lesson.deviations - (lesson.deviations @ axis) @ axis.T
        gap = lesson.gap - axis @ (axis.T @ lesson.gap)
        covariance = (deviations * lesson.weights[:, None]).T @ deviations
        variances, vectors = np.linalg.eigh(covariance)
        # The axis itself has no variance left and comes last.
        variances, vectors = variances[::-1][: width - axis.shape[1]], vectors[:, ::-1][:, : width - axis.shape[1]]
        variances = np.maximum(variances, 0.0)

        count = min(self._count(lesson.people), vectors.shape[1])
        gender = _posterior_gap(vectors.T @ gap, variances, lesson.people)[:count, None]
        left = np.linalg.svd(gender, full_matrices=True)[0]
        stays = vectors[:, :count] @ left[:, 1:]
        along = left[:, 0]
        drawn = np.column_stack([vectors[:, :count] @ along, vectors[:, count:]])[:, : self._drawn]
        gendered = float(along**2 @ variances[:count] + (along @ gender[:, 0]) ** 2 / 4)
        spreads = np.sqrt(np.concatenate([[gendered], variances[count:]]))
        identity = float(variances[:count].sum() - along**2 @ variances[:count])
        return {
            "middle": middle,
            "axis": axis,
            "stays": stays,
            "drawn": drawn,
            "spreads": spreads[: self._drawn],
            "size": np.sqrt(np.asarray(identity)),
        }

    def map_rows(self, arrays: Arrays, rows: Floats64, draws: Draws, labels: Integers) -> Floats64:
        """Reduce templates, and draw what is missing."""
        normal = draws.normal(len(arrays["spreads"])) * arrays["spreads"]
        # All of one length: the length of what is drawn must not depend on who it is drawn for.
        noise = unit_rows(normal) if normal.shape[1] else normal
        return self._composed(arrays, rows, noise)

    def map_probe_rows(self, arrays: Arrays, rows: Floats64) -> Floats64:
        """Reduce probes; nothing is drawn for them."""
        return self._composed(arrays, rows, None)

    def _composed(self, arrays: Arrays, rows: Floats64, noise: Floats64 | None) -> Floats64:
        share = self.parameters.drawn_share if noise is not None and noise.shape[1] else 0.0
        axis, middle = arrays["axis"], arrays["middle"]
        identity = (rows - middle) @ arrays["stays"]
        if axis.shape[1]:
            # On the sphere: the common direction as long as it is on average, the rest shared out.
            rest = np.sqrt(max(1 - float(middle @ middle), 0.0))
            composed = middle + rest * np.sqrt(1 - share) * unit_rows(identity) @ arrays["stays"].T
            length = rest * np.sqrt(share)
        else:
            composed = middle + identity @ arrays["stays"].T
            length = arrays["size"] * np.sqrt(share / (1 - share))
        if share:
            assert noise is not None
            composed = composed + length * noise @ arrays["drawn"].T
        return np.asarray(composed)

    def _count(self, people: int) -> int:
        given: int | None = self.parameters.directions
        return given or min(max(people // PEOPLE_PER_DIRECTION, LEAST_DIRECTIONS), MOST_DIRECTIONS)

    @property
    def _drawn(self) -> int:
        return int(self.parameters.drawn)


def _posterior_gap(gap: Floats64, variances: Floats64, people: int) -> Floats64:
    """Return what the difference of the means ``(d,)`` is expected to be, of which an estimate was seen.

    Half of the people are taken for men: the estimate's variance is then ``4 / people`` of the variance of a person.
    """
    seen = variances * 4 / people
    prior = max((gap @ gap - seen.sum()) / len(gap), 1e-3 * float(seen.mean()), 1e-300)
    return np.asarray(gap * prior / (prior + seen))
