"""Files that a command writes, and JSON on standard output."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import typer

from facepriv.errors import BadInputError

json_on_stdout: ContextVar[bool] = ContextVar("json_on_stdout", default=False)


def _json_target(file: Path | None) -> Path | None:
    """Refuse a file that cannot be made before any work is done; with - leave standard output to the JSON."""
    json_on_stdout.set(str(file) == "-")
    return file if json_on_stdout.get() else file_target(file)


def file_target(file: Path | None) -> Path | None:
    """Refuse a file that cannot be made before any work is done."""
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise typer.BadParameter(f"A file in a folder that exists was expected, got {file}.")
    return file


JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json",
        callback=_json_target,
        help="Also write the figures to this file as JSON; - for standard output, which then holds nothing else.",
    ),
]


def write_json(json_file: Path | None, document: Mapping[str, Any]) -> None:
    """Write a document to the file that --json names, if it names one."""
    if json_file is not None:
        import json  # not with the module: the help has no need of it

        write_text(json_file, json.dumps(document, indent=2))


def write_text(file: Path, text: str) -> None:
    """Write to a file, or with - to standard output."""
    if str(file) == "-":
        typer.echo(text)
        return
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise BadInputError(
            f"A file that can be written to was expected at {file}, but it cannot ({error.strerror}); name another.",
            code="cannot-write",
        ) from error
