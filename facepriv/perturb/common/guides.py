"""Several guides at once: how far each is from its goal, and their margins on the stored file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.acquire import look_again
from facepriv.imaging.versions import make_version
from facepriv.perturb.base import score_face, side_of
from facepriv.types import AttributeClassifier, Face, Image

LEAST_SCALE = 1.0
"""Nats; a guide that is nearly turned from the start does not make its small rest look like a long way."""


@dataclass(frozen=True, eq=False)
class FileMargins:
    """The guides' margins on a stored file in which the face was found again."""

    face: Face | None
    """The face found in the file itself; None if it was lost there."""
    margins: NDArray[np.float64]
    """``(versions, guides)``: score times side, the file itself first; negative is wrong; NaN where no face was found,
    and where the rest was left out."""


class Guides:
    """All guides of one face.

    A guide's margin is its score times the side to leave: positive while it is right. Scores of different networks have
    different spreads, so what is still to be done is measured in each guide's own way from the original to the goal:
    1 at the original, 0 at the goal, the same for all.
    """

    def __init__(self, classifiers: Sequence[AttributeClassifier], face: Face, goal: float) -> None:
        self.classifiers = classifiers
        scores = np.array([score_face(classifier, face) for classifier in classifiers])
        self.sides = np.array([side_of(face, score) for score in scores])
        """``(guides,)`` of -1, +1."""
        self.original_score = float(scores[0])
        self.original_margins = scores * self.sides
        """``(guides,)``."""
        self.scales = np.maximum(self.original_margins - goal, LEAST_SCALE)
        self._lighter_first = sorted(
            range(len(classifiers)), key=lambda number: getattr(classifiers[number], "oversamples", False)
        )

    def labelled(self, face: Face) -> Face:
        """Return the face with the first guide's verdict as its label where it has none."""
        return face if face.label is not None else replace(face, label=int(self.sides[0]))

    def shortfall(self, margins: NDArray[np.float64], goals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far the worst guide is from its goal as a share of its way; at most 0 where all reach their goals.

        Margins ``(..., guides)`` give shares ``(...,)``.
        """
        return ((margins - goals) / self.scales).max(axis=-1)

    def score_file(
        self, face: Face, stored: Image, versions: Sequence[str] = (), *, most: float | None = None
    ) -> FileMargins:
        """Find the face again in a stored file and in versions of it, and score each with every guide.

        With ``most``, what comes after the first margin that is greater, or after no face, is left out: versions, and
        guides in their order, those of a single pass first.
        """
        margins = np.full((1 + len(versions), len(self.classifiers)), np.nan)
        faces: list[Face | None] = []
        for row, version in enumerate([None, *versions]):
            version_face = look_again(face, stored if version is None else make_version(stored, version))
            faces.append(version_face)
            if version_face is not None:
                for number in self._lighter_first:
                    margins[row, number] = score_face(self.classifiers[number], version_face) * self.sides[number]
                    if most is not None and margins[row, number] > most:
                        break
            if most is not None and not (margins[row] <= most).all():
                break
        return FileMargins(face=faces[0], margins=margins)
