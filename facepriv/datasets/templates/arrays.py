"""Tables of templates that are arrays of equal length beside each other: .npy, .npz and HDF5."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facepriv.datasets.templates.columns import find_column, find_columns
from facepriv.datasets.templates.table import (
    LONGEST_ID,
    FormatMark,
    RawChunk,
    Stated,
    TableOptions,
    TemplateRole,
    TemplateTable,
    check_size,
    check_width,
    chunk_rows,
    no_column,
    not_templates,
    shown,
)
from facepriv.errors import BadInputError
from facepriv.wording import some

SMALL = 4096
"""Most bytes of an array that says something of all templates, such as their metric."""


class Array(Protocol):
    """One array of a file, which is read from its first row to its last."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its type."""

    def read(self, rows: int) -> NDArray[Any]:
        """Return the next rows."""


def table_of_arrays(arrays: Mapping[str, Array], options: TableOptions, stated: Stated) -> TemplateTable:
    """Return the table that arrays make: one with a template in each row, others with one text or number for each.

    Raises
    ------
    BadInputError
        With code ``not-templates``, ``missing-columns``, ``ambiguous-columns``, ``lengths-differ``, ``pickled`` or
        ``too-large``.
    """
    template = _template_array(arrays, options)
    rows, width = arrays[template].shape
    check_width(width, options)
    check_size(rows, width, options)
    flat = [name for name, array in arrays.items() if len(array.shape) == 1 and name != template]
    columns = find_columns(flat, options)
    for role, name in columns.items():
        _check_ids(role, name, arrays[name], rows, template, options)
    return TemplateTable(
        columns={"template": f"{template or 'its array'} ({width} numbers)", **columns},
        chunks=_chunks(arrays, template, columns),
        total=rows,
        stated=stated,
    )


def _template_array(arrays: Mapping[str, Array], options: TableOptions) -> str:
    pickled = [name for name, array in arrays.items() if array.dtype.hasobject]
    named = find_column("template", list(arrays), options)
    numbers = [name for name, array in arrays.items() if array.dtype.kind in "fiu"]
    tables = [name for name in numbers if len(arrays[name].shape) == 2 and arrays[name].shape[0] > 0]
    if "template" in options.columns and named not in tables:
        raise no_column(options, "template", tables)
    if named in tables:
        return str(named)
    if len(tables) == 1:
        return tables[0]
    if tables:
        raise BadInputError(
            f"{options.name} has several arrays of rows, {some(shown(tables), 6)}; say which holds the templates, as "
            f"in --template-column {tables[0]}.",
            code="ambiguous-columns",
        )
    if pickled:
        raise _pickled(options, pickled[0])
    shapes = [f"{name or 'one'} of shape {array.shape}" for name, array in arrays.items()]
    raise not_templates(options, f"has the arrays {some(shapes, 4)}, none with a row of numbers for each record")


def _check_ids(role: TemplateRole, name: str, array: Array, rows: int, template: str, options: TableOptions) -> None:
    if array.dtype.hasobject and not getattr(array, "is_text", False):
        raise _pickled(options, name)
    if array.dtype.kind in "US" and array.dtype.itemsize > (4 if array.dtype.kind == "U" else 1) * 8 * LONGEST_ID:
        raise BadInputError(
            f"The array {name!r} of {options.name} has texts of {array.dtype.itemsize:,} bytes each; names have at "
            f"most {LONGEST_ID} characters.",
            code="too-large",
        )
    if array.shape[0] != rows:
        raise BadInputError(
            f"{options.name} has {rows:,} rows in {template!r} but {array.shape[0]:,} in {name!r}, so nobody can say "
            f"which {role} belongs to which row; write arrays of equal length.",
            code="lengths-differ",
        )


def _pickled(options: TableOptions, name: str) -> BadInputError:
    called = f"The array {name!r} of" if name else "The array in"
    return BadInputError(
        f"{called} {options.name} holds Python objects, which may run a program when they are opened and are not read; "
        "save text by dtype=str, and templates as one array of numbers.",
        code="pickled",
    )


def _chunks(arrays: Mapping[str, Array], template: str, columns: Mapping[TemplateRole, str]) -> Iterator[RawChunk]:
    rows, width = arrays[template].shape
    step = chunk_rows(width * arrays[template].dtype.itemsize)
    for start in range(0, rows, step):
        count = min(step, rows - start)
        with np.errstate(over="ignore", invalid="ignore"):
            numbers = arrays[template].read(count).astype(np.float32, order="C", copy=False)
        yield RawChunk(numbers, {role: texts(arrays[name].read(count)) for role, name in columns.items()})


def texts(values: NDArray[Any]) -> Sequence[str]:
    """Return an array's values as texts: bytes as UTF-8, whole numbers without a point."""
    if values.dtype.kind == "S" or (values.dtype.hasobject and len(values) and isinstance(values[0], bytes)):
        return [value.decode("utf-8", "replace") for value in values.tolist()]
    if values.dtype.kind == "f":
        # In a column of numbers, NaN is how pandas writes that there is nothing.
        plain = (int(value) if value.is_integer() else value for value in values.tolist())
        return ["" if value != value else str(value) for value in plain]
    return list(map(str, values.tolist()))


def read_stated(said: Mapping[str, str]) -> Stated:
    """Return what a file says of itself, from its texts by name."""
    marked = said.get("schema", said.get("format", "")) == FormatMark
    return Stated(said.get("metric", ""), said.get("matcher", ""), said.get("version", ""), marked)


SAYING = ("schema", "format", "metric", "matcher", "version")
"""Names of arrays or attributes of one text that say something of all templates."""
