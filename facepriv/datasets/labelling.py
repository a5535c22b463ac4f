"""Labels of images, joined from a label table by file name, key or subject."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from facepriv.datasets.files import FileFinder
from facepriv.datasets.label_tables import LabelRow, LabelTable
from facepriv.datasets.problems import summarise_problems
from facepriv.datasets.subjects import gender_of_path, subjects_of_paths
from facepriv.types import LabelledImage, Problem

NO_IDENTITIES = "nothing tells who is on an image, so each stands for itself"
"""Clause for data sets without identities."""


@dataclass(frozen=True)
class _MergedRows:
    """All rows about one image, or about one subject, as one."""

    subject: str
    label: int | None
    contradiction: str = ""
    """``gender``, ``subject`` or empty."""
    repeated: bool = False
    attributes: Mapping[str, str | float] = field(default_factory=dict)
    """Attributes that the rows agree on."""
    disputed: bool = False
    """Whether the rows give one attribute several values."""


def label_by_file(
    folder: Path, names: Sequence[str], table: LabelTable, base: str
) -> tuple[list[LabelledImage], list[Problem], str]:
    """Label images by the rows that name them.

    Rows that contradict each other about the gender leave their image unlabelled; about the subject, they leave it
    out, since a wrong identity would spoil every comparison. An image without a row, or with an empty subject, gets
    its subject from its path only where paths and the table agree on who is who, and is left out otherwise.

    Parameters
    ----------
    base
        Folder of the table inside the data set, from which its paths may start.

    Returns
    -------
    images, problems, rule
        ``rule`` is a clause on where the subjects come from.
    """
    finder = FileFinder(names, base)
    rows_of: dict[str, list[LabelRow]] = {}
    unknown: list[str] = []
    ambiguous: list[str] = []
    nameless: list[str] = []
    for row in table.rows:
        matches = finder.find(row.file) if row.file else []
        if len(matches) == 1:
            rows_of.setdefault(matches[0], []).append(row)
        elif not row.file:
            nameless.append(f"line {row.line}")
        else:
            (ambiguous if matches else unknown).append(row.file)
    merged = {name: _merge(rows) for name, rows in rows_of.items()}
    subject_of, rule = _subjects(names, merged, "subject" in table.columns)

    images: list[LabelledImage] = []
    without_subject: list[str] = []
    for name in names:
        rows = merged.get(name)
        if rows is not None and rows.contradiction == "subject":
            continue
        if not subject_of[name]:
            without_subject.append(name)
            continue
        images.append(_labelled(folder, name, subject_of[name], rows))
    labelled = {image.name for image in images}
    problems = [
        *_row_problems(table.name, unknown, ambiguous, nameless),
        *_merging_problems(table.name, merged, "image"),
        *_missing_row_problems(table.name, [name for name in names if name not in merged and name in labelled]),
        *summarise_problems(
            "no-subject",
            without_subject,
            one=f"The subject of the image {{name}} is not in {table.name}, so it was left out; add it there.",
            many=f"The subjects of {{n}} images ({{first}}) are not in {table.name}, so these were left out; "
            "add them there.",
        ),
    ]
    return images, problems, rule


def label_by_key(
    folder: Path, keys: Mapping[str, str], subjects: Mapping[str, str], table: LabelTable
) -> tuple[list[LabelledImage], list[Problem]]:
    """Label images by the rows that hold their keys, where a data set fixes how rows refer to images.

    Parameters
    ----------
    keys
        Key by file name, each once.
    subjects
        Subject by file name.
    table
        Rows whose ``file`` is a key; a row whose key fits no image is reported.
    """
    key_set = set(keys.values())
    rows_of: dict[str, list[LabelRow]] = {}
    unknown: list[str] = []
    for row in table.rows:
        if row.file in key_set:
            rows_of.setdefault(row.file, []).append(row)
        else:
            unknown.append(row.file or f"line {row.line}")
    merged = {key: _merge(rows, subjects_matter=False) for key, rows in rows_of.items()}
    images = [_labelled(folder, name, subjects[name], merged.get(key)) for name, key in keys.items()]
    problems = [
        *_row_problems(table.name, unknown, [], []),
        *_merging_problems(table.name, merged, "image"),
        *_missing_row_problems(table.name, [name for name, key in keys.items() if key not in merged]),
    ]
    return images, problems


def label_by_subject(
    folder: Path,
    subjects: Mapping[str, str],
    table: LabelTable | None,
    fold: Callable[[str], str] = str.casefold,
) -> tuple[list[LabelledImage], list[Problem]]:
    """Label images by the rows about their subjects; without a table they stay unlabelled.

    Parameters
    ----------
    subjects
        Subject by file name.
    fold
        Makes the spellings of a subject in the table and in the file names equal.
    """
    if table is None:
        return [LabelledImage(name, subject, None, folder / name) for name, subject in subjects.items()], []
    folded = {fold(subject) for subject in subjects.values()}
    rows_of: dict[str, list[LabelRow]] = {}
    unknown: list[str] = []
    for row in table.rows:
        if fold(row.subject) in folded:
            rows_of.setdefault(fold(row.subject), []).append(row)
        else:
            unknown.append(row.subject or f"line {row.line}")
    # The subject is the key here: its spellings are no contradiction.
    merged = {subject: _merge(rows, subjects_matter=False) for subject, rows in rows_of.items()}
    images: list[LabelledImage] = []
    without: dict[str, None] = {}
    for name, subject in subjects.items():
        rows = merged.get(fold(subject))
        if rows is None:
            without[subject] = None
        images.append(_labelled(folder, name, subject, rows, default=gender_of_path(name)))
    problems = [
        *summarise_problems(
            "unknown-subject",
            unknown,
            one=f"The row of {table.name} about the subject {{name}} fits no image and was not used.",
            many=f"{{n}} rows of {table.name} about subjects ({{first}}) fit no image and were not used.",
        ),
        *_merging_problems(table.name, merged, "subject"),
        *summarise_problems(
            "no-row",
            list(without),
            one=f"The subject {{name}} has no row in {table.name}, which gives its images no gender label; add a row.",
            many=f"{{n}} subjects ({{first}}) have no row in {table.name}, which gives their images no gender label; "
            "add rows.",
        ),
    ]
    return images, problems


def _labelled(
    folder: Path, name: str, subject: str, rows: _MergedRows | None, *, default: int | None = None
) -> LabelledImage:
    """Return an image with the label and attributes of its rows, or without any with a default label."""
    label, attributes = (default, {}) if rows is None else (rows.label, rows.attributes)
    return LabelledImage(name, subject, label, folder / name, attributes)


def _merge(rows: Sequence[LabelRow], *, subjects_matter: bool = True) -> _MergedRows:
    if len(rows) == 1:
        return _MergedRows(rows[0].subject, rows[0].label, attributes=rows[0].attributes)
    subjects = {row.subject for row in rows if row.subject}
    labels = {row.label for row in rows}
    attributes: dict[str, set[str | float]] = {}
    for row in rows:
        for name, value in row.attributes.items():
            attributes.setdefault(name, set()).add(value)
    contradiction = ""
    if subjects_matter and len(subjects) > 1:
        contradiction = "subject"
    elif len(labels) > 1:
        contradiction = "gender"
    return _MergedRows(
        subject=min(subjects, default=""),
        label=None if contradiction else rows[0].label,
        contradiction=contradiction,
        repeated=len(rows) > 1,
        attributes={name: next(iter(values)) for name, values in attributes.items() if len(values) == 1},
        disputed=any(len(values) > 1 for values in attributes.values()),
    )


def _subjects(names: Sequence[str], merged: Mapping[str, _MergedRows], column: bool) -> tuple[dict[str, str], str]:
    """Return the subject of every image, empty where it cannot be known, and a clause on where it comes from."""
    paths = subjects_of_paths(names)
    named = {name: rows.subject for name, rows in merged.items() if rows.subject and rows.contradiction != "subject"}
    if not column or not named:
        return paths.by_name, paths.rule
    # Paths may fill gaps only if they tell the same people apart as the table does.
    pairs = {(paths.by_name[name], subject) for name, subject in named.items()}
    agree = len(pairs) == len({path for path, _ in pairs}) == len({subject for _, subject in pairs})
    subject_of_path = dict(pairs) if agree else {}
    used = set(subject_of_path.values())
    subject_of: dict[str, str] = {}
    for name in names:
        path = paths.by_name[name]
        if name in named:
            subject_of[name] = named[name]
        elif agree and (path in subject_of_path or path not in used):
            subject_of[name] = subject_of_path.get(path, path)
        else:
            subject_of[name] = ""
    return subject_of, "a column of the table names them"


def _row_problems(
    table: str, unknown: Sequence[str], ambiguous: Sequence[str], nameless: Sequence[str]
) -> Iterable[Problem]:
    yield from summarise_problems(
        "unknown-file",
        unknown,
        one=f"The row of {table} about {{name}} fits no image here and was not used; check the name or add the file.",
        many=f"{{n}} rows of {table} ({{first}}) fit no image here and were not used; check the names or add the "
        "files.",
    )
    yield from summarise_problems(
        "ambiguous-file",
        ambiguous,
        one=f"The row of {table} about {{name}} fits several images and was not used; write its folder too.",
        many=f"{{n}} rows of {table} ({{first}}) fit several images each and were not used; write their folders too.",
    )
    yield from summarise_problems(
        "no-file-name",
        nameless,
        one=f"The row at {{name}} of {table} names no file and was not used; fill it in or remove it.",
        many=f"{{n}} rows of {table} ({{first}}) name no file and were not used; fill them in or remove them.",
    )


def _missing_row_problems(table: str, without: Sequence[str]) -> Iterable[Problem]:
    yield from summarise_problems(
        "no-row",
        without,
        one=f"The image {{name}} has no row in {table} and was taken without a gender label; add a row.",
        many=f"{{n}} images ({{first}}) have no row in {table} and were taken without a gender label; add rows.",
    )


def _merging_problems(table: str, merged: Mapping[str, _MergedRows], what: str) -> Iterable[Problem]:
    yield from summarise_problems(
        "duplicate-row",
        [name for name, rows in merged.items() if rows.repeated and not (rows.contradiction or rows.disputed)],
        one=f"The {what} {{name}} has several rows in {table} that say the same; one would do.",
        many=f"{{n}} {what}s ({{first}}) have several rows in {table} that say the same; one each would do.",
    )
    yield from summarise_problems(
        "contradicting-attributes",
        [name for name, rows in merged.items() if rows.disputed],
        one=f"The rows of {table} about the {what} {{name}} contradict each other about its age or race, which was "
        "left out; keep the right one.",
        many=f"The rows of {table} about {{n}} {what}s ({{first}}) contradict each other about their age or race, "
        "which was left out; keep the right ones.",
    )
    yield from summarise_problems(
        "contradicting-genders",
        [name for name, rows in merged.items() if rows.contradiction == "gender"],
        one=f"The rows of {table} about the {what} {{name}} contradict each other about its gender, so it has no "
        "label; keep the right one.",
        many=f"The rows of {table} about {{n}} {what}s ({{first}}) contradict each other about their genders, so they "
        "have no label; keep the right ones.",
    )
    yield from summarise_problems(
        "contradicting-subjects",
        [name for name, rows in merged.items() if rows.contradiction == "subject"],
        one=f"The rows of {table} about the {what} {{name}} name different subjects, so it was left out; "
        "keep the right one.",
        many=f"The rows of {table} about {{n}} {what}s ({{first}}) name different subjects, so they were left out; "
        "keep the right ones.",
    )
