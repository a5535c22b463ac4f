"""Several guides at once: what each still lacks, on a scale of its own, and what the stored file shows all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.versions import make_version
from facepriv.perturb.base import find_again, score_face, side_of
from facepriv.types import AttributeClassifier, Face, Image

LEAST_SCALE = 1.0
"""Nats; a guide that is nearly turned from the start does not make its small rest look like a long way."""

PLAIN = "file"
"""Name of the stored file itself among its versions."""


@dataclass(frozen=True, eq=False)
class Look:
    """What the guides say of a stored file in which the face was found anew."""

    found: Face | None
    """The face found in the file itself; None if it was lost there."""
    margins: NDArray[np.float64]
    """``(versions, guides)``: score times side, the file itself first; negative is wrong; NaN where no face was."""


class Guides:
    """All guides of one face.

    A guide's margin is its score times the side to leave: positive while it is right. Scores of different networks have
    different spreads, so what is still to be done is measured in each guide's own way from the original to the goal:
    1 at the original, 0 at the goal, the same for all.
    """

    def __init__(self, classifiers: Sequence[AttributeClassifier], face: Face, goal: float) -> None:
        self.classifiers = classifiers
        first = np.array([score_face(classifier, face) for classifier in classifiers])
        self.sides = np.array([side_of(face, score) for score in first])
        """``(guides,)`` of -1, +1."""
        self.first_score = float(first[0])
        self.first = first * self.sides
        """``(guides,)`` margins of the original."""
        self.scales = np.maximum(self.first - goal, LEAST_SCALE)

    def labelled(self, face: Face) -> Face:
        """Return the face with the first guide's verdict as its label where it has none."""
        return face if face.label is not None else replace(face, label=int(self.sides[0]))

    def lacking(self, margins: NDArray[np.float64], goals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Say what the worst guide still lacks, ``(..., guides)`` to ``(...,)``; at most 0 when all reach the goals."""
        worst: NDArray[np.float64] = ((margins - goals) / self.scales).max(axis=-1)
        return worst

    def look(self, face: Face, stored: Image, versions: Sequence[str], *, until: float | None = None) -> Look:
        """Find the face anew in a stored file and in versions of it, and score each with every guide.

        With ``until``, versions after the first in which a margin is greater or no face is found are not looked at.
        """
        margins = np.full((1 + len(versions), len(self.classifiers)), np.nan)
        plain: Face | None = None
        for row, name in enumerate([PLAIN, *versions]):
            found = find_again(face, stored if name == PLAIN else make_version(stored, name))
            plain = found if name == PLAIN else plain
            if found is not None:
                margins[row] = [score_face(one, found) for one in self.classifiers] * self.sides
            if until is not None and (found is None or margins[row].max() > until):
                break
        return Look(found=plain, margins=margins)
