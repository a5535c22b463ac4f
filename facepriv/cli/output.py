"""What commands print and write: sentences, tables, progress bars, JSON."""

from __future__ import annotations

import json
import os
import re
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import typer

from facepriv.errors import BadInputError
from facepriv.exported_files import open_private
from facepriv.wording import duration, rate_of

json_on_stdout: ContextVar[bool] = ContextVar("json_on_stdout", default=False)


def _json_target(file: Path | None) -> Path | None:
    """Refuse a file that cannot be written, before any work is done; with - reserve standard output for the JSON."""
    json_on_stdout.set(str(file) == "-")
    return file if json_on_stdout.get() else file_target(file)


def file_target(file: Path | None) -> Path | None:
    """Refuse a file that cannot be written, before any work is done."""
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise typer.BadParameter(f"Expected a file in an existing folder, got {file}.")
    return file


JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json",
        callback=_json_target,
        help="Also write the result as JSON to this file; - writes only JSON to standard output.",
    ),
]


def write_json(json_file: Path | None, document: Mapping[str, Any]) -> None:
    """Write a document to the file that --json names, if it names one."""
    if json_file is not None:
        write_text(json_file, json.dumps(document, indent=2))


def write_text(file: Path, text: str) -> None:
    """Write to a file, or with - to standard output."""
    if str(file) == "-":
        typer.echo(text)
        return
    try:
        with open_private(file, encoding="utf-8") as stream:
            stream.write(text + "\n")
    except OSError as error:
        raise BadInputError(
            f"{file} cannot be written ({error.strerror}). Choose another file.", code="cannot-write"
        ) from error


Full = Annotated[bool, typer.Option("--full", help="Show everything there is, not only what matters most.")]
NARROWEST = 40
"""Columns that any terminal is taken to have."""
MOST_LINES = 2
"""Lines of a table's row beyond which rows are easier to read as blocks."""
_PERCENT = re.compile(r"(?<=\d) %")
"""A figure and its sign, which stay on one line."""


def width() -> int:
    """Return how many columns there are: those of the terminal or of COLUMNS, and 80 where nothing says so."""
    console: Any = _console()
    return max(NARROWEST, int(console.width))


def say(*sentences: str) -> None:
    """Print sentences, one a line; on standard error if standard output is for the JSON.

    On a terminal, and where COLUMNS is set, long ones are broken between words; a log or a pipe gets each as one line.
    """
    for sentence in sentences:
        typer.echo(fitted(sentence), err=json_on_stdout.get())


def fitted(text: str) -> str:
    """Break a text's lines between words so that they fit, on a terminal or where COLUMNS is set."""
    if not (_console().is_terminal or os.environ.get("COLUMNS", "").isdecimal()):
        return text
    return "\n".join(_wrapped(line, width()) for line in text.split("\n"))


def _wrapped(line: str, columns: int, indent: str | None = None) -> str:
    """Break a line between words, never inside one; what follows is indented as far as the line is, and by two."""
    if indent is None:
        own = line[: len(line) - len(line.lstrip())]
        indent = own + "  " if own else ""
    filled = textwrap.fill(
        _PERCENT.sub("\u00a0%", line),
        columns,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return filled.replace("\u00a0%", " %")


def only(rows: Sequence[Mapping[str, str]], *columns: str) -> list[dict[str, str]]:
    """Return these columns of rows, as far as they have them."""
    return [{name: row[name] for name in columns if name in row} for row in rows]


def show_table(title: str, rows: Sequence[Mapping[str, str]], *, none: str = "") -> None:
    """Show rows under their title, with the first row's keys as columns; without rows, say ``none``, if anything.

    Where they do not fit side by side without cutting words, each row becomes a block of names and values.
    """
    if not rows:
        if none:
            say(none)
        return
    names = list(rows[0])
    cells = [[printable(row[name]) for name in names] for row in rows]
    blocks = [_block(names, row) for row in cells]
    widths = _column_widths(names, cells, sum(len(block) for block in blocks))
    say(title)
    if widths is None:
        for block in blocks:
            for line in block:
                typer.echo(line, err=json_on_stdout.get())
        return
    from rich.table import Table

    table = Table()
    for name, wide in zip(names, widths, strict=True):
        table.add_column(name, width=wide)
    for row in cells:
        table.add_row(*map(_escaped, row))
    _console().print(table)


def _block(names: Sequence[str], row: Sequence[str]) -> list[str]:
    """Return a row as lines: its first cell, then names and values, as many on a line as fit; empty cells left out."""
    columns = width()
    lines = [_wrapped(f"  {names[0]}: {row[0]}" if names[0] else f"  {row[0]}", columns, " " * 6)]
    line = ""
    for name, value in zip(names[1:], row[1:], strict=True):
        if not value:
            continue
        pair = f"{name}: {value}" if name else value
        if line and len(line) + len(pair) + 3 <= columns:
            line += f" · {pair}"
            continue
        if line:
            lines.append(line)
        line = _wrapped(f"    {pair}", columns, " " * 6)
        if "\n" in line:
            lines.append(line)
            line = ""
    return [part for text in [*lines, *([line] if line else [])] for part in text.split("\n")]


def _column_widths(names: Sequence[str], cells: Sequence[Sequence[str]], lines_of_blocks: int) -> list[int] | None:
    """Return how wide each column is if the rows fit side by side without cutting a word, else None.

    None, too, where the cells would become so narrow that blocks are easier to read.
    """
    from rich.cells import cell_len

    texts = [[name, *(row[place] for row in cells)] for place, name in enumerate(names)]
    natural = [max(cell_len(line) for text in column for line in text.split("\n")) for column in texts]
    least = [max((cell_len(word) for text in column for word in text.split()), default=1) for column in texts]
    room = width() - 3 * len(names) - 1  # the frame
    if sum(natural) <= room:
        return [max(1, wide) for wide in natural]
    spare = room - sum(least)
    if spare < 0:
        return None
    wanted = sum(natural) - sum(least)
    widths = [low + spare * (high - low) // wanted for low, high in zip(least, natural, strict=True)]
    heights = [
        max(len(textwrap.wrap(text, wide, break_on_hyphens=False)) for text, wide in zip(row, widths, strict=True))
        for row in cells
    ]
    return None if max(heights) > MOST_LINES or sum(heights) > lines_of_blocks else widths


@contextmanager
def progress(what: str) -> Iterator[Any]:
    """Show a progress bar; call the value with done and total, and with stage and pace if they are known."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    with Progress(*columns, console=error_console()) as bar:
        task = bar.add_task(what, total=None, pace="")
        begun = time.monotonic()

        def report(done: int, total: int, stage: str = "", pace: tuple[float, float] | None = None) -> None:
            if pace is None and not stage and done:
                rate = done / max(time.monotonic() - begun, 1e-9)
                pace = rate, (total - done) / rate
            shown = "" if pace is None else f"{rate_of(pace[0])}, {duration(pace[1])} left"
            description = f"{what}: {stage}" if stage else what
            bar.update(task, completed=done, total=total, description=description, pace=shown)

        yield report


def error_console() -> Any:
    """Return the console of standard error."""
    from rich.console import Console

    return Console(stderr=True)


def _console() -> Any:
    """Return the console that results go to."""
    from rich.console import Console

    return Console(stderr=json_on_stdout.get())


def printable(text: str) -> str:
    """Return a text without control characters."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def plain(text: str) -> str:
    """Return a text without control characters, escaped so that nothing in it counts as markup."""
    return _escaped(printable(text))
