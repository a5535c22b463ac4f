"""Label tables: the subject of each image, its gender, and its age and race if the table has them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from facepriv.datasets.attributes import parse_age, parse_race
from facepriv.datasets.gender_words import parse_gender
from facepriv.datasets.problems import summarise_problems
from facepriv.errors import BadInputError
from facepriv.imaging.file_formats import is_image_name
from facepriv.types import Gender, Problem

Role = Literal["file", "subject", "gender", "age", "race"]
COLUMN_NAMES: dict[Role, tuple[str, ...]] = {
    "file": ("file", "filename", "file_name", "image", "image_file", "image_id", "path"),
    "subject": ("subject", "subject_id", "identity", "person", "person_id", "id", "name"),
    "gender": ("gender", "sex", "label"),
    "age": ("age", "age_years", "age_group"),
    "race": ("race", "ethnicity", "ethnic_group"),
}
"""Names of columns by role, best first; case, spaces and hyphens do not matter."""
MAX_BYTES = 32 << 20
"""Largest table that is read: some hundred thousand rows; reading takes thirty times the memory."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = (",", ";", "\t")
Parse = Callable[[str], Any]
"""Parses a cell, each spelling once."""


@dataclass(frozen=True)
class LabelRow:
    """One row of a label table."""

    line: int
    """Line in the file, from 1, at which the row ends."""
    file: str
    subject: str
    label: int | None
    """+1 male, -1 female, None where the table has no usable gender."""
    attributes: Mapping[str, str | float] = field(default_factory=dict)
    """As in `facepriv.types.LabelledImage`."""


@dataclass(frozen=True)
class LabelTable:
    """A label table as read; a problem reports every row that was dropped."""

    name: str
    columns: Mapping[Role, str]
    """The column found for each role."""
    rows: tuple[LabelRow, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Header:
    """The first line of a table; of what is no table, nothing."""

    delimiter: str = ""
    fields: tuple[str, ...] = ()
    columns: Mapping[Role, str] = field(default_factory=dict)


def parse_columns(pairs: Mapping[str, str] | None) -> dict[Role, str]:
    """Check names of columns by role, such as ``{"file": "Bild", "gender": "Geschlecht"}``.

    Raises BadInputError with code ``bad-columns`` for a role that is none.
    """
    columns: dict[Role, str] = {}
    for role, column in (pairs or {}).items():
        parsed = next((r for r in COLUMN_NAMES if r == role), None)
        if parsed is None or not column.strip():
            raise BadInputError(
                f"Columns are named by role, {', '.join(COLUMN_NAMES)}, as in gender=Sex, but {role}={column} came.",
                code="bad-columns",
            )
        columns[parsed] = column
    return columns


def read_header(path: Path, columns: Mapping[Role, str] | None = None) -> Header:
    """Read the first line of a table, and its first rows where no column is called a file."""
    most = 1 << 16
    try:
        with path.open("rb") as file:
            start = file.read(most)
        whole = len(start) < most or start[:2] in _UTF16
        text = _text(start if whole else start[: start.rfind(b"\n") + 1], path.name)[0]
        header = _header(text, columns or {})
        return _files_by_content(header, _rows(text, header, path.name)[0], columns or {})
    except (OSError, BadInputError):
        return Header()


def read_labels(
    path: Path,
    *,
    required: Sequence[Role] = ("file", "gender"),
    mapping: Mapping[str, Gender] | None = None,
    columns: Mapping[Role, str] | None = None,
) -> LabelTable:
    """Read a label table: comma, semicolon or tab; UTF-8, UTF-16 with a mark, or Windows-1252.

    A gender that is neither a word of gender nor empty leaves its row unlabelled, with a problem. In a table without a
    file column, the one other column that holds image names counts as it.

    Parameters
    ----------
    required
        Roles that the table must have.
    mapping
        Meaning of values, such as ``{"0": "male", "1": "female"}``; takes precedence over `GENDER_WORDS`.
    columns
        Names of columns by role, where `COLUMN_NAMES` has none of them.

    Raises
    ------
    BadInputError
        With code ``unreadable``, ``empty-labels``, ``too-large``, ``not-text``, ``broken-table``,
        ``missing-columns``, ``duplicate-column`` or ``undeclared-numbers``.
    """
    name = path.name
    text, encoding = _text(_bytes(path), name)
    header = _header(text, columns or {})
    cells, problems = _rows(text, header, name)
    header = _files_by_content(header, cells, columns or {})
    _check_header(header, name, required, columns or {})
    column_of = header.columns
    if encoding != "utf-8":
        problems.append(
            Problem(name, "encoding", f"{name} is not UTF-8 and was read as {encoding}; check names with accents.")
        )
    label_of = cache(partial(parse_gender, mapping=mapping))
    # In a column called age_group, a number is the code of a group, not years.
    age_of = cache(partial(parse_age, grouped=_plain(column_of.get("age", "")) == "age_group"))
    if "gender" in column_of:
        genders = [(line, row[column_of["gender"]]) for line, row in cells]
        problems += _gender_problems(name, column_of["gender"], genders, label_of)
    if "age" in column_of:
        problems += _age_problems(name, [(line, row[column_of["age"]]) for line, row in cells], age_of)
    rows = tuple(
        _row(line, {role: row[column] for role, column in column_of.items()}, label_of, age_of) for line, row in cells
    )
    return LabelTable(name, column_of, rows, tuple(problems))


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInputError(
                f"{path.name} has more than {MAX_BYTES >> 20} MiB, too much for a label table; split it.",
                code="too-large",
            )
        raw = path.read_bytes()
    except OSError as error:
        raise BadInputError(
            f"{path.name} cannot be read ({error.strerror or error}); check that it is a file and may be read.",
            code="unreadable",
        ) from error
    if not raw.strip():
        raise BadInputError(
            f"{path.name} is empty; a table with a header such as file,subject,gender was expected.",
            code="empty-labels",
        )
    return raw


def _text(raw: bytes, name: str) -> tuple[str, str]:
    """Return the text and the encoding it was in."""
    attempts = {"utf-16": "UTF-16"} if raw[:2] in _UTF16 else {"utf-8-sig": "utf-8", "cp1252": "Windows-1252"}
    for encoding, encoding_name in attempts.items():
        with suppress(UnicodeDecodeError):
            text = raw.decode(encoding)
            if "\0" not in text:
                return text, encoding_name
    raise BadInputError(f"{name} is not a text file; save the label table as CSV in UTF-8.", code="not-text")


def _header(text: str, columns: Mapping[Role, str]) -> Header:
    """Find the delimiter under which most roles are recognised, then most columns."""
    candidates = []
    for delimiter in _DELIMITERS:
        fields: tuple[str, ...] = ()
        with suppress(BadInputError):
            fields = next((tuple(cells) for _, cells in _lines(text, delimiter, "")), ())
        candidates.append(Header(delimiter, fields, _roles(fields, columns)))
    return max(candidates, key=lambda h: (len(h.columns), len(h.fields)))


def _lines(text: str, delimiter: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of every row that is not blank."""
    reader = csv.reader(io.StringIO(_without_hint(text), newline=""), delimiter=delimiter)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise BadInputError(
            f"{name} cannot be read as a table beyond line {reader.line_num} ({error}); save it as CSV again.",
            code="broken-table",
        ) from error


def _without_hint(text: str) -> str:
    """Return text without a first line ``sep=;`` of spreadsheets; its line break stays, so that line numbers hold."""
    first, newline, rest = text.partition("\n")
    return newline + rest if first.strip().casefold() in {f"sep={d.strip()}" for d in _DELIMITERS} else text


def _plain(column: str) -> str:
    return column.strip().casefold().replace(" ", "_").replace("-", "_")


def _roles(fields: Sequence[str], columns: Mapping[Role, str]) -> dict[Role, str]:
    by_name: dict[str, str] = {}
    for name in fields:
        by_name.setdefault(_plain(name), name)
    column_of: dict[Role, str] = {}
    for role, names in COLUMN_NAMES.items():
        candidates = (_plain(columns[role]),) if role in columns else names
        reserved = {_plain(c) for r, c in columns.items() if r != role}
        column = next((by_name[name] for name in candidates if name in by_name and name not in reserved), None)
        if column is not None:
            column_of[role] = column
    return column_of


def _check_header(header: Header, name: str, required: Sequence[Role], columns: Mapping[Role, str]) -> None:
    missing: list[Role] = [role for role in columns if role not in header.columns]
    missing += [role for role in required if role not in header.columns]
    if missing:
        present = ", ".join(f"{c[:40]!r}" for c in header.fields[:12]) + (", ..." if len(header.fields) > 12 else "")
        expected = " and ".join(
            f"{role} ({repr(columns[role]) if role in columns else ' or '.join(COLUMN_NAMES[role])})"
            for role in dict.fromkeys(missing)
        )
        raise BadInputError(
            f"{name} has the columns {present}, but none for {expected}; rename a column or say which it is, "
            f"with --{missing[0]}-column or in the field {missing[0].capitalize()} column.",
            code="missing-columns",
        )
    plain = [_plain(column) for column in header.fields]
    for column in header.columns.values():
        if plain.count(_plain(column)) > 1:
            raise BadInputError(
                f"{name} has the column {column!r} more than once; keep the one that counts.", code="duplicate-column"
            )


def _rows(text: str, header: Header, name: str) -> tuple[list[tuple[int, dict[str, str]]], list[Problem]]:
    """Return the number and the cells by column of every row, and problems."""
    cells: list[tuple[int, dict[str, str]]] = []
    ragged: list[str] = []
    width = len(header.fields)
    for line, row in islice(_lines(text, header.delimiter, name), 1, None):
        if any(row[width:]):
            ragged.append(f"line {line}")
        else:
            filled = row[:width] + [""] * (width - len(row))
            # Of equal column names the first counts; those with a role are unique.
            cells.append((line, dict(zip(reversed(header.fields), reversed(filled), strict=True))))
    if not cells and not ragged:
        raise BadInputError(f"{name} has a header but no rows; add one row for each image.", code="empty-labels")
    problems = summarise_problems(
        "ragged-row",
        ragged,
        one=f"The row at {{name}} of {name} has more cells than the header and was ignored; "
        "quote cells that contain the delimiter.",
        many=f"{{n}} rows of {name} ({{first}}) have more cells than the header and were ignored; "
        "quote cells that contain the delimiter.",
    )
    return cells, problems


def _files_by_content(
    header: Header, cells: Sequence[tuple[int, Mapping[str, str]]], columns: Mapping[Role, str]
) -> Header:
    """Return the header with the one column of image names as file column (``photo,sex`` / ``a.jpg,f``)."""
    column_of = dict(header.columns)
    if "file" not in column_of and "file" not in columns:
        declared = {_plain(column) for column in columns.values()}
        listing = [
            field
            for field in dict.fromkeys(header.fields)
            if _plain(field) not in declared and field != column_of.get("gender") and _lists_images(field, cells)
        ]
        if len(listing) == 1:
            column_of = {role: field for role, field in column_of.items() if field != listing[0]}
            column_of["file"] = listing[0]
    return Header(header.delimiter, header.fields, column_of)


def _lists_images(field: str, cells: Sequence[tuple[int, Mapping[str, str]]]) -> bool:
    filled = [row[field] for _, row in cells[:100] if row.get(field)]
    return bool(filled) and all(map(is_image_name, filled))


def _row(line: int, cells: Mapping[Role, str], label_of: Parse, age_of: Parse) -> LabelRow:
    label = label_of(cells["gender"]) if "gender" in cells else None
    return LabelRow(
        line=line,
        file=cells.get("file", ""),
        subject=cells.get("subject", ""),
        label=label if isinstance(label, int) else None,
        attributes={**(age_of(cells.get("age", "")) or {}), **parse_race(cells.get("race", ""))},
    )


def _gender_problems(name: str, column: str, cells: Sequence[tuple[int, str]], label_of: Parse) -> list[Problem]:
    numbers = sorted(cell for cell in {cell for _, cell in cells} if label_of(cell) == "number")
    if numbers:
        examples = ", ".join(numbers[:4]) + (", ..." if len(numbers) > 4 else "")
        raise BadInputError(
            f"The column {column!r} of {name} holds the bare numbers {examples}, which mean different things in "
            "different data sets; declare what each means, as in 0=male,1=female.",
            code="undeclared-numbers",
        )
    return summarise_problems(
        "unknown-gender",
        [f"{cell[:40]!r} at line {line}" for line, cell in cells if label_of(cell) == "word"],
        one=f"The gender {{name}} of {name} has no binary label here, so its image stays without one; "
        "declare a meaning if it has one.",
        many=f"{{n}} genders of {name} ({{first}}) have no binary label here, so their images stay without one; "
        "declare a meaning if they have one.",
    )


def _age_problems(name: str, cells: Sequence[tuple[int, str]], age_of: Parse) -> list[Problem]:
    return summarise_problems(
        "unknown-age",
        [f"{cell[:40]!r} at line {line}" for line, cell in cells if age_of(cell) is None],
        one=f"The age {{name}} of {name} is neither a number of years nor a band such as 20-29 and was left out.",
        many=f"{{n}} ages of {name} ({{first}}) are neither numbers of years nor bands such as 20-29 and were left "
        "out.",
    )
