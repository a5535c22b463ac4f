"""Label tables in Parquet files: the columns of plain values, read in batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from facepriv.datasets.cells import cell_text
from facepriv.datasets.tables import Row, Table
from facepriv.errors import BadInputError

BATCH = 10_000
"""Rows that are read at a time."""


def open_parquet_table(path: Path) -> Table:
    """Open a Parquet file; raises BadInputError with code ``unreadable`` or ``no-table``."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as opened:
            schema = opened.schema_arrow
            names = class_names(schema)
            # Images themselves are no labels.
            columns = [field.name for field in schema if is_plain(field.type)]
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error
    if not columns:
        raise BadInputError(
            f"{path.name} has no columns of plain values; columns such as file, subject and gender were expected.",
            code="no-table",
        )

    def give() -> Iterator[Row]:
        number = 0
        try:
            with parquet.ParquetFile(path) as opened:
                for batch in opened.iter_batches(batch_size=BATCH, columns=columns, use_threads=False):
                    cells = [column_texts(batch.column(name), names.get(name, ())) for name in columns]
                    for row in zip(*cells, strict=True):
                        number += 1
                        yield number, row
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path, error) from error

    return Table(path.name, give, tuple(columns))


def class_names(schema: Any) -> dict[str, tuple[str, ...]]:
    """Return what the numbers of columns stand for, where Hugging Face's ``datasets`` has written it down."""
    import json

    try:
        said = json.loads((schema.metadata or {})[b"huggingface"])
        features = said["info"]["features"]
        return {name: tuple(map(str, each["names"])) for name, each in features.items() if "names" in each}
    except (KeyError, TypeError, ValueError):
        return {}


def is_plain(kind: Any) -> bool:
    """Return whether a column of an Arrow type holds numbers, texts, dates or the like, and no bytes or lists."""
    import pyarrow as pa

    types = pa.types
    return not (types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind)) or types.is_dictionary(
        kind
    )


def column_texts(column: Any, names: tuple[str, ...]) -> list[str]:
    """Return the cells of a column, numbers of classes by their names."""
    values = column.to_pylist()
    if names:
        return [names[value] if isinstance(value, int) and 0 <= value < len(names) else "" for value in values]
    return [cell_text(value) for value in values]


def _unreadable(path: Path, error: Exception) -> BadInputError:
    return BadInputError(
        f"{path.name} cannot be read as a Parquet file ({str(error)[:100]}); copy or export it again.",
        code="unreadable",
    )
