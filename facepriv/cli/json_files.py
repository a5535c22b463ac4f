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
        import json  # imported late: the help does not need it

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
            f"{file} cannot be written ({error.strerror}). Choose another file.",
            code="cannot-write",
        ) from error
