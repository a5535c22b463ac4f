"""Tables of any kind as rows of cells: what a file format needs to give so that labels can be read from it.

A format is one function ``open_...(path) -> Table``, named in `FORMATS` by the end of the file's name. It turns the
file into rows of text and knows nothing of genders or subjects; `facepriv.datasets.label_tables` finds the header and
decides what the columns mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import chain, islice
from pathlib import Path

from facepriv.datasets.languages import visible
from facepriv.imaging.file_formats import is_image_name
from facepriv.types import Problem

Row = tuple[int, Sequence[str]]
"""Number of a row, as a person would look it up in the file, and its cells as text; empty ones are empty texts."""
FORMATS: dict[str, str] = {
    **dict.fromkeys((".jsonl", ".ndjson"), "facepriv.datasets.json_tables:open_jsonl"),
    ".json": "facepriv.datasets.json_tables:open_json",
    **dict.fromkeys((".xlsx", ".xlsm"), "facepriv.datasets.spreadsheets:open_xlsx"),
    **dict.fromkeys((".xls", ".ods", ".xlsb", ".numbers"), "facepriv.datasets.spreadsheets:refuse_spreadsheet"),
    **dict.fromkeys((".parquet", ".pq"), "facepriv.datasets.parquet_table:open_parquet_table"),
    ".mat": "facepriv.datasets.mat_table:open_mat",
}
"""Module and function by the end of a file's name in lower case; every other file is delimited text."""
DELIMITED = "facepriv.datasets.delimited:open_delimited"
SUFFIXES = frozenset([".csv", ".tsv", ".tab"])
"""Ends of names of files in a folder that are looked at as delimited tables without being asked to."""
LOOKED_AT = 30
"""First rows in which a header is looked for."""


@dataclass(frozen=True)
class Table:
    """A table on disk, read anew each time its rows are asked for."""

    name: str
    """Name of the file, for sentences."""
    rows: Callable[[], Iterator[Row]]
    """Gives all rows that are not blank, the header among them unless ``fields`` is set; rows may differ in length.

    Raises BadInputError if the file turns out to be unreadable on the way.
    """
    fields: tuple[str, ...] | None = None
    """Names of the columns where the format itself tells them; None where the first rows have to."""
    problems: list[Problem] = field(default_factory=list)
    """What was noted on opening; what is found while rows are read is added to it, each once."""
    delimiter: str = ""
    """Of delimited text."""


@dataclass(frozen=True)
class Header:
    """Where the columns of a table are named."""

    fields: tuple[str, ...] = ()
    line: int = 0
    """Number of the row that names them; 0 where none does."""
    above: int = 0
    """Rows above it that are no part of the table, such as a title."""
    found: bool = True
    """Whether there is one; without, the columns are called by number, ``column 1``."""


def open_table(path: Path) -> Table:
    """Open a table by the end of its name.

    Raises BadInputError with code ``unreadable``, ``empty-labels`` or ``not-text``, and as the format says.
    """
    module, _, function = FORMATS.get(path.suffix.casefold(), DELIMITED).partition(":")
    opened: Table = getattr(import_module(module), function)(path)
    return opened


def is_table_name(name: str) -> bool:
    """Return whether a file in a folder is looked at as a table, by the end of its name."""
    dot = name.rfind(".")
    suffix = name[dot:].casefold() if dot > 0 else ""
    return suffix in SUFFIXES or suffix in FORMATS


def find_header(table: Table, names_roles: Callable[[Sequence[str]], int]) -> Header:
    """Find the row that names the columns.

    ``names_roles`` says how many columns of a row are named like one that is known. The header is the first row that
    names most; where none names any, it is the first row, unless that is a row like all others.
    """
    if table.fields is not None:
        return Header(table.fields)
    first = list(islice(table.rows(), LOOKED_AT))
    return choose_header(first, names_roles)


def choose_header(first: Sequence[Row], names_roles: Callable[[Sequence[str]], int]) -> Header:
    """As `find_header`, among the first rows of a table."""
    if not first:
        return Header()
    widths = [_width(cells) for _, cells in first]
    usual = max(widths)
    best, most = 0, 0
    for place, (_, cells) in enumerate(first):
        if any(map(is_image_name, cells)):
            break  # nothing below a row about an image names columns
        found = names_roles(cells)
        if found > most and (place == 0 or (widths[place] > 1 and widths[place] >= max(widths[:place]))):
            best, most = place, found
    if not most:
        best = 0
        if any(is_image_name(cell.strip()) for cell in first[0][1]):
            return Header(tuple(f"column {number + 1}" for number in range(usual)), 0, 0, False)
        # A title above a header without a known name: one filled cell where the others have several.
        while best + 1 < len(first) and widths[best] == 1 < usual and widths[best + 1] > 1:
            best += 1
    line, cells = first[best]
    fields = [visible(cell) for cell in cells]
    while fields and not fields[-1]:
        fields.pop()
    return Header(tuple(fields), line, best)


def body(table: Table, header: Header) -> Iterator[Row]:
    """Give the rows below the header."""
    rows = table.rows()
    if table.fields is not None or not header.found:
        return rows
    return _below(rows, header.line)


def _below(rows: Iterable[Row], line: int) -> Iterator[Row]:
    rows = iter(rows)
    for number, cells in rows:
        if number > line:
            yield from chain([(number, cells)], rows)
            return


def _width(cells: Sequence[str]) -> int:
    """Return the number of cells that are not empty."""
    return sum(bool(cell.strip()) for cell in cells)
