"""The Face Research Lab London Set: ``NNN_VV.jpg`` and a table by ``face_id``.

Source: DeBruine, L. and Jones, B. (2017). Face Research Lab London Set (Version 5). figshare.
https://doi.org/10.6084/m9.figshare.5047666.v5, CC-BY 4.0. Older versions write ``X001`` and ``face_sex``. Some people
told no age.
"""

from __future__ import annotations

import re
from pathlib import Path

from facepriv.datasets.conventions import count_matching, parse_names
from facepriv.datasets.files import Files
from facepriv.datasets.label_tables import LabelTable, Role, read_header, read_labels
from facepriv.datasets.labelling import label_by_subject
from facepriv.datasets.reading import ReadOptions, ReadResult

LICENCE = (
    "CC-BY 4.0: DeBruine, L. and Jones, B. (2017). Face Research Lab London Set (Version 5). figshare. "
    "https://doi.org/10.6084/m9.figshare.5047666.v5"
)
_FILE = re.compile(r"(?:.*/)?[Xx]?(\d{3})_\d{2}(?:\.[^./]*)?")


class LondonReader:
    """Subject from the file name; gender, age and race from the table."""

    name = "london"
    rank = 100

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Ask for both the file names and the table, since the names alone are too ordinary."""
        matching = count_matching(files.images, _subject)
        if not matching:
            return None
        table = labels if labels is not None else _table(folder, files)
        if table is None or _columns(table) is None:
            return None
        return f"{matching:,} images are named like 001_03.jpg and {table.name} goes by face_id"

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read images and table; without a table the images stay unlabelled."""
        subjects, problems = parse_names(files.images, _subject, "001_03.jpg")
        path = labels if labels is not None else _table(folder, files)
        table = None if path is None else _read_table(path, options)
        images, label_problems = label_by_subject(folder, subjects, table, fold=_fold)
        return ReadResult(
            images,
            [*problems, *label_problems],
            why="Subjects: the number before the underscore in the file name.",
            licence=LICENCE,
            table="" if path is None else path.name,
            origin={"subject": "file name"},
        )


def _read_table(path: Path, options: ReadOptions) -> LabelTable:
    return read_labels(
        path,
        required=("subject", "gender"),
        mapping=options.mapping,
        columns={**(_columns(path) or {}), **options.columns},
    )


def _fold(subject: str) -> str:
    return subject.strip().casefold().lstrip("x")


def _subject(name: str) -> str | None:
    match = _FILE.fullmatch(name)
    return match[1] if match else None


def _columns(path: Path) -> dict[Role, str] | None:
    """Return the table's columns by role; None if it is not the set's own."""
    for gender in ("face_gender", "face_sex"):
        columns: dict[Role, str] = {"subject": "face_id", "gender": gender, "age": "face_age", "race": "face_eth"}
        header = read_header(path, columns)
        if {"subject", "gender"} <= header.columns.keys():
            return {role: column for role, column in columns.items() if role in header.columns}
    return None


def _table(folder: Path, files: Files) -> Path | None:
    return next((folder / name for name in files.tables if _columns(folder / name) is not None), None)
