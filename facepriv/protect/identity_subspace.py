"""Identity subspace: a template is reduced to the few directions in which people differ most, without the gender one.

Gender lies mostly in directions in which people differ little, and a matcher loses little with them. What n people tell
of the genders' difference is uncertain by ``4 / n`` of the variance in every direction, so each direction that stays
may leak as much, however little it tells of identity. The few that tell most of it stay; all others are replaced by
coordinates that a key draws, one set a person. Among those that stay, the difference of the means is projected out,
estimated as a normal prior of equal variance in all directions has it (empirical Bayes; Efron and Morris, 1973).

Where the metric is the cosine, the length that is missing goes to the mean template's direction, which all people
share: on the sphere the cosine then tells as much as the distance does. The cosine of what is left alone would not: it
makes everybody as far from the middle as anybody.

Measurements: docs/adr/0036-the-recommended-protection-is-an-identity-subspace.md.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from facepriv.errors import BadInputError
from facepriv.protect import base
from facepriv.protect.base import Arrays, Lesson, Protection, ProtectionCard, Requirement, unit_rows
from facepriv.protect.draws import Draws
from facepriv.types import Floats64

LEAST_DIRECTIONS, MOST_DIRECTIONS = 20, 60
"""Directions that stay by default, whatever the number of people: with fewer, people are confused; of more, nothing was
measured that would help."""
PEOPLE_PER_DIRECTION = 3
_FEWEST = 2
_LONGEST = 0.97
"""Length of the coordinates that stay, at most, so that something is left along the axis."""


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
        0.5,
        ge=0,
        lt=1,
        description="Squared length of what is drawn, as a share of people's variance; more hides more and lowers "
        "the scores of protected templates.",
    )


class IdentitySubspace(Protection):
    """Leaves the directions in which people differ most, without gender's; the key draws all other coordinates."""

    Parameters = Parameters
    card = ProtectionCard(
        name="identity-subspace",
        title="Identity subspace with drawn coordinates",
        needs="labelled templates of the same matcher, best of people like those protected, the more the better; the "
        "threshold has to be set anew",
        label_at_enrolment="none",
        keyed=True,
        undone_by="nobody: the other coordinates are gone; the key only tells what was drawn instead",
        broken_by="nothing known; attackers who hold labels of many people find what the few it was fitted to did not "
        "show (59 to 67 % right where it was fitted to 33 people, ADR 0036)",
        source="design of facepriv; see ADR 0036",
        irreversible=Requirement(
            "partly",
            "Only the coordinates in which people differ most stay; the others cannot be restored, not even with the "
            "key. What stays identifies a person, and a coarse face may be reconstructed from it.",
        ),
        unlinkable=Requirement(
            "partly",
            "The drawn coordinates depend on the key; those that stay are the same in every release and link people.",
        ),
        renewable=Requirement(
            "partly",
            "A new key draws new coordinates, but a stolen template still matches by those that stay.",
        ),
        probes="mapped",
    )

    def learn(self, lesson: Lesson) -> Arrays:
        """Learn the directions that stay, and those that are drawn with their spreads."""
        middle, width = lesson.middle, lesson.rows.shape[1]
        axis = _unit(middle) if lesson.metric == "cosine" else np.zeros(width)
        across = np.linalg.svd(axis[:, None], full_matrices=True)[0][:, 1:] if axis.any() else np.eye(width)
        deviations = lesson.deviations @ across
        vectors = across @ np.linalg.eigh(_covariance_of_people(deviations, lesson))[1][:, ::-1]
        variances = lesson.weights @ (lesson.deviations @ vectors) ** 2

        count = min(self._count(lesson.people), vectors.shape[1])
        if count < _FEWEST:
            raise BadInputError(
                f"Templates of {width} numbers are too short to take gender out and still tell people apart; choose "
                "another protection.",
                code="bad-parameter",
            )
        gender = _posterior_gap(vectors.T @ lesson.gap, variances, lesson.people)[:count]
        # The first column of an orthogonal matrix along gender, the others across.
        turned = np.linalg.svd(gender[:, None], full_matrices=True)[0]
        stays = vectors[:, :count] @ turned[:, 1:]
        drawn = np.column_stack([vectors[:, :count] @ turned[:, 0], vectors[:, count:]])[:, : self.parameters.drawn]
        spreads = np.sqrt(lesson.weights @ ((lesson.rows - middle) @ drawn) ** 2)
        variance = lesson.weights @ ((lesson.rows - middle) ** 2).sum(axis=1)
        if axis.any():
            # What is lost of people's variance is made up for.
            stays = stays * np.sqrt(variance / max(lesson.weights @ ((lesson.rows @ stays) ** 2).sum(axis=1), 1e-12))
        length = np.sqrt(self.parameters.drawn_share * variance) if drawn.shape[1] else 0.0
        return {
            "middle": middle,
            "axis": axis,
            "stays": stays,
            "drawn": drawn,
            "spreads": spreads,
            "length": np.asarray(length),
        }

    def draw(self, arrays: Arrays, draws: Draws) -> Floats64:
        """Draw coordinates ``(n, k)`` of one length: how much is drawn must not depend on who it is drawn for."""
        return float(arrays["length"]) * unit_rows(draws.normal(len(arrays["spreads"])) * arrays["spreads"])

    def map_rows(self, arrays: Arrays, rows: Floats64, drawn: Floats64, men: Floats64) -> Floats64:
        """Reduce templates, and add what was drawn."""
        reduced = self.map_probe_rows(arrays, rows)
        length = float(arrays["length"]) if arrays["axis"].any() else 0.0
        result: Floats64 = float(np.sqrt(1 - length**2)) * reduced + drawn @ arrays["drawn"].T
        return result

    def map_probe_rows(self, arrays: Arrays, rows: Floats64) -> Floats64:
        """Reduce probes; nothing is drawn for them."""
        return reduce_rows(rows, arrays["stays"], arrays["axis"], arrays["middle"])

    def _count(self, people: int) -> int:
        given: int | None = self.parameters.directions
        return given or min(max(people // PEOPLE_PER_DIRECTION, LEAST_DIRECTIONS), MOST_DIRECTIONS)


def reduce_rows(rows: Floats64, stays: Floats64, axis: Floats64, middle: Floats64) -> Floats64:
    """Return rows ``(n, d)`` reduced to the directions ``(d, k)`` that stay.

    With an axis ``(d,)`` they lie on the sphere: the coordinates along the directions that stay, stretched as much as
    these are longer than 1, and what is missing along the axis. With an axis of zeros what is missing is as in the
    middle ``(d,)``.
    """
    if not axis.any():
        result: Floats64 = middle + ((rows - middle) @ stays) @ stays.T
        return result
    size = float(np.linalg.norm(stays[:, 0]))
    identity = rows @ stays
    lengths = np.sqrt((identity * identity).sum(axis=1, keepdims=True))
    identity = identity * (_LONGEST / np.maximum(lengths, _LONGEST))
    missing = np.sqrt(1.0 - (identity * identity).sum(axis=1, keepdims=True))
    result = identity @ (stays.T / size) + missing * axis
    return result


def _unit(vector: Floats64) -> Floats64:
    """Return a vector of length 1; of no direction the first one."""
    return np.asarray(unit_rows(vector[None])[0])


def _covariance_of_people(deviations: Floats64, lesson: Lesson) -> Floats64:
    """Return the covariance ``(d, d)`` of people, less what the templates of one person differ by.

    It may have negative values, where people differ less than their templates do.
    """
    images = np.bincount(lesson.subjects)
    means = np.zeros((lesson.people, deviations.shape[1]))
    np.add.at(means, lesson.subjects, deviations / images[lesson.subjects][:, None])
    person_weights = np.bincount(lesson.subjects, lesson.weights)
    between = (means * person_weights[:, None]).T @ means
    within = deviations - means[lesson.subjects]
    freedom = float(np.sum(images - 1))
    if not freedom:
        return np.asarray(between)
    # A mean of k templates differs from the person by 1 / k of the variance of one.
    return np.asarray(between - (within.T @ within) / freedom * (person_weights @ (1 / images)))


def _posterior_gap(gap: Floats64, variances: Floats64, people: int) -> Floats64:
    """Return what the difference of the means ``(d,)`` is expected to be, of which an estimate was seen.

    Half of the people are taken for men: the estimate's variance is then ``4 / people`` of the variance of a person.
    """
    seen = variances * 4 / people
    prior = max((gap @ gap - seen.sum()) / len(gap), 1e-3 * float(seen.mean()), 1e-300)
    return np.asarray(gap * prior / (prior + seen))
