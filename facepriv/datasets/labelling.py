"""Labels of images, joined from a label table by file name, key or subject."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
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
    """Label images by the rows that name them; return images, problems and a clause on where the subjects come from.

    Rows that contradict each other about the gender leave their image unlabelled; about the subject, they leave it
    out, since a wrong identity would spoil every comparison. An image without a row, or with an empty subject, gets
    its subject from its path only where paths and the table agree on who is who, and is left out otherwise.

    ``base`` is the folder of the table inside the data set, from which its paths may start.
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
    names_by_code = {
        "unknown-file": unknown,
        "ambiguous-file": ambiguous,
        "no-file-name": nameless,
        **_disagreements(merged),
        "no-row": [name for name in names if name not in merged and name in labelled],
        "no-subject": without_subject,
    }
    return images, _problems(table, "image", names_by_code), rule


def label_by_key(
    folder: Path, keys: Mapping[str, str], subjects: Mapping[str, str], table: LabelTable
) -> tuple[list[LabelledImage], list[Problem]]:
    """Label images by the rows that hold their keys, where a data set fixes how rows refer to images.

    ``keys`` and ``subjects`` are by file name, every key once. The ``file`` of a row is a key; a row whose key fits no
    image is reported.
    """
    merged, unknown = _merge_by_key([(row.file, row) for row in table.rows], set(keys.values()))
    images = [_labelled(folder, name, subjects[name], merged.get(key)) for name, key in keys.items()]
    names_by_code = {
        "unknown-file": unknown,
        **_disagreements(merged),
        "no-row": [name for name, key in keys.items() if key not in merged],
    }
    return images, _problems(table, "image", names_by_code)


def label_by_subject(
    folder: Path,
    subjects: Mapping[str, str],
    table: LabelTable | None,
    fold: Callable[[str], str] = str.casefold,
) -> tuple[list[LabelledImage], list[Problem]]:
    """Label images by the rows about their subjects; without a table they stay unlabelled.

    ``subjects`` is the subject by file name. ``fold`` makes the spellings of a subject in the table and in the file
    names equal.
    """
    if table is None:
        return [LabelledImage(name, subject, None, folder / name) for name, subject in subjects.items()], []
    merged, unknown = _merge_by_key([(row.subject, row) for row in table.rows], set(map(fold, subjects.values())), fold)
    images: list[LabelledImage] = []
    without: dict[str, None] = {}
    for name, subject in subjects.items():
        rows = merged.get(fold(subject))
        if rows is None:
            without[subject] = None
        images.append(_labelled(folder, name, subject, rows, default=gender_of_path(name)))
    problems = _problems(table, "subject", {"unknown-subject": unknown, **_disagreements(merged)})
    problems += summarise_problems(
        "no-row",
        list(without),
        one=f"The subject {{name}} has no row in {table.name}, which gives its images no gender label; add a row.",
        many=f"{{n}} subjects ({{first}}) have no row in {table.name}, which gives their images no gender label; add "
        "rows.",
    )
    return images, problems


def _labelled(
    folder: Path, name: str, subject: str, rows: _MergedRows | None, *, default: int | None = None
) -> LabelledImage:
    """Return an image with the label and attributes of its rows, or without any with a default label."""
    label, attributes = (default, {}) if rows is None else (rows.label, rows.attributes)
    return LabelledImage(name, subject, label, folder / name, attributes)


def _merge_by_key(
    rows: Iterable[tuple[str, LabelRow]], keys: Set[str], fold: Callable[[str], str] = str
) -> tuple[dict[str, _MergedRows], list[str]]:
    """Merge rows, each given with its key, and name those whose key fits no image.

    The key tells the subject: how rows spell it is no contradiction.
    """
    rows_of: dict[str, list[LabelRow]] = {}
    unknown: list[str] = []
    for key, row in rows:
        if fold(key) in keys:
            rows_of.setdefault(fold(key), []).append(row)
        else:
            unknown.append(key or f"line {row.line}")
    return {key: _merge(rows, subjects_matter=False) for key, rows in rows_of.items()}, unknown


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


def _disagreements(merged: Mapping[str, _MergedRows]) -> dict[str, list[str]]:
    """Return the images or subjects with several rows, by the code of what these say of them."""
    return {
        "duplicate-row": [
            name for name, rows in merged.items() if rows.repeated and not (rows.contradiction or rows.disputed)
        ],
        "contradicting-attributes": [name for name, rows in merged.items() if rows.disputed],
        "contradicting-genders": [name for name, rows in merged.items() if rows.contradiction == "gender"],
        "contradicting-subjects": [name for name, rows in merged.items() if rows.contradiction == "subject"],
    }


def _problems(table: LabelTable, what: str, names_by_code: Mapping[str, Sequence[str]]) -> list[Problem]:
    """Return problems of a table, and then those with its rows about ``what``: images or subjects."""
    problems = list(table.problems)
    for code, names in names_by_code.items():
        one, many = (text.replace("{table}", table.name).replace("{what}", what) for text in _SENTENCES[code])
        problems += summarise_problems(code, names, one=one, many=many)
    return problems


_SENTENCES = {
    "unknown-file": (
        "The row of {table} about {name} fits no image here and was not used; check the name or add the file.",
        "{n} rows of {table} ({first}) fit no image here and were not used; check the names or add the files.",
    ),
    "ambiguous-file": (
        "The row of {table} about {name} fits several images and was not used; write its folder too.",
        "{n} rows of {table} ({first}) fit several images each and were not used; write their folders too.",
    ),
    "no-file-name": (
        "The row at {name} of {table} names no file and was not used; fill it in or remove it.",
        "{n} rows of {table} ({first}) name no file and were not used; fill them in or remove them.",
    ),
    "unknown-subject": (
        "The row of {table} about the subject {name} fits no image and was not used.",
        "{n} rows of {table} about subjects ({first}) fit no image and were not used.",
    ),
    "duplicate-row": (
        "The {what} {name} has several rows in {table} that say the same; one would do.",
        "{n} {what}s ({first}) have several rows in {table} that say the same; one each would do.",
    ),
    "contradicting-attributes": (
        "The rows of {table} about the {what} {name} contradict each other about its age or race, which was left out; "
        "keep the right one.",
        "The rows of {table} about {n} {what}s ({first}) contradict each other about their age or race, which was left "
        "out; keep the right ones.",
    ),
    "contradicting-genders": (
        "The rows of {table} about the {what} {name} contradict each other about its gender, so it has no label; keep "
        "the right one.",
        "The rows of {table} about {n} {what}s ({first}) contradict each other about their genders, so they have no "
        "label; keep the right ones.",
    ),
    "contradicting-subjects": (
        "The rows of {table} about the {what} {name} name different subjects, so it was left out; keep the right one.",
        "The rows of {table} about {n} {what}s ({first}) name different subjects, so they were left out; keep the "
        "right ones.",
    ),
    "no-row": (
        "The image {name} has no row in {table} and was taken without a gender label; add a row.",
        "{n} images ({first}) have no row in {table} and were taken without a gender label; add rows.",
    ),
    "no-subject": (
        "The subject of the image {name} is not in {table}, so it was left out; add it there.",
        "The subjects of {n} images ({first}) are not in {table}, so these were left out; add them there.",
    ),
}
