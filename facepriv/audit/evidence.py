"""What attackers can see of a set of images: measured once for the untouched and once for the perturbed files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.types import FEMALE, MALE

LEAST_SUBJECTS, LEAST_OF_GENDER = 10, 2


@dataclass(frozen=True, eq=False)
class Features:
    """What can be measured in ``n`` stored files; a row of NaN is a failure to acquire."""

    subjects: NDArray[np.str_]
    """``(n,)``; an attacker may know which images show one person, never whom he may learn from."""
    scores: Mapping[str, NDArray[np.float64]]
    """By classifier ``(n,)`` log-odds in nats, male positive, with the face found anew in the file."""
    restored: Mapping[str, NDArray[np.float64]]
    """By classifier ``(n, f)`` log-odds after each front end of `facepriv.imaging.restoring`, in its order."""
    templates: Mapping[str, NDArray[np.float64]]
    """By matcher ``(n, d)`` unit rows."""
    residuals: NDArray[np.float64]
    """``(n, r)`` features of what smoothing takes away (`facepriv.imaging.residuals`)."""
    appearance: NDArray[np.float64]
    """``(n, a)`` features of the face as it looks (`facepriv.imaging.appearance`)."""

    def __len__(self) -> int:
        return len(self.subjects)

    def rows(self, index: NDArray[np.int64]) -> Features:
        """Return some of the images."""
        return Features(
            subjects=self.subjects[index],
            scores={name: values[index] for name, values in self.scores.items()},
            restored={name: values[index] for name, values in self.restored.items()},
            templates={name: values[index] for name, values in self.templates.items()},
            residuals=self.residuals[index],
            appearance=self.appearance[index],
        )

    def where(self, chosen: NDArray[np.bool_], other: Features) -> Features:
        """Return a release that takes the chosen images from ``other`` and the rest from here."""

        def mixed(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.where(chosen if mine.ndim == 1 else chosen[:, None], theirs, mine)

        def each(
            mine: Mapping[str, NDArray[np.float64]], theirs: Mapping[str, NDArray[np.float64]]
        ) -> dict[str, NDArray[np.float64]]:
            return {name: mixed(values, theirs[name]) for name, values in mine.items()}

        return Features(
            subjects=self.subjects,
            scores=each(self.scores, other.scores),
            restored=each(self.restored, other.restored),
            templates=each(self.templates, other.templates),
            residuals=mixed(self.residuals, other.residuals),
            appearance=mixed(self.appearance, other.appearance),
        )


@dataclass(frozen=True, eq=False)
class Evidence:
    """A labelled set of images, untouched and perturbed.

    Raises
    ------
    BadInputError
        With code ``unlabelled`` if a label is neither +1 nor -1, ``too-few-subjects`` if there are fewer than
        `LEAST_SUBJECTS` subjects or than `LEAST_OF_GENDER` of either gender: attackers learn from some people and are
        judged on others, so with fewer there is nothing to say.
    """

    labels: NDArray[np.int64]
    """``(n,)`` +1 male, -1 female."""
    untouched: Features
    perturbed: Features | None = None
    """The same images as a run left them; where it left none, as they were."""
    made: NDArray[np.bool_] | None = None
    """``(n,)`` of which images the run left a perturbed file; by default of all, if there is a perturbed set."""

    @property
    def can_be_perturbed(self) -> NDArray[np.bool_]:
        """``(n,)`` which images a policy can release perturbed."""
        if self.made is not None:
            return self.made
        return np.full(len(self.labels), self.perturbed is not None)

    def __post_init__(self) -> None:
        if not np.isin(self.labels, (MALE, FEMALE)).all():
            raise BadInputError(
                "An audit needs a gender label, +1 or -1, of every image; leave out the others.", code="unlabelled"
            )
        check_enough(self.untouched.subjects.tolist(), self.labels.tolist())

    def release(self, chosen: NDArray[np.bool_]) -> Features:
        """Return what is seen of a release in which the chosen images ``(n,)`` are perturbed.

        Raises
        ------
        BadInputError
            With code ``nothing-perturbed`` if images are chosen and there is no perturbed set.
        """
        if not chosen.any():
            return self.untouched
        if self.perturbed is None:
            raise BadInputError(
                "A release with perturbed images was asked for, but there are none; audit a run.",
                code="nothing-perturbed",
            )
        return self.untouched.where(chosen, self.perturbed)


def check_enough(subjects: Sequence[str], labels: Sequence[int]) -> None:
    """Refuse images of too few people, given the subject and the label of each.

    Raises
    ------
    BadInputError
        With code ``too-few-subjects``, as `Evidence`.
    """
    everybody = set(subjects)
    men, women = (
        len({s for s, label in zip(subjects, labels, strict=True) if label == side}) for side in (MALE, FEMALE)
    )
    if len(everybody) < LEAST_SUBJECTS or min(men, women) < LEAST_OF_GENDER:
        raise BadInputError(
            f"An audit needs at least {LEAST_SUBJECTS} subjects, {LEAST_OF_GENDER} of them labelled male and "
            f"{LEAST_OF_GENDER} female, since attackers learn from some people and are judged on others, but there "
            f"are {len(everybody)} ({men} male, {women} female); add images of more people.",
            code="too-few-subjects",
        )
