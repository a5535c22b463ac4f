"""Parts of an attacker's people, for the curve of what the attacker learns by their number.

Parts are drawn by seed, subjects and never single images, as many of each label as there are in all; the parts of one
draw contain each other. The means have the weights that they have with all people: the curve shows what people add, not
what a choice among more means adds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepriv.types import FEMALE, MALE, Floats64, Integers

PARTS = (1 / 8, 1 / 4, 1 / 2)
"""Parts of an attacker's people that are learnt from beside all."""
FEWEST, FEWEST_OF_LABEL = 6, 2
"""People, and people of either label, without whom a part is left out: attackers learn from no fewer elsewhere."""


@dataclass(frozen=True, eq=False)
class PartialAttack:
    """Guesses of an attacker who has learnt from a part of the people only."""

    subjects: float
    """Number of people learnt from; the mean over folds."""
    log_odds: Floats64
    """``(D, n)`` of D draws of the part: posterior log-odds of the images; NaN = nothing to go on."""


def draw_parts(
    subjects: NDArray[np.str_], labels: Integers, *, draws: int, seed: int
) -> Iterator[tuple[float, Integers]]:
    """Yield every part of `PARTS` that is large enough with the rows ``(k,)`` drawn, as often as there are draws.

    Parameters
    ----------
    subjects, labels : ``(n,)`` of the images; the label of a subject's first image counts.
    """
    names, first, member = np.unique(subjects, return_index=True, return_inverse=True)
    groups = [np.flatnonzero(labels[first] == label) for label in (MALE, FEMALE)]
    rng = np.random.default_rng([seed, len(names)])
    for _ in range(draws):
        orders = [rng.permutation(group) for group in groups]
        for part in PARTS:
            drawn = [order[: round(part * len(order))] for order in orders]
            if sum(map(len, drawn)) >= FEWEST and min(map(len, drawn)) >= FEWEST_OF_LABEL:
                yield part, np.flatnonzero(np.isin(member, np.concatenate(drawn)))
