"""Protections whose map depends on the label: told at enrolment, or guessed from the template itself."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal, final

import numpy as np
from pydantic import Field

from facepriv.protect import base
from facepriv.protect.base import Arrays, Lesson, Protection, ProtectionCard
from facepriv.types import Floats64

_GUESS = "guess_"


class Parameters(base.Parameters):
    """Parameters of protections that need a label."""

    enrolment: Literal["label", "guess"] = Field(
        "label",
        description="Whether the label of a new record is told, or guessed by a linear classifier of templates.",
    )


class LabelledProtection(Protection):
    """A protection that maps men and women differently. Subclasses write `learn_maps` and `map_labelled`."""

    Parameters: ClassVar[type[base.Parameters]] = Parameters

    @property
    def guesses(self) -> bool:
        """Return whether labels are guessed."""
        return bool(self.parameters.enrolment == "guess")

    @property
    def card_as_fitted(self) -> ProtectionCard:
        """Return the card, which says whether the label is told or guessed."""
        return replace(self.card, label_at_enrolment="guess" if self.guesses else "label")

    def learn_maps(self, lesson: Lesson) -> Arrays:
        """Learn named arrays from labelled templates."""
        raise NotImplementedError

    def map_labelled(self, arrays: Arrays, rows: Floats64, drawn: Floats64, men: Floats64) -> Floats64:
        """Map templates ``(n, d)`` by label: ``men (n, 1)`` is 1 for men and 0 for women."""
        raise NotImplementedError

    @final
    def learn(self, lesson: Lesson) -> Arrays:
        """Learn the maps and, if labels are guessed, the classifier."""
        arrays = dict(self.learn_maps(lesson))
        if self.guesses:
            arrays |= {_GUESS + name: array for name, array in learn_guess(lesson).items()}
        return arrays

    @final
    def map_rows(self, arrays: Arrays, rows: Floats64, drawn: Floats64, men: Floats64) -> Floats64:
        """Map each template by its label."""
        if self.guesses:
            men = np.where(rows @ arrays[_GUESS + "weights"] >= arrays[_GUESS + "threshold"], 1.0, 0.0)
        return self.map_labelled(arrays, rows, drawn, men)


def learn_guess(lesson: Lesson) -> Arrays:
    """Learn Fisher's linear discriminant with a shrunk covariance: ``weights (d, 1)`` and ``threshold ()``."""
    from sklearn.covariance import ledoit_wolf

    covariance, _ = ledoit_wolf(lesson.deviations, assume_centered=True)
    weights = np.linalg.solve(covariance, lesson.gap)
    return {"weights": weights[:, None], "threshold": np.asarray(lesson.middle @ weights)}
