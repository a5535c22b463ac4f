"""Templates in a CSV file: a column for each dimension, or one column with a list of numbers in each cell."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.datasets.templates.columns import find_column, find_columns, find_dimensions
from facepriv.datasets.templates.table import (
    MOST_WIDTH,
    RawChunk,
    Rows,
    TableOptions,
    TemplateRole,
    TemplateTable,
    check_size,
    check_width,
    not_templates,
    shown,
    unreadable,
    usual_width,
)
from facepriv.errors import BadInputError
from facepriv.exported_files import restored
from facepriv.wording import some

BLOCK_BYTES = 8 << 20
"""Bytes of text read at a time; a row with the longest template of `MOST_WIDTH` numbers takes a tenth of it."""
_DELIMITERS = (",", ";", "\t")
_BETWEEN = str.maketrans(dict.fromkeys("[](),;|\t\n\"'", " "))
"""What may stand around and between the numbers of a list in a cell."""


@contextmanager
def open_csv(path: Path, options: TableOptions) -> Iterator[TemplateTable]:
    """Open a CSV file: comma, semicolon or tab; UTF-8 or Windows-1252.

    Raises
    ------
    BadInputError
        With code ``not-text``, ``empty``, ``no-header``, ``not-templates``, ``missing-columns``, ``duplicate-column``,
        ``ambiguous-columns``, and while it is read ``broken-table`` or ``too-large``.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    encoding, names, delimiter = _header(path, options)
    columns = find_columns(names, options)
    taken = list(columns.values())
    listing = _list_column(names, options, taken)
    dimensions = [] if listing is not None else find_dimensions(names, options, taken)
    if listing is None and not dimensions:
        raise not_templates(options, f"has the columns {some(shown(names), 12)}, none with templates")
    if dimensions:
        check_width(len(dimensions), options)
    wanted = [*taken, *([listing] if listing is not None else dimensions)]
    skipped: list[str] = []

    def skip(row: Any) -> str:
        skipped.append("a row" if row.number is None else f"line {row.number}")
        return "skip"

    try:
        reader = arrow_csv.open_csv(
            path,
            read_options=arrow_csv.ReadOptions(block_size=BLOCK_BYTES, encoding=encoding, use_threads=False),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=skip),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
            ),
        )
    except (pa.ArrowException, OSError) as error:
        raise unreadable(options, "a table", error) from error
    with reader:
        template = f"{listing} (lists)" if listing is not None else f"{dimensions[0]} to {dimensions[-1]}"
        chunks = _chunks(reader, columns, listing, dimensions, skipped, options)
        yield TemplateTable(columns={"template": template, **columns}, chunks=chunks)


def _header(path: Path, options: TableOptions) -> tuple[str, list[str], str]:
    """Return encoding, names of columns and delimiter; raises as `open_csv`."""
    try:
        with path.open("rb") as stream:
            start = stream.read(BLOCK_BYTES)
    except OSError as error:
        raise unreadable(options, "a table", error.strerror or error) from error
    if not start.strip():
        raise BadInputError(
            f"{options.name} is empty; a table with a row for each template was expected.", code="empty"
        )
    if b"\0" in start:
        raise BadInputError(f"{options.name} is not a text file; save the table as CSV in UTF-8.", code="not-text")
    first = start.partition(b"\n")[0]
    encoding = "utf-8"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        encoding = "cp1252"
    text = first.decode(encoding, "replace").lstrip("\ufeff").rstrip("\r")
    try:
        rows = {each: next(csv.reader([text], delimiter=each), []) for each in _DELIMITERS}
    except csv.Error as error:
        raise unreadable(options, "a table", error) from error
    delimiter = max(_DELIMITERS, key=lambda each: len(rows[each]))
    names = rows[delimiter]
    numbers = [name for name in names if _is_decimal(name)]
    if len(numbers) > 2 or len(names) > MOST_WIDTH + 100:
        raise BadInputError(
            f"The first line of {options.name} holds numbers ({some(numbers, 3)}) instead of names of columns; add a "
            "line such as record,subject,gender,e0,e1,e2 and so on.",
            code="no-header",
        )
    return encoding, names, delimiter


def _is_decimal(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "." in text or "e" in text.casefold()


def _list_column(names: Sequence[str], options: TableOptions, taken: Sequence[str]) -> str | None:
    if "template" in options.columns and options.columns["template"] not in names:
        return None  # it may be the beginning of the names of numbered columns
    return find_column("template", [name for name in names if name not in taken], options)


def _chunks(
    reader: Any,
    columns: dict[TemplateRole, str],
    listing: str | None,
    dimensions: Sequence[str],
    skipped: list[str],
    options: TableOptions,
) -> Iterator[RawChunk]:
    import pyarrow as pa

    width, done = len(dimensions), 0
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            break
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise unreadable(options, "a table", error) from error
        if listing is not None:
            rows, faults, width = _lists(batch.column(listing).to_pylist(), width, options)
        else:
            rows, faults = _dimensions(batch, dimensions)
        done += len(rows)
        check_size(done, width, options)
        cells = {role: [*map(restored, batch.column(name).to_pylist())] for role, name in columns.items()}
        yield RawChunk(rows, cells, faults, tuple(skipped))
        skipped.clear()
    if skipped:
        empty = np.empty((0, max(width, 1)), np.float32)
        yield RawChunk(empty, dict.fromkeys(columns, ()), {}, tuple(skipped))


def _dimensions(batch: Any, names: Sequence[str]) -> tuple[Rows, dict[int, str]]:
    """Return the numbers of a batch, one column a dimension."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = np.empty((len(names), batch.num_rows), np.float64)
    wrong: NDArray[np.bool_] = np.zeros(batch.num_rows, np.bool_)
    for column, name in zip(rows, names, strict=True):
        cells = batch.column(name)
        try:
            column[:] = pc.cast(cells, pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            for position, text in enumerate(cells.to_pylist()):
                try:
                    column[position] = float(text)
                except ValueError:
                    column[position] = np.nan
                    wrong[position] = True
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = np.ascontiguousarray(rows.T, dtype=np.float32)
    return numbers, dict.fromkeys(np.flatnonzero(wrong).tolist(), "not-numbers")


def _lists(cells: Sequence[str], width: int, options: TableOptions) -> tuple[Rows, dict[int, str], int]:
    """Return the numbers of cells such as ``[0.1, -0.2]``, of the width that most of the first cells have."""
    faults: dict[int, str] = {}
    parsed: list[NDArray[np.float64] | None] = []
    for position, cell in enumerate(cells):
        try:
            parsed.append(np.array(cell.translate(_BETWEEN).split(), dtype=np.float64))
        except ValueError:
            parsed.append(None)
            faults[position] = "not-numbers"
    if not width:
        width = usual_width(np.array([len(numbers) for numbers in parsed if numbers is not None], dtype=np.int64))
        check_width(width, options)
    rows = np.full((len(cells), width), np.nan, np.float32)
    for position, numbers in enumerate(parsed):
        if numbers is None:
            continue
        if len(numbers) != width:
            faults[position] = "ragged-row" if len(numbers) else "no-template"
        else:
            with np.errstate(over="ignore"):
                rows[position] = numbers
    return rows, faults, width
