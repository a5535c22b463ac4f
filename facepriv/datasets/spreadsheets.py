"""Label tables in Excel's files; those of older programs are named with the command that converts them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from facepriv.datasets.cells import cell_text
from facepriv.datasets.tables import Row, Table
from facepriv.errors import BadInputError
from facepriv.types import Problem

MOST_BYTES = 1 << 30
"""Most bytes that a workbook may unpack to."""


def open_xlsx(path: Path) -> Table:
    """Open the first sheet of a workbook that holds anything, as values and not as formulas.

    Raises BadInputError with code ``unreadable``, ``too-large`` or ``empty-labels``.
    """
    import openpyxl

    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise _unreadable(path) from error
    if unpacked > MOST_BYTES:
        raise BadInputError(
            f"{path.name} unpacks to {unpacked:,} bytes, too much for a spreadsheet; save the sheet as CSV.",
            code="too-large",
        )

    def opened() -> Any:
        try:
            return openpyxl.load_workbook(path, read_only=True, data_only=True)
        except Exception as error:  # whatever a damaged file makes of the library
            raise _unreadable(path) from error

    workbook = opened()
    try:
        filled = [sheet.title for sheet in workbook.worksheets if next(_rows(sheet, path), None) is not None]
    finally:
        workbook.close()
    if not filled:
        raise BadInputError(
            f"{path.name} has no filled cells; a table with a header such as file,subject,gender was expected.",
            code="empty-labels",
        )
    problems = []
    if len(filled) > 1:
        sentence = (
            f"{path.name} has {len(filled)} sheets that are not empty ({', '.join(filled[:4])}), of which the first "
            "was read; save another one as a file of its own if it holds the labels."
        )
        problems.append(Problem(path.name, "several-sheets", sentence))

    def give() -> Iterator[Row]:
        workbook = opened()
        try:
            yield from _rows(workbook[filled[0]], path)
        finally:
            workbook.close()

    return Table(path.name, give, None, problems)


def _rows(sheet: Any, path: Path) -> Iterator[Row]:
    try:
        for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
            cells = [cell_text(value) for value in values]
            if any(cell.strip() for cell in cells):
                yield number, cells
    except BadInputError:
        raise
    except Exception as error:  # see above
        raise _unreadable(path) from error


def refuse_spreadsheet(path: Path) -> Table:
    """Raise BadInputError with code ``unsupported-table``: the format is not read, but can be converted."""
    raise BadInputError(
        f"{path.name} is a spreadsheet of a format that is not read; save it as .xlsx or CSV, for example with: "
        f"soffice --headless --convert-to csv {path.name}",
        code="unsupported-table",
    )


def _unreadable(path: Path) -> BadInputError:
    return BadInputError(
        f"{path.name} cannot be read as an Excel workbook: it is damaged, protected by a password, or something else; "
        "save the sheet as CSV.",
        code="unreadable",
    )
