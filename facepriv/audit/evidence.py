"""Features of a set of images that attackers can see, of the untouched and of the perturbed files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.schemas.audits import too_few_people
from facepriv.types import FEMALE, MALE, Flags, Floats64, Integers


@dataclass(frozen=True, eq=False)
class Features:
    """Features of ``n`` stored files; a row of NaN is a failure to acquire."""

    subjects: NDArray[np.str_]
    """``(n,)``; an attacker may use which images show one person, never learn from the person attacked."""
    scores: Mapping[str, Floats64]
    """By classifier ``(n,)`` log-odds in nats, male positive, with the face found in the file itself."""
    restored: Mapping[str, Floats64]
    """By classifier ``(n, f)`` log-odds after each filter of `facepriv.imaging.restoring`, in its order."""
    templates: Mapping[str, Floats64]
    """By matcher ``(n, d)`` unit rows."""
    residuals: Floats64
    """``(n, r)`` features of what smoothing removes (`facepriv.imaging.residuals`)."""
    appearance: Floats64
    """``(n, a)`` features of the appearance of the face (`facepriv.imaging.appearance`)."""
    texture: Floats64
    """``(n, t)`` energies of fine texture by place (`facepriv.imaging.texture`)."""

    def __len__(self) -> int:
        return len(self.subjects)

    def rows(self, index: Integers) -> Features:
        """Return the features of some images by their rows."""
        return Features(
            subjects=self.subjects[index],
            scores={name: values[index] for name, values in self.scores.items()},
            restored={name: values[index] for name, values in self.restored.items()},
            templates={name: values[index] for name, values in self.templates.items()},
            residuals=self.residuals[index],
            appearance=self.appearance[index],
            texture=self.texture[index],
        )

    def replace_rows(self, rows: Flags, other: Features) -> Features:
        """Return these features with the rows ``(n,)`` that are true taken from ``other``."""

        def mix(own: Floats64, others: Floats64) -> Floats64:
            return np.where(rows if own.ndim == 1 else rows[:, None], others, own)

        def mix_all(own: Mapping[str, Floats64], others: Mapping[str, Floats64]) -> dict[str, Floats64]:
            return {name: mix(values, others[name]) for name, values in own.items()}

        return Features(
            subjects=self.subjects,
            scores=mix_all(self.scores, other.scores),
            restored=mix_all(self.restored, other.restored),
            templates=mix_all(self.templates, other.templates),
            residuals=mix(self.residuals, other.residuals),
            appearance=mix(self.appearance, other.appearance),
            texture=mix(self.texture, other.texture),
        )


@dataclass(frozen=True, eq=False)
class Evidence:
    """A labelled set of images, untouched and perturbed.

    Raises
    ------
    BadInputError
        With code ``unlabelled`` if a label is neither +1 nor -1, ``too-few-subjects`` if there are too few subjects,
        as `too_few_people` says.
    """

    labels: Integers
    """``(n,)`` +1 male, -1 female."""
    untouched: Features
    perturbed: Features | None = None
    """The same images after a run; untouched where the run has no perturbed file."""
    has_file: Flags | None = None
    """``(n,)`` which images have a perturbed file; by default all, if there is a perturbed set."""

    @property
    def can_be_perturbed(self) -> Flags:
        """``(n,)`` which images a policy can release perturbed."""
        if self.has_file is not None:
            return self.has_file
        return np.full(len(self.labels), self.perturbed is not None)

    def __post_init__(self) -> None:
        if not np.isin(self.labels, (MALE, FEMALE)).all():
            raise BadInputError(
                "An audit needs a gender label, +1 or -1, of every image; leave out the others.", code="unlabelled"
            )
        require_subjects(self.untouched.subjects.tolist(), self.labels.tolist())

    def release(self, perturbed: Flags) -> Features:
        """Return the features of a release in which the given images ``(n,)`` are perturbed.

        Raises
        ------
        BadInputError
            With code ``nothing-perturbed`` if images are to be perturbed and there is no perturbed set.
        """
        if not perturbed.any():
            return self.untouched
        if self.perturbed is None:
            raise BadInputError(
                "A release with perturbed images was asked for, but there are none; audit a run.",
                code="nothing-perturbed",
            )
        return self.untouched.replace_rows(perturbed, self.perturbed)


def require_subjects(subjects: Sequence[str], labels: Sequence[int]) -> None:
    """Refuse images of too few people.

    Parameters
    ----------
    subjects, labels : of each image.

    Raises
    ------
    BadInputError
        With code ``too-few-subjects``, as `Evidence`.
    """
    men, women = (
        len({s for s, label in zip(subjects, labels, strict=True) if label == gender}) for gender in (MALE, FEMALE)
    )
    if why := too_few_people(len(set(subjects)), men, women):
        raise BadInputError(why, code="too-few-subjects")
