"""Files that leave the data folder: only their owner may read them, and no spreadsheet runs what their tables hold."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

ESCAPED = "escaped"
"""Column that names, for each row, those columns whose text got an apostrophe before it."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)")


def open_private(file: Path, mode: str = "w", **options: Any) -> IO[Any]:
    """Open a file as `open` does; it has mode 0600, also if it was there with another one."""
    return open(file, mode, opener=_for_owner, **options)


def defused(cell: Any) -> Any:
    """Return a cell so that a spreadsheet takes it for text: one that would begin a formula gets an apostrophe.

    Begin one: ``= + - @``, a tab and a carriage return (OWASP, CSV Injection). Numbers stay numbers. What such a cell
    with apostrophes before it would be taken for gets one more, so that `restored` gives back every cell.
    """
    if not isinstance(cell, str):
        return cell
    text = cell.lstrip("'")
    return f"'{cell}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else cell


def restored(cell: str) -> str:
    """Return what a cell was before it was `defused`."""
    return cell[1:] if cell[:1] == "'" and defused(cell[1:]) == cell else cell


def write_table(
    stream: IO[str], columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, mark: bool = False
) -> None:
    """Write a table as CSV, every cell `defused`.

    Parameters
    ----------
    mark
        Add a column `ESCAPED`, if any cell was changed, so that a reader can take the apostrophe off again.
    """
    given = [{name: row.get(name, "") for name in columns} for row in rows]
    plain = [{name: defused(cell) for name, cell in row.items()} for row in given]
    escaped = [
        " ".join(name for name in columns if row[name] != safe[name]) for row, safe in zip(given, plain, strict=True)
    ]
    is_marked = mark and any(escaped)
    table = csv.DictWriter(stream, [*columns, ESCAPED] if is_marked else columns)
    table.writeheader()
    for row, names in zip(plain, escaped, strict=True):
        table.writerow({**row, ESCAPED: names} if is_marked else row)


def _for_owner(path: str, flags: int) -> int:
    handle = os.open(path, flags, 0o600)
    with suppress(OSError):  # a file system without modes
        os.fchmod(handle, 0o600)
    return handle
