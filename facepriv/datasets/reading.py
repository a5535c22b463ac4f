"""Protocol of the readers of data sets, their result, and problems that any data set may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from facepriv.datasets.files import Files
from facepriv.datasets.label_tables import Role
from facepriv.datasets.problems import summarise_problems
from facepriv.types import GENDER_NAMES, Gender, Identities, LabelledImage, Problem, ProtocolPair, Terms

NOT_STATED = "not stated; ask the provider of the images"
"""Licence of data whose convention does not imply one."""


@dataclass(frozen=True)
class ReadOptions:
    """Declarations about a label table: meanings of values, names of columns."""

    mapping: Mapping[str, Gender] = field(default_factory=dict)
    columns: Mapping[Role, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadResult:
    """A data set as read from its files and labels; no image has been decoded."""

    images: list[LabelledImage]
    """Names unique; `facepriv.datasets.registry.read_folder` sorts by name."""
    problems: list[Problem]
    reader: str
    why: str
    """Full sentence: why this reader, and where the subjects come from."""
    licence: str = NOT_STATED
    table: str = ""
    """Name of the label table used, empty if none."""
    identities: Identities = "people"
    terms: Terms | None = None
    protocol: tuple[ProtocolPair, ...] = ()
    """Comparisons that the data set's authors published, of images that are there."""


@runtime_checkable
class DatasetReader(Protocol):
    """Knows one convention of naming and labelling face images."""

    name: str
    """Name in the registry."""
    rank: int
    """Order in which ``auto`` asks: the higher, the earlier. Particular data sets 100, general layouts below 50."""

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Return the reason why this folder follows the convention, as a clause; None if it does not."""

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read the folder.

        Raises
        ------
        BadInputError
            If the labels cannot be used as they are.
        """


def find_limits(images: Sequence[LabelledImage], identities: Identities = "people") -> list[Problem]:
    """Return what cannot be computed on these images: matching needs several subjects, gender error both genders."""
    if not images:
        return []
    subjects: dict[str, list[int | None]] = {}
    for image in images:
        subjects.setdefault(image.subject, []).append(image.label)
    if identities == "people":
        problems = _limits_of_matching(subjects)
    else:
        problems = [Problem("all subjects", "no-identities", _NO_IDENTITIES[identities])]
    problems += _limits_of_labels({image.label for image in images} - {None})
    if identities != "people":
        return problems
    both = sorted(subject for subject, all_labels in subjects.items() if len({*all_labels} - {None}) > 1)
    return problems + summarise_problems(
        "subject-with-both-genders",
        both,
        one="The subject {name} is labelled male on some images and female on others, which was kept as it is; "
        "check the labels.",
        many="{n} subjects ({first}) are labelled male on some images and female on others, which was kept as it is; "
        "check the labels.",
    )


_NO_IDENTITIES: dict[Identities, str] = {
    "none": "This convention does not tell who is on an image, so every image stands for itself and nothing is "
    "matched: there are no mated and no non-mated comparisons; import a data set that names its people for these.",
    "groups": "This convention tells groups that may hold several people, such as accounts, and not who is on an "
    "image, so nothing is matched: there are no mated and no non-mated comparisons; groups only keep images together "
    "when something is learned from some and tried on others.",
}


def _limits_of_matching(subjects: Mapping[str, Sequence[int | None]]) -> list[Problem]:
    problems: list[Problem] = []
    if len(subjects) == 1:
        problems.append(
            Problem(
                next(iter(subjects)),
                "one-subject",
                f"All images are of one subject, {next(iter(subjects))!r}, so there are no non-mated comparisons and "
                "neither false matches nor candidates can be had; add other people, or name the subjects in a table.",
            )
        )
    if all(len(labels) == 1 for labels in subjects.values()):
        problems.append(
            Problem(
                "all subjects",
                "no-mated",
                "Every subject has one image only, so images before perturbation have no mated comparisons and no "
                "false non-match rate; add images of the same people.",
            )
        )
    return problems


def _limits_of_labels(labels: Set[int | None]) -> list[Problem]:
    if not labels:
        return [
            Problem(
                "all images",
                "no-labels",
                "No image has a gender label, so no gender error can be computed; add a table with the columns "
                "file and gender.",
            )
        ]
    if len(labels) == 1:
        gender = GENDER_NAMES[next(label for label in labels if label is not None)]
        return [
            Problem(
                "all labels",
                "one-gender",
                f"All labelled images are {gender}, so only that gender's error can be computed and no leak; "
                "add images of the other gender.",
            )
        ]
    return []
