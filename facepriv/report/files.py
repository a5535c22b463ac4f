"""Write a report as a page, and its tables and figures as files of their own."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from facepriv.config import make_private_folder
from facepriv.errors import BadInputError, ModelUnavailableError
from facepriv.exported_files import open_private, write_table
from facepriv.report.document import Report, Table
from facepriv.report.html import WIDTH, for_paper, to_html
from facepriv.report.pdf import to_pdf

ImageFormat = Literal["svg", "png"]


def write_page(report: Report, file: Path) -> None:
    """Write a report as one HTML file that only its owner can read.

    Raise BadInputError, with code ``cannot-write``, if that fails.
    """
    page = to_html(report)
    with _writing(file), open_private(file, encoding="utf-8") as stream:
        stream.write(page)


def write_pdf(report: Report, file: Path) -> None:
    """Write a report as one PDF that only its owner can read, printed as `to_pdf` does.

    Raise BadInputError, with code ``cannot-write``, if it cannot be written.
    """
    printed = to_pdf(to_html(report))
    with _writing(file), open_private(file, "wb") as stream:
        stream.write(printed)


def to_csv(table: Table) -> str:
    """Return a table as CSV for spreadsheets, as `write_table`; one without rows gives an empty text."""
    out = io.StringIO(newline="")
    if table.rows:
        write_table(out, list(table.rows[0]), table.rows)
    return out.getvalue()


def write_tables(report: Report, folder: Path) -> list[Path]:
    """Write each table as ``NAME.csv`` into a folder, made if necessary.

    Raise BadInputError, with code ``cannot-write``, if that fails.
    """
    files = []
    with _writing(folder):
        make_private_folder(folder)
        for table in report.all_tables():
            file = folder / f"{table.name}.csv"
            with open_private(file, encoding="utf-8", newline="") as stream:
                stream.write(to_csv(table))
            files.append(file)
    return files


def write_figures(report: Report, folder: Path, format: ImageFormat) -> list[Path]:
    """Write each figure as ``NAME.svg`` or ``NAME.png`` into a folder, drawn by a Chromium or Chrome of this machine.

    Raises
    ------
    BadInputError
        With code ``cannot-write``.
    ModelUnavailableError
        If kaleido or a browser is missing.
    """
    figures = report.all_figures()
    files = [folder / f"{figure.name}.{format}" for figure in figures]
    with _writing(folder):
        make_private_folder(folder)
        try:
            import kaleido
        except ImportError as error:
            raise ModelUnavailableError(
                "Writing figures needs the package kaleido, which is not installed. Get it with: pip install kaleido."
            ) from error
        drawn = [
            {"fig": for_paper(figure), "path": file, "opts": {"format": format, "width": WIDTH, "scale": 2}}
            for figure, file in zip(figures, files, strict=True)
        ]
        try:
            kaleido.write_fig_from_object_sync(drawn)
        except Exception as error:  # kaleido's and the browser's errors share no base class
            raise ModelUnavailableError(
                f"Writing figures needs Chromium or Chrome, which did not start ({type(error).__name__}). Install "
                "one, or set BROWSER_PATH."
            ) from error
        for file in files:
            file.chmod(0o600)
    return files


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    """Say in one sentence why a file or a folder cannot be written."""
    try:
        yield
    except OSError as error:
        raise BadInputError(
            f"{place} cannot be written ({error.strerror or error}). Choose another place.", code="cannot-write"
        ) from error
