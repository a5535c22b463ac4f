"""Delimited text as rows of cells: comma, semicolon, tab or bar; any usual encoding; quotes that may be astray.

The text is read as a stream: line by line, and a line without a quote is parted at its delimiters, which is many times
faster than a CSV reader on tables of millions of rows. A cell in quotes may hold line breaks (RFC 4180), which are
told of; a quote that swallows what look like rows is taken for a stray one, and only its own row is left out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from facepriv.datasets.encodings import Encoding, detect_encoding, opened_text
from facepriv.datasets.languages import COLUMN_WORDS, fold_word
from facepriv.datasets.problems import summarise_problems
from facepriv.datasets.tables import LOOKED_AT, Row, Table
from facepriv.errors import BadInputError
from facepriv.imaging.file_formats import is_image_name
from facepriv.types import Problem

DELIMITERS = (",", ";", "\t", "|")
SPACES = " "
"""Stands for runs of blanks, which part the cells of lists that have no other delimiter."""
_END = "\x1eend of these lines"
_MOST_LINES = 50
"""Lines that one cell in quotes may span; more is a quote that never closes."""


def open_delimited(path: Path) -> Table:
    """Open delimited text.

    Raises BadInputError with code ``unreadable``, ``empty-labels`` or ``not-text``; its rows may raise it with code
    ``broken-table``.
    """
    encoding = detect_encoding(path)
    problems: list[Problem] = []
    if encoding.sentence:
        problems.append(Problem(path.name, "encoding", encoding.sentence))
    with opened_text(path, encoding) as file:
        start = [line for line in islice(file, LOOKED_AT + 10) if line.strip()][:LOOKED_AT]
    delimiter = _delimiter(start)
    reader = _Reader(path, encoding, delimiter, problems)
    return Table(path.name, reader.rows, None, problems, delimiter)


def _hint(line: str) -> str | None:
    """Return the delimiter of a first line ``sep=;`` of spreadsheets."""
    plain = line.strip().strip('"').casefold()
    if not plain.startswith("sep=") or len(plain) > 5:
        return None
    return next((d for d in DELIMITERS if plain == f"sep={d.strip()}"), None)


def _delimiter(start: list[str]) -> str:
    """Find the delimiter under which a row names most columns that are known, then most rows have as many cells."""
    if start and (told := _hint(start[0])) is not None:
        return told
    best, most = DELIMITERS[0], (0, 0, 0, 0)
    for delimiter in DELIMITERS:
        rows: list[list[str]] = []
        with suppress(csv.Error):
            rows = list(csv.reader(start, delimiter=delimiter))
        wide = [len(row) for row in rows if len(row) > 1]
        usual = max(wide, key=lambda width: (wide.count(width), width), default=0)
        images = sum(len(row) > 1 and any(is_image_name(cell.strip()) for cell in row) for row in rows)
        named = max((sum(fold_word(cell) in _NAMES for cell in row) for row in rows), default=0)
        # A decimal comma parts few rows, or each into another number of cells than the header has.
        rank = (named, wide.count(usual) + images, int(bool(rows) and len(rows[0]) == usual), usual)
        if (usual or named) and rank > most:
            best, most = delimiter, rank
    if not most[1]:
        widths = {len(line.split()) for line in start}
        if len(widths) == 1 and widths != {1}:
            return SPACES
    return best


_NAMES = frozenset(word for words in COLUMN_WORDS.values() for word in words)


class _Reader:
    """Reads the rows of one file, any number of times; what is noted is added to the problems once."""

    def __init__(self, path: Path, encoding: Encoding, delimiter: str, problems: list[Problem]) -> None:
        self._path, self._encoding, self._delimiter, self._problems = path, encoding, delimiter, problems
        self._told = False

    def rows(self) -> Iterator[Row]:
        """Give every row that is not blank, with the number of the line at which it ends."""
        broken: list[str] = []
        astray: list[str] = []
        delimiter = self._delimiter
        blanks = delimiter + " \t\n\r\ufeff\u00a0"
        with opened_text(self._path, self._encoding) as file:
            lines = enumerate(file, start=1)
            waiting: list[tuple[int, str]] = []
            width = 0
            while True:
                try:
                    number, line = waiting.pop(0) if waiting else next(lines)
                except StopIteration:
                    break
                if number == 1 and _hint(line) is not None:
                    continue
                if '"' not in line or delimiter == SPACES:
                    if line.strip(blanks):
                        cells = line.split() if delimiter == SPACES else line.rstrip("\n").split(delimiter)
                        width = width or len(cells)
                        yield number, cells
                    continue
                end, cells, rest = self._quoted(number, line, waiting, lines, width)
                waiting = rest
                if end < 0:
                    astray.append(f"line {number}")
                    continue
                if end > number:
                    broken.append(f"line {number}")
                if any(cell.strip() for cell in cells):
                    width = width or len(cells)
                    yield end, cells
        self._tell(broken, astray)

    def _quoted(
        self, number: int, line: str, waiting: list[tuple[int, str]], lines: Iterator[tuple[int, str]], width: int
    ) -> tuple[int, list[str], list[tuple[int, str]]]:
        """Return the line at which a row with quotes ends, its cells, and lines that were read but belong to others.

        The end is -1 where the quote never closes, or closes only after what look like whole rows.
        """
        taken = [(number, line)]
        source = iter(waiting)
        cells, closed = self._parse(taken)
        while not closed:
            following = next(source, None) or next(lines, None)
            if following is None or len(taken) >= _MOST_LINES:
                return -1, [], [*taken[1:], *([] if following is None else [following]), *source]
            taken.append(following)
            cells, closed = self._parse(taken)
        swallowed = [text for _, text in taken[1:]]
        # A line in the middle of a cell is no row: it has not as many delimiters.
        rows = [text for text in swallowed if width > 1 and text.count(self._delimiter) >= width - 1]
        if swallowed and (rows or (width and len(cells) != width)):
            return -1, [], [*taken[1:], *source]
        return taken[-1][0], cells, list(source)

    def _parse(self, taken: list[tuple[int, str]]) -> tuple[list[str], bool]:
        """Return the cells of some lines, and whether these end outside of quotes."""
        reader = csv.reader([*(text for _, text in taken), _END], delimiter=self._delimiter)
        try:
            cells = next(reader, [])
        except csv.Error as error:
            raise BadInputError(
                f"{self._path.name} cannot be read as a table beyond line {taken[0][0]} ({error}); save it as CSV "
                "again.",
                code="broken-table",
            ) from error
        # A quote that is open goes on to the next line.
        return cells, not (cells and cells[-1].endswith(_END))

    def _tell(self, broken: list[str], astray: list[str]) -> None:
        if self._told:
            return
        self._told = True
        name = self._path.name
        self._problems += summarise_problems(
            "line-break-in-cell",
            broken,
            one=f"A cell of the row at {{name}} of {name} holds a line break, which was kept; if the row ends too "
            "late, a quote is missing there.",
            many=f"Cells of {{n}} rows of {name} ({{first}}) hold line breaks, which were kept; if a row ends too "
            "late, a quote is missing there.",
        )
        self._problems += summarise_problems(
            "open-quote",
            astray,
            one=f"The row at {{name}} of {name} opens a quote that does not close in it, so the row was not used; "
            "close or remove the quote.",
            many=f"{{n}} rows of {name} ({{first}}) open a quote that does not close in them and were not used; close "
            "or remove the quotes.",
        )
