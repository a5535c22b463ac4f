"""Tables about subjects: a row for each person with the gender, and no column of files."""

from __future__ import annotations

from pathlib import Path

from facepriv.datasets.label_tables import LabelTable, read_header, read_labels
from facepriv.datasets.reading import ReadOptions


def is_subject_table(path: Path, options: ReadOptions) -> bool:
    """Return whether a table has columns for subject and gender, but none for files."""
    columns = read_header(path, options.columns).columns
    return {"subject", "gender"} <= columns.keys() and "file" not in columns


def read_subject_table(path: Path, options: ReadOptions) -> LabelTable:
    """Read a table about subjects; raises BadInputError as `facepriv.datasets.label_tables.read_labels` does."""
    return read_labels(
        path, required=("subject", "gender"), mapping=options.mapping, columns=options.columns, ask=options.ask
    )
