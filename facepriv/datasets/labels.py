"""Label tables: who is on which image, of which gender, and of which age and race if they say so.

Words are understood in any case (m, f, male, female, man, woman); bare numbers are not, since data sets contradict
each other there: 1 is male in CelebA and female in UTKFace. A mapping says which is which.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from facepriv.datasets.attributes import UNKNOWN, parse_age, parse_race
from facepriv.datasets.files import is_image_name
from facepriv.datasets.problems import summarise_problems
from facepriv.errors import BadInputError
from facepriv.types import GENDERS, Gender, Problem

Role = Literal["file", "subject", "gender", "age", "race"]
COLUMN_NAMES: dict[Role, tuple[str, ...]] = {
    "file": ("file", "filename", "file_name", "image", "image_file", "image_id", "path"),
    "subject": ("subject", "subject_id", "identity", "person", "person_id", "id", "name"),
    "gender": ("gender", "sex", "label"),
    "age": ("age", "age_years", "age_group"),
    "race": ("race", "ethnicity", "ethnic_group"),
}
"""Names by which a column is recognised, best first; case, spaces and hyphens do not matter."""
GENDER_WORDS: dict[str, Gender] = {
    "m": "male",
    "male": "male",
    "man": "male",
    "f": "female",
    "female": "female",
    "woman": "female",
}
MAX_BYTES = 32 << 20
"""Largest table that is read: some hundred thousand rows, which take thirty times the memory meanwhile."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class LabelRow:
    """One row of a label table."""

    line: int
    """Line in the file, from 1, at which the row ends."""
    file: str
    subject: str
    label: int | None
    """+1 male, -1 female, None where the table says nothing usable."""
    attributes: Mapping[str, str | float] = field(default_factory=dict)
    """As in `facepriv.types.LabelledImage`."""


@dataclass(frozen=True)
class LabelTable:
    """A label table as read: no row is dropped without a problem that says so."""

    name: str
    columns: Mapping[Role, str]
    """The column found for each role."""
    rows: tuple[LabelRow, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Header:
    """What a table's first line says."""

    delimiter: str
    fields: tuple[str, ...]
    columns: Mapping[Role, str]


def parse_mapping(text: str) -> dict[str, Gender]:
    """Read a mapping such as ``0=male,1=female``.

    Raises
    ------
    BadInputError
        With code ``bad-mapping``.
    """
    mapping: dict[str, Gender] = {}
    for pair in text.split(","):
        value, equals, word = (part.strip() for part in pair.partition("="))
        gender = GENDER_WORDS.get(word.casefold())
        if not equals or not value or gender is None:
            raise BadInputError(f"A mapping reads like 0=male,1=female, but {pair.strip()!r} came.", code="bad-mapping")
        if mapping.setdefault(_canonical(value), gender) != gender:
            raise BadInputError(f"The mapping gives {value!r} both genders; give it one.", code="bad-mapping")
    return mapping


def parse_columns(pairs: Mapping[str, str] | None) -> dict[Role, str]:
    """Check names of columns given by role: ``{"file": "Bild", "gender": "Geschlecht"}``.

    Raises
    ------
    BadInputError
        With code ``bad-columns`` for a role that is none.
    """
    columns: dict[Role, str] = {}
    for role, column in (pairs or {}).items():
        known = next((r for r in COLUMN_NAMES if r == role), None)
        if known is None or not column.strip():
            raise BadInputError(
                f"Columns are named by role, {', '.join(COLUMN_NAMES)}, as in gender=Sex, but {role}={column} came.",
                code="bad-columns",
            )
        columns[known] = column
    return columns


def parse_gender(value: str, mapping: Mapping[str, Gender] | None = None) -> int | Literal["number", "word"] | None:
    """Understand one cell.

    Returns
    -------
    int or None or str
        +1 male, -1 female, None if it says unknown, ``"number"`` for a number without a declared meaning,
        ``"word"`` for anything else.
    """
    plain = _canonical(value)
    declared = {_canonical(k): v for k, v in (mapping or {}).items()}
    gender = declared.get(plain) or GENDER_WORDS.get(plain)
    if gender is not None:
        return GENDERS[gender]
    if plain in UNKNOWN:
        return None
    return "number" if _is_number(plain) else "word"


def read_header(path: Path, columns: Mapping[Role, str] | None = None) -> Header | None:
    """Look at the start of a table to see which columns it has; None if the file is no table."""
    most = 1 << 16
    try:
        with path.open("rb") as file:
            start = file.read(most)
        whole = len(start) < most or start[:2] in _UTF16
        text = _text(start if whole else start[: start.rfind(b"\n") + 1], path.name)[0]
        header = _header(text, columns or {})
        return _files_by_content(header, _rows(text, header, path.name)[0], columns or {})
    except (OSError, BadInputError):
        return None


def read_labels(
    data: bytes | Path,
    *,
    name: str,
    required: Sequence[Role] = ("file", "gender"),
    mapping: Mapping[str, Gender] | None = None,
    columns: Mapping[Role, str] | None = None,
) -> LabelTable:
    """Read a label table: comma, semicolon or tab; UTF-8, UTF-16 with a mark, or Windows-1252.

    A cell of the gender column that is neither a known word nor unknown leaves its row unlabelled and is told of.
    A table without a file column, one other column of which holds image names, is taken to list files there.

    Parameters
    ----------
    name
        What an error calls the table.
    required
        Roles without which the table is of no use.
    mapping
        Meaning of values, such as ``{"0": "male", "1": "female"}``; goes before the words known anyway.
    columns
        Names of columns by role, where they are not recognised.

    Raises
    ------
    BadInputError
        With code ``unreadable``, ``empty-labels``, ``too-large``, ``not-text``, ``broken-table``,
        ``missing-columns``, ``duplicate-column`` or ``undeclared-numbers``.
    """
    text, encoding = _text(_bytes(data, name), name)
    header = _header(text, columns or {})
    cells, problems = _rows(text, header, name)
    header = _files_by_content(header, cells, columns or {})
    _check_header(header, name, required, columns or {})
    found = header.columns
    if encoding != "utf-8":
        problems.append(
            Problem(name, "encoding", f"{name} is not UTF-8 and was read as {encoding}; check names with accents.")
        )
    genders = _Meanings(lambda cell: parse_gender(cell, mapping))
    rows = tuple(_row(line, row, found, genders) for line, row in cells)
    problems += _judge_genders(name, cells, found, mapping)
    problems += _judge_ages(name, cells, found)
    return LabelTable(name, found, rows, tuple(problems))


def _bytes(data: bytes | Path, name: str) -> bytes:
    if isinstance(data, bytes):
        raw = data
    else:
        try:
            if data.stat().st_size > MAX_BYTES:
                raise BadInputError(
                    f"{name} has more than {MAX_BYTES >> 20} MiB, too much for a label table; split it.",
                    code="too-large",
                )
            raw = data.read_bytes()
        except OSError as error:
            raise BadInputError(
                f"{name} cannot be read ({error.strerror or error}); check that it is a file and may be read.",
                code="unreadable",
            ) from error
    if not raw.strip():
        raise BadInputError(
            f"{name} is empty; a table with a header such as file,subject,gender was expected.", code="empty-labels"
        )
    return raw


def _text(raw: bytes, name: str) -> tuple[str, str]:
    """Return the text and the encoding it was in."""
    if raw[:2] in _UTF16:
        attempts = ["utf-16"]
    elif b"\0" in raw:
        attempts = []
    else:
        attempts = ["utf-8-sig", "cp1252"]
    for encoding in attempts:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, {"utf-8-sig": "utf-8", "cp1252": "Windows-1252", "utf-16": "UTF-16"}[encoding]
    raise BadInputError(f"{name} is not a text file; save the label table as CSV in UTF-8.", code="not-text")


def _header(text: str, columns: Mapping[Role, str]) -> Header:
    """Find the delimiter under which most roles are recognised, then most columns."""
    candidates = []
    for delimiter in _DELIMITERS:
        fields = _first_fields(text, delimiter)
        candidates.append(Header(delimiter, fields, _roles(fields, columns)))
    return max(candidates, key=lambda h: (len(h.columns), len(h.fields)))


def _first_fields(text: str, delimiter: str) -> tuple[str, ...]:
    try:
        for row in csv.reader(io.StringIO(_without_hint(text), newline=""), delimiter=delimiter):
            if any(cell.strip() for cell in row):
                return tuple(cell.strip() for cell in row)
    except csv.Error:
        pass
    return ()


def _without_hint(text: str) -> str:
    """Drop the line ``sep=;`` that spreadsheets put first; its line break stays, so that lines count as in the file."""
    first, newline, rest = text.partition("\n")
    return newline + rest if first.strip().casefold() in {f"sep={d.strip()}" for d in _DELIMITERS} else text


def _plain(column: str) -> str:
    return column.strip().casefold().replace(" ", "_").replace("-", "_")


def _roles(fields: Sequence[str], columns: Mapping[Role, str]) -> dict[Role, str]:
    by_name: dict[str, str] = {}
    for column in fields:
        by_name.setdefault(_plain(column), column)
    found: dict[Role, str] = {}
    for role, known in COLUMN_NAMES.items():
        wanted = (_plain(columns[role]),) if role in columns else known
        taken = {_plain(c) for r, c in columns.items() if r != role}
        hit = next((by_name[w] for w in wanted if w in by_name and w not in taken), None)
        if hit is not None:
            found[role] = hit
    return found


def _check_header(header: Header, name: str, required: Sequence[Role], columns: Mapping[Role, str]) -> None:
    missing: list[Role] = [role for role in columns if role not in header.columns]
    missing += [role for role in required if role not in header.columns]
    if missing:
        raise _missing(name, header, missing, columns)
    plain = [_plain(column) for column in header.fields]
    for used in header.columns.values():
        if plain.count(_plain(used)) > 1:
            raise BadInputError(
                f"{name} has the column {used!r} more than once; keep the one that counts.", code="duplicate-column"
            )


def _missing(
    name: str, header: Header, missing: Sequence[Role], columns: Mapping[Role, str] | None = None
) -> BadInputError:
    came = ", ".join(f"{c[:40]!r}" for c in header.fields[:12]) + (", ..." if len(header.fields) > 12 else "")
    wanted = " and ".join(
        f"{role} ({columns[role]!r})" if columns and role in columns else f"{role} ({' or '.join(COLUMN_NAMES[role])})"
        for role in dict.fromkeys(missing)
    )
    return BadInputError(
        f"{name} has the columns {came}, but none for {wanted}; rename a column or say which it is, "
        f"with --{missing[0]}-column or in the field {missing[0].capitalize()} column.",
        code="missing-columns",
    )


def _rows(text: str, header: Header, name: str) -> tuple[list[tuple[int, dict[str, str]]], list[Problem]]:
    cells: list[tuple[int, dict[str, str]]] = []
    ragged: list[str] = []
    seen_header = False
    reader = csv.reader(io.StringIO(_without_hint(text), newline=""), delimiter=header.delimiter)
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if not seen_header:
                seen_header = True
                continue
            if any(cell.strip() for cell in row[len(header.fields) :]):
                ragged.append(f"line {reader.line_num}")
                continue
            # Of equal column names the first counts; those with a role are unique.
            record: dict[str, str] = {}
            for position, column in enumerate(header.fields):
                record.setdefault(column, row[position].strip() if position < len(row) else "")
            cells.append((reader.line_num, record))
    except csv.Error as error:
        raise BadInputError(
            f"{name} cannot be read as a table beyond line {reader.line_num} ({error}); save it as CSV again.",
            code="broken-table",
        ) from error
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
    """Take the one column of image names (``photo,sex`` / ``a.jpg,f``) for the file column, whatever it is called."""
    found = dict(header.columns)
    if "file" not in found and "file" not in columns:
        declared = {_plain(column) for column in columns.values()}
        listing = [
            field
            for field in dict.fromkeys(header.fields)
            if _plain(field) not in declared and field != found.get("gender") and _lists_images(field, cells)
        ]
        if len(listing) == 1:
            found = {role: field for role, field in found.items() if field != listing[0]}
            found["file"] = listing[0]
    return Header(header.delimiter, header.fields, found)


def _lists_images(field: str, cells: Sequence[tuple[int, Mapping[str, str]]]) -> bool:
    filled = [row[field] for _, row in cells[:100] if row.get(field)]
    return bool(filled) and all(map(is_image_name, filled))


class _Meanings(dict[str, int | Literal["number", "word"] | None]):
    """What each gender cell means, told once for each spelling."""

    def __init__(self, parse: Callable[[str], int | Literal["number", "word"] | None]) -> None:
        self._parse = parse

    def __missing__(self, cell: str) -> int | Literal["number", "word"] | None:
        self[cell] = self._parse(cell)
        return self[cell]


def _age(cell: str, column: str) -> dict[str, str | float] | None:
    """Understand an age; in a column called age_group, a number is a code whose years nobody tells."""
    return parse_age(cell, grouped=_plain(column) == "age_group")


def _row(line: int, cells: Mapping[str, str], found: Mapping[Role, str], genders: _Meanings) -> LabelRow:
    gender = genders[cells[found["gender"]]] if "gender" in found else None
    return LabelRow(
        line=line,
        file=cells[found["file"]] if "file" in found else "",
        subject=cells[found["subject"]] if "subject" in found else "",
        label=gender if isinstance(gender, int) else None,
        attributes={
            **((_age(cells[found["age"]], found["age"]) or {}) if "age" in found else {}),
            **(parse_race(cells[found["race"]]) if "race" in found else {}),
        },
    )


def _judge_genders(
    name: str,
    cells: Sequence[tuple[int, Mapping[str, str]]],
    found: Mapping[Role, str],
    mapping: Mapping[str, Gender] | None,
) -> list[Problem]:
    if "gender" not in found:
        return []
    column = found["gender"]
    judged = {value: parse_gender(value, mapping) for value in {row[column] for _, row in cells}}
    numbers = sorted(value for value, meaning in judged.items() if meaning == "number")
    if numbers:
        came = ", ".join(numbers[:4]) + (", ..." if len(numbers) > 4 else "")
        raise BadInputError(
            f"The column {column!r} of {name} holds the bare numbers {came}, which mean different things in different "
            "data sets; declare what each means, as in 0=male,1=female.",
            code="undeclared-numbers",
        )
    odd = [f"{row[column][:40]!r} at line {line}" for line, row in cells if judged[row[column]] == "word"]
    return summarise_problems(
        "unknown-gender",
        odd,
        one=f"The gender {{name}} of {name} has no binary label here, so its image stays without one; "
        "declare a meaning if it has one.",
        many=f"{{n}} genders of {name} ({{first}}) have no binary label here, so their images stay without one; "
        "declare a meaning if they have one.",
    )


def _judge_ages(name: str, cells: Sequence[tuple[int, Mapping[str, str]]], found: Mapping[Role, str]) -> list[Problem]:
    if "age" not in found:
        return []
    column = found["age"]
    odd = {value for value in {row[column] for _, row in cells} if _age(value, column) is None}
    return summarise_problems(
        "unknown-age",
        [f"{row[column][:40]!r} at line {line}" for line, row in cells if row[column] in odd],
        one=f"The age {{name}} of {name} is neither a number of years nor a band such as 20-29 and was left out.",
        many=f"{{n}} ages of {name} ({{first}}) are neither numbers of years nor bands such as 20-29 and were left "
        "out.",
    )


def _canonical(value: str) -> str:
    """Fold a cell so that ``+1``, ``1`` and ``1.0`` are equal, and so are ``Male`` and ``male``."""
    plain = value.strip().casefold()
    if _is_number(plain):
        number = float(plain)
        return str(int(number)) if number.is_integer() else str(number)
    return plain


def _is_number(plain: str) -> bool:
    try:
        return float(plain) - float(plain) == 0  # neither nan nor infinite, which are words
    except ValueError:
        return False
