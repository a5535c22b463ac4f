"""Print sentences, tables and progress bars; on standard error if standard output is for the JSON."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from facepriv.cli.json_files import json_on_stdout
from facepriv.wording import duration, rate_of

WIDTH = 140


def say(text: str) -> None:
    """Print a sentence; on standard error if standard output is for the JSON."""
    typer.echo(text, err=json_on_stdout.get())


def show_table(title: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Show rows under their title; the first row's keys are the columns."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column in rows[0]:
        table.add_column(column)
    for row in rows:
        table.add_row(*(plain(value) for value in row.values()))
    _console().print(table)


@contextmanager
def progress(what: str) -> Iterator[Any]:
    """Show a progress bar; call the value with done and total, and with stage and pace if they are known."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

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


def _console() -> Any:
    from rich.console import Console

    console = Console(stderr=json_on_stdout.get())
    # A pipe or a log has no width of its own; 80 columns would break the tables' words.
    return console if console.is_terminal else Console(width=WIDTH, stderr=json_on_stdout.get())


def error_console() -> Any:
    """Return the console of standard error."""
    from rich.console import Console

    return Console(stderr=True)


def plain(text: str) -> str:
    """Return a text without control characters, escaped so that nothing in it counts as markup."""
    from rich.markup import escape

    return escape("".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text))
