"""Files of templates, opened by what their names end in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from facepriv.datasets.templates.csv_table import open_csv
from facepriv.datasets.templates.hdf5 import open_hdf5
from facepriv.datasets.templates.npy_npz import open_npy, open_npz
from facepriv.datasets.templates.parquet import open_parquet
from facepriv.datasets.templates.table import ID_ROLES, TableOptions, TemplateRole, TemplateTable, unreadable
from facepriv.errors import BadInputError
from facepriv.wording import listed

READERS = {
    ".npy": open_npy,
    ".npz": open_npz,
    ".csv": open_csv,
    ".tsv": open_csv,
    ".parquet": open_parquet,
    ".pq": open_parquet,
    ".h5": open_hdf5,
    ".hdf5": open_hdf5,
}
"""What opens a file, by what its name ends in."""
FORMATS = {
    ".npy": "npy",
    ".npz": "npz",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
}


def is_template_file(path: Path) -> bool:
    """Tell from a name whether a file may hold templates."""
    return path.suffix.casefold() in READERS


def parse_template_columns(pairs: Mapping[str, str] | None) -> dict[TemplateRole, str]:
    """Check names of columns by role, such as ``{"subject": "person"}``.

    Raises BadInputError with code ``bad-columns`` for a role that is none, or an empty name.
    """
    columns: dict[TemplateRole, str] = {}
    for role, column in (pairs or {}).items():
        known = next((each for each in ("template", *ID_ROLES) if each == role), None)
        if known is None or not column.strip():
            raise BadInputError(
                f"Columns are named by role, {', '.join(get_args(TemplateRole))}, as in gender=Sex, but "
                f"{role}={column} came.",
                code="bad-columns",
            )
        columns[known] = column
    return columns


@contextmanager
def open_table(path: Path, options: TableOptions, *, suffix: str | None = None) -> Iterator[TemplateTable]:
    """Open a file of templates.

    Parameters
    ----------
    suffix
        What its name ends in, where the file itself has another name.

    Raises
    ------
    BadInputError
        With code ``unknown-format``, ``unreadable``, or as the reader of its format.
    """
    end = (path.suffix if suffix is None else suffix).casefold()
    if end not in READERS:
        raise BadInputError(
            f"{options.name} is of no format that templates are read in; save them as {listed(sorted(READERS), 'or')}.",
            code="unknown-format",
        )
    if not path.is_file():
        raise BadInputError(f"There is no file {options.name}; check its name.", code="unreadable")
    try:
        if not path.stat().st_size:
            raise BadInputError(
                f"{options.name} is empty; a table with a row for each template was expected.", code="empty"
            )
        with READERS[end](path, options) as table:
            yield table
    except OSError as error:
        raise unreadable(options, "a table", error.strerror or error) from error
