"""What commands print and write: sentences, tables, progress bars, JSON."""

from __future__ import annotations

import json
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


WIDTH = 140


def say(*sentences: str) -> None:
    """Print sentences, one a line; on standard error if standard output is for the JSON."""
    for sentence in sentences:
        typer.echo(sentence, err=json_on_stdout.get())


def show_table(title: str, rows: Sequence[Mapping[str, str]], *, none: str = "") -> None:
    """Show rows under their title, with the first row's keys as columns; without rows, say ``none``, if anything."""
    from rich.console import Console
    from rich.table import Table

    if not rows:
        if none:
            say(none)
        return

    table = Table(title=title, title_justify="left")
    for column in rows[0]:
        table.add_column(column)
    for row in rows:
        table.add_row(*(plain(value) for value in row.values()))
    console = Console(stderr=json_on_stdout.get())
    if not console.is_terminal:
        # A pipe or a log has no width of its own; 80 columns would break the tables' words.
        console.width = WIDTH
    console.print(table)


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


def plain(text: str) -> str:
    """Return a text without control characters, escaped so that nothing in it counts as markup."""
    from rich.markup import escape

    return escape("".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text))
