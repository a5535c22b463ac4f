"""Templates written as .npz, .csv or .parquet; what is written is read back the same by `open_table`."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from facepriv.datasets.templates.parquet import MARK
from facepriv.datasets.templates.table import FormatMark, chunk_rows
from facepriv.errors import BadInputError
from facepriv.exported_files import defused, open_private
from facepriv.types import GENDER_NAMES, Templates
from facepriv.wording import listed


def write_templates(templates: Templates, path: Path) -> None:
    """Write templates in the format that the file's name ends in; a file that is there is replaced.

    Raises BadInputError with code ``unknown-format`` if that is none, ``cannot-write`` if the file cannot be written.
    """
    write = WRITERS[check_format(path)]
    try:
        write(templates, path)
    except OSError as error:
        raise BadInputError(
            f"{path} cannot be written ({error.strerror or error}); choose another file.", code="cannot-write"
        ) from error


def check_format(path: Path) -> str:
    """Return what a file's name ends in; raises BadInputError with code ``unknown-format`` if that is no format."""
    suffix = path.suffix.casefold()
    if suffix not in WRITERS:
        raise BadInputError(
            f"Templates are written as {listed(list(WRITERS), 'or')}, but {path.name} ends otherwise; choose another "
            "name.",
            code="unknown-format",
        )
    return suffix


def _write_npz(templates: Templates, path: Path) -> None:
    with open_private(path, "wb") as stream:
        np.savez(
            stream,
            schema=np.array(FormatMark),
            metric=np.array(templates.metric),
            matcher=np.array(templates.matcher),
            version=np.array(templates.version),
            templates=templates.rows,
            records=templates.records,
            subjects=templates.subjects,
            labels=templates.labels,
        )


def _write_csv(templates: Templates, path: Path) -> None:
    with open_private(path, encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["record", "subject", "gender", *(f"e{number}" for number in range(templates.rows.shape[1]))])
        for start in range(0, len(templates.rows), chunk_rows(8 * templates.rows.shape[1])):
            part = slice(start, start + chunk_rows(8 * templates.rows.shape[1]))
            records, subjects = templates.records[part].tolist(), templates.subjects[part].tolist()
            # Nine digits are enough to tell a float32 from all others.
            rows = np.char.mod("%.9g", templates.rows[part].astype(np.float64)).tolist()
            for record, subject, gender, row in zip(records, subjects, _genders(templates, part), rows, strict=True):
                table.writerow([defused(record), defused(subject), gender, *row])


def _write_parquet(templates: Templates, path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    width = templates.rows.shape[1]
    said = {
        "schema": FormatMark,
        "metric": templates.metric,
        "matcher": templates.matcher,
        "version": templates.version,
    }
    schema = pa.schema(
        [
            ("record", pa.string()),
            ("subject", pa.string()),
            ("gender", pa.string()),
            ("template", pa.list_(pa.float32(), width)),
        ],
        metadata={MARK + key.encode(): text.encode() for key, text in said.items()},
    )
    step = chunk_rows(4 * width)
    with (
        open_private(path, "wb") as stream,
        parquet.ParquetWriter(stream, schema, use_dictionary=["gender"]) as writer,
    ):
        for start in range(0, len(templates.rows), step):
            part = slice(start, start + step)
            numbers = pa.array(np.ascontiguousarray(templates.rows[part]).ravel())
            columns = [
                pa.array(templates.records[part].tolist(), pa.string()),
                pa.array(templates.subjects[part].tolist(), pa.string()),
                pa.array(_genders(templates, part), pa.string()),
                pa.FixedSizeListArray.from_arrays(numbers, width),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _genders(templates: Templates, part: slice) -> list[str]:
    return [GENDER_NAMES.get(label, "") for label in templates.labels[part].tolist()]


WRITERS: dict[str, Callable[[Templates, Path], None]] = {
    ".npz": _write_npz,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}
"""What writes a file, by what its name ends in."""
