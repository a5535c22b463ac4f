"""Input fields made from the fields of pydantic models: a method's parameters, and those of a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from pydantic import BaseModel

from facepriv.schemas.fields import FieldDescription, describe_fields

COLUMNS = 4


def ask(fields: Sequence[FieldDescription], method: str, columns: int = COLUMNS) -> dict[str, Any]:
    """Show one widget for each parameter, choices first, then numbers, then switches, and return the values."""
    values: dict[str, Any] = {}
    for group in range(3):
        row = [field for field in fields if _group(field) == group]
        for start in range(0, len(row), columns):
            shown = row[start : start + columns]
            for box, field in zip(st.columns(columns, vertical_alignment="bottom"), shown, strict=False):
                with box:
                    values[field.name] = ask_one(field, f"parameter-{method}-{field.name}")
    return {field.name: values[field.name] for field in fields}


def help_of(model: type[BaseModel], name: str) -> str:
    """Return what to say of a field."""
    return describe_fields(model)[name].help + "."


def ask_number(model: type[BaseModel], name: str, label: str, key: str) -> Any:
    """Ask for a number of a request."""
    return _ask_number(describe_fields(model)[name], label, key, help_of(model, name))


def ask_among(
    model: type[BaseModel], field: str, label: str, names: Sequence[str], key: str, **options: Any
) -> list[str]:
    """Ask for some of these names; by default all."""
    return st.multiselect(label, names, **{"default": names, **options}, key=key, help=help_of(model, field))


def ask_limit(model: type[BaseModel], images: int, key: str) -> int | None:
    """Ask how many of so many images to take; None for all."""
    label = f"Images (of {images:,}; 0 = all)"
    return int(st.number_input(label, 0, images, 0, key=key, help=help_of(model, "limit"))) or None


def _group(field: FieldDescription) -> int:
    if field.several or field.options:
        return 0
    return 2 if field.kind is bool else 1 if field.kind in (int, float) else 0


def ask_one(field: FieldDescription, key: str) -> Any:
    """Ask for a field's value with the widget that fits its type."""
    label = field.name.replace("_", " ")
    if field.several and field.options:
        return tuple(st.multiselect(label, field.options, list(field.default or ()), help=field.help, key=key))
    if field.several:
        given = st.text_input(label, ",".join(map(str, field.default or ())), help=f"{field.help} (a,b,c)", key=key)
        return field.from_text(given)
    if field.options:
        options = [*([None] if field.optional else []), *field.options]
        return st.selectbox(
            label,
            options,
            options.index(field.default),
            format_func=lambda option: "none" if option is None else str(option),
            help=field.help,
            key=key,
        )
    if field.kind is bool:
        return st.toggle(label, bool(field.default), help=field.help, key=key)
    if field.kind in (int, float):
        return _ask_number(field, label, key, field.help)
    given = st.text_input(label, "" if field.default is None else str(field.default), help=field.help, key=key)
    return field.default if given == "" else given


def _ask_number(field: FieldDescription, label: str, key: str, text: str) -> Any:
    # Where a bound itself is excluded, the model refuses it.
    bounds = (field.least, field.most, field.default)
    low, high, start = (None if bound is None else field.kind(bound) for bound in bounds)
    step, shape = _step(field.kind, start or high)
    return st.number_input(label, low, high, start, step, format=shape, help=text, key=key)


def _step(kind: type, default: Any) -> tuple[Any, str]:
    """Return the step and the format of a number that is about as large as its default."""
    if kind is int:
        return 1, "%d"
    size = abs(default or 0)
    return (0.01, "%.3f") if size < 1 else (0.1, "%.2f") if size < 10 else (1.0, "%.1f")
