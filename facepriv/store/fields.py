"""Records and rows that have fields of the same names: one made of the other, without naming the fields again."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import DeclarativeBase

Record = TypeVar("Record")


def record_of(record: type[Record], row: Any, **others: Any) -> Record:
    """Make a dataclass ``record`` of a row's attributes that are called like its fields, but for ``others``."""
    names = (field.name for field in fields(record))  # type: ignore[arg-type]
    return record(**{name: others[name] if name in others else getattr(row, name) for name in names})


def values_of(kind: type[Record], record: Record, **others: Any) -> dict[str, Any]:
    """Return what to insert for a record: its fields as far as a record class has them, and ``others``."""
    return {**{field.name: getattr(record, field.name) for field in fields(kind)}, **others}  # type: ignore[arg-type]


def select_fields(record: type, *rows: type[DeclarativeBase], **others: Any) -> Select[Any]:
    """Select every field of a dataclass, so that a result row's mapping makes a record.

    A field is the column of its name of the first of the mapped classes ``rows`` that has one, or stands in ``others``.
    """
    columns = []
    for name in (field.name for field in fields(record)):
        column = others[name] if name in others else next(getattr(row, name) for row in rows if hasattr(row, name))
        columns.append(column.label(name))
    return select(*columns)


def matching(row: type[DeclarativeBase], **wanted: Any) -> list[ColumnElement[bool]]:
    """Return the conditions that columns of a mapped class have these values, leaving out those that are None."""
    return [getattr(row, name) == value for name, value in wanted.items() if value is not None]
