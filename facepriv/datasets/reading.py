"""Protocol of the readers of data sets, their result, and problems that any data set may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from facepriv.datasets.accounting import FileCounts
from facepriv.datasets.files import Files
from facepriv.datasets.gender_words import canonical
from facepriv.datasets.label_tables import LabelTable, Question, Role
from facepriv.datasets.problems import summarise_problems
from facepriv.schemas.base import Meaning
from facepriv.types import GENDER_NAMES, Identities, LabelledImage, Problem, ProtocolPair, Terms

NOT_STATED = "not stated; ask the provider of the images"
"""Licence of data whose convention does not imply one."""


SubjectsAre = Literal["auto", "people", "groups", "none"]
"""What somebody says that the subjects found by folder or file name are; ``auto`` where nobody does."""


@dataclass(frozen=True)
class ReadOptions:
    """Declarations about a label table: meanings of values, names of columns."""

    mapping: Mapping[str, Meaning] = field(default_factory=dict)
    columns: Mapping[Role, str] = field(default_factory=dict)
    labels: tuple[Path, ...] = ()
    """All label tables that were named; readers are given the first besides."""
    subjects: SubjectsAre = "auto"
    ask: bool = False
    """Whether somebody looks at a preview, so that a question is put rather than the table refused."""


@dataclass(frozen=True)
class ReadResult:
    """A data set as read from its files and labels; no image has been decoded."""

    images: list[LabelledImage]
    """Names unique; `facepriv.datasets.registry.read_folder` sorts by name."""
    problems: list[Problem]
    why: str
    """Full sentence: where the subjects come from; `read_folder` says before it why this reader."""
    reader: str = ""
    """Name of the reader, which `read_folder` adds."""
    licence: str = NOT_STATED
    table: str = ""
    """Name of the label table used, empty if none."""
    identities: Identities = "people"
    terms: Terms | None = None
    protocol: tuple[ProtocolPair, ...] = ()
    """Comparisons that the data set's authors published, of images that are there."""
    files: FileCounts | None = None
    """What became of the files, which `read_folder` adds."""
    columns: Mapping[Role, str] = field(default_factory=dict)
    """The column of the label table that each role was read from; empty where no table was read by its columns."""
    fields: tuple[str, ...] = ()
    """All columns of the label table."""
    meanings: Mapping[str, Meaning | None] = field(default_factory=dict)
    """What each value of the gender column was taken to mean; None where that is not decided."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many rows have each of these values."""
    questions: tuple[Question, ...] = ()
    """What the files do not decide."""
    by_folder: bool = False
    """Whether a folder stands for a subject, which may not be a person."""
    origin: Mapping[str, str] = field(default_factory=dict)
    """Where ``subject`` and ``label`` of every image come from, unless the image says otherwise."""
    left_out: tuple[Problem, ...] = ()
    """Every file that is not taken as an image, by name, each once; `read_folder` adds it."""


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
        """Read the folder; raise BadInputError if the labels cannot be used as they are."""


def table_result(result: ReadResult, table: LabelTable) -> ReadResult:
    """Add what a label table was read as to the result."""
    genders = table.genders
    meanings: dict[str, Meaning | None] = {}
    if genders is not None:
        for value in table.values:
            plain = canonical(value)
            if plain in genders.labels:
                label = genders.labels[plain]
                meanings[value] = "unknown" if label is None else GENDER_NAMES[label]
            else:
                meanings[value] = None
    return replace(
        result,
        columns=table.columns,
        fields=table.fields,
        meanings=dict(list(meanings.items())[:SHOWN_VALUES]),
        counts=dict(list(table.values.items())[:SHOWN_VALUES]),
        questions=(*result.questions, *table.questions),
    )


SHOWN_VALUES = 50
"""Values of a gender column whose meaning is shown and asked for."""


def find_limits(images: Sequence[LabelledImage], identities: Identities = "people") -> list[Problem]:
    """Return what cannot be computed on these images: matching needs several subjects, gender error both genders."""
    if not images:
        return []
    labels_of: dict[str, list[int | None]] = {}
    for image in images:
        labels_of.setdefault(image.subject, []).append(image.label)
    if identities != "people":
        no_identities = Problem("all subjects", "no-identities", _NO_IDENTITIES[identities])
        return [no_identities, *_limits_of_labels(images)]
    return [
        *_limits_of_matching(labels_of),
        *_limits_of_labels(images),
        *summarise_problems(
            "subject-with-both-genders",
            sorted(subject for subject, labels in labels_of.items() if len({*labels} - {None}) > 1),
            one="The subject {name} is labelled male on some images and female on others, which was kept as it is; "
            "check the labels.",
            many="{n} subjects ({first}) are labelled male on some images and female on others, which was kept as it "
            "is; check the labels.",
        ),
    ]


_NO_IDENTITIES: dict[Identities, str] = {
    "none": "This convention does not tell who is on an image, so every image stands for itself and nothing is "
    "matched: there are no mated and no non-mated comparisons; for these, name the people in a table with the "
    "columns file and subject.",
    "groups": "This convention tells groups that may hold several people, such as accounts, and not who is on an "
    "image, so nothing is matched: there are no mated and no non-mated comparisons; groups only keep images together "
    "when something is learned from some and tried on others.",
}


def _limits_of_matching(labels_of: Mapping[str, Sequence[int | None]]) -> list[Problem]:
    problems: list[Problem] = []
    if len(labels_of) == 1:
        (subject,) = labels_of
        sentence = (
            f"All images are of one subject, {subject!r}, so there are no non-mated comparisons and neither false "
            "matches nor candidates can be had; add other people, or name the subjects in a table."
        )
        problems.append(Problem(subject, "one-subject", sentence))
    if all(len(labels) == 1 for labels in labels_of.values()):
        sentence = (
            "Every subject has one image only, so images before perturbation have no mated comparisons and no false "
            "non-match rate; add images of the same people."
        )
        problems.append(Problem("all subjects", "no-mated", sentence))
    return problems


def _limits_of_labels(images: Sequence[LabelledImage]) -> list[Problem]:
    labels = {image.label for image in images if image.label is not None}
    if not labels:
        sentence = (
            "No image has a gender label, so no gender error can be computed; add a table with the columns file and "
            "gender."
        )
        return [Problem("all images", "no-labels", sentence)]
    if len(labels) > 1:
        return []
    sentence = (
        f"All labelled images are {GENDER_NAMES[labels.pop()]}, so only that gender's error can be computed and no "
        "leak; add images of the other gender."
    )
    return [Problem("all labels", "one-gender", sentence)]
