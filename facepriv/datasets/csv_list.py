"""Images listed in a table: ``file`` and ``gender``, perhaps ``subject``, ``age`` and ``race``."""

from __future__ import annotations

from pathlib import Path

from facepriv.datasets.files import Files
from facepriv.datasets.label_tables import read_header, read_labels
from facepriv.datasets.labelling import label_by_file
from facepriv.datasets.reading import ReadOptions, ReadResult
from facepriv.errors import BadInputError


class CsvReader:
    """A CSV or TSV with a row for each image; the subject comes from its column, else from the path."""

    name = "csv"
    rank = 40

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Look for a table with columns for file and gender; one given by the user counts without a gender too."""
        if labels is not None:
            return f"{labels.name} lists files" if "file" in read_header(labels, options.columns).columns else None
        tables = _tables(folder, files, options)
        return f"{tables[0]} has columns for file and gender" if tables else None

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read the table that was given, or the only one there is."""
        if labels is None:
            tables = _tables(folder, files, options)
            if len(tables) > 1:
                raise BadInputError(
                    f"There are {len(tables)} label tables ({', '.join(tables[:3])}); say which one to use.",
                    code="several-label-tables",
                )
            if not tables:
                raise BadInputError(
                    "There is no table with columns for file and gender, which this format needs; give one, "
                    "or choose another format.",
                    code="no-label-table",
                )
            labels = folder / tables[0]
        table = read_labels(labels, mapping=options.mapping, columns=options.columns)
        base = labels.relative_to(folder).parent.as_posix() if labels.is_relative_to(folder) else "."
        images, problems, rule = label_by_file(folder, files.images, table, "" if base == "." else base)
        return ReadResult(
            images,
            problems,
            why=f"Subjects: {rule}.",
            table=labels.name,
        )


def _tables(folder: Path, files: Files, options: ReadOptions) -> list[str]:
    """Return the tables with columns for file and gender; those nearest the top only."""
    tables: list[str] = []
    for name in files.tables:
        if tables and name.count("/") > tables[0].count("/"):
            break
        if {"file", "gender"} <= read_header(folder / name, options.columns).columns.keys():
            tables.append(name)
    return tables
