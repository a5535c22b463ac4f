"""Images listed in tables: ``file`` and ``gender`` or ``subject``, perhaps ``age`` and ``race``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from facepriv.datasets.file_finder import FileFinder
from facepriv.datasets.files import Files
from facepriv.datasets.folder_words import sort_folders
from facepriv.datasets.label_tables import (
    NO_COLUMN,
    LabelTable,
    Role,
    joined,
    missing_sentence,
    plain_name,
    read_header,
    read_labels,
)
from facepriv.datasets.labelling import label_by_files
from facepriv.datasets.reading import ReadOptions, ReadResult, table_result
from facepriv.datasets.subjects import subjects_of_paths
from facepriv.datasets.tables import Header as TableHeader
from facepriv.errors import BadInputError


class CsvReader:
    """Tables with a row for each image; the subject comes from its column, else from the path."""

    name = "csv"
    rank = 40

    def recognises(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> str | None:
        """Look for a table with columns for file and gender; one given by the user counts without a gender too."""
        if labels is not None:
            return f"{labels.name} lists files" if "file" in read_header(labels, options.columns).columns else None
        tables = _tables(folder, files, options)
        return f"{tables[0]} has columns for file and {_second(folder / tables[0], options)}" if tables else None

    def read(self, folder: Path, files: Files, *, labels: Path | None, options: ReadOptions) -> ReadResult:
        """Read the tables that were given, or those that are there if they are about different images."""
        paths = list(options.labels) or ([] if labels is None else [labels])
        found = not paths
        if found:
            paths = [folder / name for name in _tables(folder, files, options)]
            if not paths:
                raise BadInputError(
                    "There is no table with columns for file and gender, which this format needs; give one, "
                    "or choose another format.",
                    code="no-label-table",
                )
        sorting = sort_folders(files.images)
        people = options.subjects == "people"
        groups = subjects_of_paths(files.images, sorting, people=people)
        knows = FileFinder(files.images).knows

        def read(path: Path, context: Sequence[str] = ()) -> LabelTable:
            return read_labels(
                path,
                required=("file",),
                mapping=options.mapping,
                columns=options.columns if len(paths) == 1 else _columns_there(path, options),
                knows=knows,
                groups=groups.by_name if groups.identities == "people" else {},
                ask=options.ask,
                context=context,
            )

        each = [read(path) for path in paths]
        if len(each) > 1 and any(question.code == "ambiguous-letters" for one in each for question in one.questions):
            # The letters of all tables are read together.
            values = [value for one in each for value in one.values]
            each = [read(path, values) for path in paths]
        for table in each:
            _check_more(table)
        tables = [(table, _base(folder, path, files)) for table, path in zip(each, paths, strict=True)]
        if found and len(tables) > 1:
            _refuse_overlap(files, tables)
        whole = joined([table for table, _ in tables])
        images, problems, rule, identities = label_by_files(
            folder, files.images, tables, sorting, people=people, nobody=options.subjects == "none"
        )
        told = "; ".join(f"{table.name}: {table.told}" for table, _ in tables)
        result = ReadResult(
            images,
            problems,
            why=f"Subjects: {rule}. {told}.",
            table=whole.name,
            identities=identities,
            by_folder="subject" not in whole.columns and groups.by_folder,
        )
        return table_result(result, whole)


def _base(folder: Path, path: Path, files: Files) -> str:
    """Return the folder from which a table's paths may start: its own, or the one that it is called after."""
    base = path.relative_to(folder).parent.as_posix() if path.is_relative_to(folder) else "."
    inside = "" if base == "." else f"{base}/"
    folders = {name[len(inside) :].split("/")[0] for name in files.images if name.startswith(inside)}
    folders = {each for each in folders if f"{inside}{each}" not in files.images}
    words = set(re.split(r"[\W_]+", path.stem.casefold()))
    called = [each for each in folders if each.casefold() in words]
    return f"{inside}{called[0]}" if len(called) == 1 else inside.rstrip("/")


def _check_more(table: LabelTable) -> None:
    """Raise BadInputError if a table tells nothing of the files that it lists."""
    if table.columns.keys() <= {"file"}:
        doubts = [problem for problem in table.problems if problem.code == "no-genders"]
        raise BadInputError(
            missing_sentence(TableHeader(table.fields), table.name, ["gender"], {}, doubts), code="missing-columns"
        )


def _columns_there(path: Path, options: ReadOptions) -> dict[Role, str]:
    """Return those of the named columns that one of several tables has."""

    there = {plain_name(field) for field in read_header(path).fields}
    return {
        role: column for role, column in options.columns.items() if plain_name(column) in there or column == NO_COLUMN
    }


def _refuse_overlap(files: Files, tables: list[tuple[LabelTable, str]]) -> None:
    """Raise BadInputError where several tables that nobody named are about the same images."""
    seen: dict[str, str] = {}
    for table, base in tables:
        finder = FileFinder(files.images, base)
        for row in table.rows:
            for file in finder.find(row.file).files if row.file else ():
                if seen.setdefault(file, table.name + base) != table.name + base:
                    names = [each.name for each, _ in tables]
                    raise BadInputError(
                        f"There are {len(tables)} label tables ({', '.join(names[:3])}) about the same images, such as "
                        f"{file}; say which one to use, with --labels.",
                        code="several-label-tables",
                    )


def _second(path: Path, options: ReadOptions) -> str:
    columns = read_header(path, options.columns).columns
    return "gender" if "gender" in columns else "subject"


def _tables(folder: Path, files: Files, options: ReadOptions) -> list[str]:
    """Return the tables with columns for file and gender, or file and subject; those nearest the top only."""
    by_roles: dict[frozenset[str], list[str]] = {}
    for name in files.tables:
        columns = read_header(folder / name, options.columns).columns
        for wanted in (frozenset(["file", "gender"]), frozenset(["file", "subject"])):
            if wanted <= columns.keys():
                listed = by_roles.setdefault(wanted, [])
                if not listed or name.count("/") <= listed[0].count("/"):
                    listed.append(name)
                break
    return by_roles.get(frozenset(["file", "gender"])) or by_roles.get(frozenset(["file", "subject"]), [])
