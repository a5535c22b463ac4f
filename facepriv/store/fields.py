"""Records and rows that have fields of the same names: what to select for a record."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import DeclarativeBase

Record = TypeVar("Record")


def record_of(record: type[Record], row: Any, **others: Any) -> Record:
    """Make a record of the attributes of a row that are called like its fields, but for ``others``.

    Parameters
    ----------
    record
        A dataclass.
    """
    names = (field.name for field in fields(record))  # type: ignore[arg-type]
    return record(**{name: others[name] if name in others else getattr(row, name) for name in names})


def values_of(kind: type[Record], record: Record, **others: Any) -> dict[str, Any]:
    """Return what to insert for a record: its fields as far as a record class has them, and ``others``."""
    return {**{field.name: getattr(record, field.name) for field in fields(kind)}, **others}  # type: ignore[arg-type]


def select_fields(record: type, *rows: type[DeclarativeBase], **others: Any) -> Select[Any]:
    """Select every field of a record class, so that a result row's mapping makes a record.

    Parameters
    ----------
    record
        A dataclass.
    rows
        Mapped classes; a field is the column of its name of the first that has one.
    others
        Columns of fields that are called otherwise.
    """
    columns = []
    for name in (field.name for field in fields(record)):
        column = others[name] if name in others else next(getattr(row, name) for row in rows if hasattr(row, name))
        columns.append(column.label(name))
    return select(*columns)
