"""Templates in a Parquet file: a column of lists, or a column for each dimension."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.datasets.templates.arrays import read_stated
from facepriv.datasets.templates.columns import find_column, find_columns, find_dimensions
from facepriv.datasets.templates.table import (
    RawChunk,
    Rows,
    TableOptions,
    TemplateRole,
    TemplateTable,
    check_size,
    check_width,
    chunk_rows,
    not_templates,
    shown,
    unreadable,
    usual_width,
)
from facepriv.wording import some

MARK = b"facepriv.templates."
"""Beginning of the keys by which a file says something of all templates."""
ASSUMED_WIDTH = 512
"""Numbers of a template where only reading the rows tells, to choose how many are read at a time."""


@contextmanager
def open_parquet(path: Path, options: TableOptions) -> Iterator[TemplateTable]:
    """Open a Parquet file.

    Raises
    ------
    BadInputError
        With code ``not-templates``, ``missing-columns``, ``duplicate-column``, ``ambiguous-columns``, ``too-large``
        or ``broken-table``.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        opened = parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(options, "a Parquet file", error) from error
    with opened:
        schema = opened.schema_arrow
        types = {field.name: field.type for field in schema}
        columns = find_columns([name for name in schema.names if not _is_list(types[name])], options)
        lists = [name for name in schema.names if _is_list(types[name])]
        named = find_column("template", lists, options) if options.columns.get("template") in lists else None
        if "template" not in options.columns:
            named = find_column("template", lists, options) or (lists[0] if len(lists) == 1 else None)
        numeric = [name for name in schema.names if _is_number(types[name])]
        dimensions = [] if named is not None else find_dimensions(numeric, options, list(columns.values()))
        if named is None and not dimensions:
            raise not_templates(options, f"has the columns {some(shown(schema.names), 12)}, none with templates")
        if dimensions:
            check_width(len(dimensions), options)
            check_size(opened.metadata.num_rows, len(dimensions), options)
        said = {key.removeprefix(MARK).decode(): value.decode() for key, value in (schema.metadata or {}).items()}
        template = f"{named} (lists)" if named is not None else f"{dimensions[0]} to {dimensions[-1]}"
        yield TemplateTable(
            columns={"template": template, **columns},
            chunks=_chunks(opened, named, dimensions, columns, options),
            total=opened.metadata.num_rows,
            stated=read_stated(said),
        )


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    inner = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return inner and _is_number(kind.value_type)


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _chunks(
    opened: Any,
    listing: str | None,
    dimensions: Sequence[str],
    columns: Mapping[TemplateRole, str],
    options: TableOptions,
) -> Iterator[RawChunk]:
    import pyarrow as pa

    width, done = len(dimensions), 0
    wanted = [*columns.values(), *([listing] if listing is not None else dimensions)]
    batches = opened.iter_batches(
        batch_size=chunk_rows(8 * (width or ASSUMED_WIDTH)), columns=wanted, use_threads=False
    )
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError) as error:
            raise unreadable(options, "a Parquet file", error) from error
        if batch is None:
            return
        faults: dict[int, str] = {}
        if listing is not None:
            rows, faults, width = _lists(batch.column(listing), width, options)
        else:
            numbers = [_floats(batch.column(name)) for name in dimensions]
            rows = np.ascontiguousarray(np.stack(numbers, axis=1))
        done += len(rows)
        check_size(done, width, options)
        cells = {role: _texts(batch.column(name)) for role, name in columns.items()}
        yield RawChunk(rows, cells, faults)


def _floats(values: Any) -> Rows:
    with np.errstate(over="ignore", invalid="ignore"):
        numbers: Rows = np.asarray(values.to_numpy(zero_copy_only=False)).astype(np.float32)
    return numbers


def _lists(column: Any, width: int, options: TableOptions) -> tuple[Rows, dict[int, str], int]:
    """Return the numbers of a column of lists, of the width that most of the first rows have."""
    import pyarrow.compute as pc

    lengths: NDArray[np.int64] = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    lengths = lengths.astype(np.int64)
    if not width:
        width = usual_width(lengths)
        check_width(width, options)
    values = _floats(column.flatten())
    fitting = lengths == width
    if fitting.all():
        return values.reshape(len(lengths), width), {}, width
    rows = np.full((len(lengths), width), np.nan, np.float32)
    ends = np.cumsum(lengths)
    for position in np.flatnonzero(fitting).tolist():
        rows[position] = values[ends[position] - width : ends[position]]
    faults = {at: "ragged-row" if lengths[at] else "no-template" for at in np.flatnonzero(~fitting).tolist()}
    return rows, faults, width


def _texts(column: Any) -> list[str]:
    return ["" if value is None else _text(value) for value in column.to_pylist()]


def _text(value: object) -> str:
    if isinstance(value, float):
        # In a column of numbers, NaN is how pandas writes that there is nothing.
        return "" if isnan(value) else str(int(value)) if value.is_integer() else str(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
