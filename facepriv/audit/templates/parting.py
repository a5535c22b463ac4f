"""Three-way parting of people: those a protection is fitted on, those the attacker knows, those who are attacked.

An attacker who has learnt from the very people that a protection was fitted on is right in 35 to 50 % of the cases
whatever is left: fitting has made *their* labels unreadable, not anybody's. So the three are different people. Parts
take turns, so that everybody is attacked once, and every pair of people is together outside the fit exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.types import FEMALE, MALE, Integers

PARTS = 3
FEWEST_OF_LABEL = 2
"""People of either label in each part."""


@dataclass(frozen=True, eq=False)
class Parting:
    """Rows of the three parts in one turn; together they are all rows."""

    fitted: Integers
    """Whom the protection is fitted on."""
    known: Integers
    """Whose labels the attacker knows."""
    tested: Integers
    """Whose labels he guesses."""


def part_people(subjects: NDArray[np.str_], labels: NDArray[np.int8], *, seed: int) -> list[Parting]:
    """Return the three turns of one random parting, in which each part is fitted on, known and tested once.

    Parameters
    ----------
    subjects : (n,) subject of each row; their rows stay together.
    labels : (n,) +1 male, -1 female, the same for all rows of a subject; each label is spread evenly over the parts.

    Raises
    ------
    BadInputError
        ``too-few-subjects`` if a part would have fewer than two people of a label.
    """
    part = draw_parts_of_people(subjects, labels, PARTS, seed=seed)
    turns = [[np.flatnonzero(part == (turn + role) % PARTS) for role in range(PARTS)] for turn in range(PARTS)]
    return [Parting(*roles) for roles in turns]


def draw_parts_of_people(subjects: NDArray[np.str_], labels: NDArray[np.int8], parts: int, *, seed: int) -> Integers:
    """Return the part ``(n,)`` of each row; people of each label are spread evenly at random over the parts.

    Raises
    ------
    BadInputError
        ``too-few-subjects`` if a part would have fewer than two people of a label.
    """
    people, first, member = np.unique(subjects, return_index=True, return_inverse=True)
    rng = np.random.default_rng([seed, len(people), parts])
    of_person = np.empty(len(people), dtype=np.int64)
    placed = 0
    for label, name in ((MALE, "men"), (FEMALE, "women")):
        group = np.flatnonzero(labels[first] == label)
        if len(group) < parts * FEWEST_OF_LABEL:
            raise BadInputError(
                f"Expected at least {parts * FEWEST_OF_LABEL} {name}, {FEWEST_OF_LABEL} for each of {parts} parts, got "
                f"{len(group)}; add people, or labels of those there are.",
                code="too-few-subjects",
            )
        # The second label goes on where the first one stopped, so that no part is much larger than another.
        of_person[rng.permutation(group)] = (placed + np.arange(len(group))) % parts
        placed += len(group)
    return of_person[member]
