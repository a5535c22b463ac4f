"""Input fields for a method's parameters, made from its pydantic model: choices first, then numbers, then switches."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import streamlit as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

COLUMNS = 4
SEVERAL = (tuple, list, set, frozenset)


def ask(model: type[BaseModel], method: str) -> dict[str, Any]:
    """Show one field for each parameter and give the values."""
    values: dict[str, Any] = {}
    groups: dict[int, list[tuple[str, FieldInfo]]] = {0: [], 1: [], 2: []}
    for name, field in model.model_fields.items():
        groups[_group(_bare(field.annotation)[0])].append((name, field))
    for fields in groups.values():
        for start in range(0, len(fields), COLUMNS):
            row = fields[start : start + COLUMNS]
            for box, (name, field) in zip(st.columns(COLUMNS, vertical_alignment="bottom"), row, strict=False):
                with box:
                    values[name] = _ask_one(name, field, key=f"parameter-{method}-{name}")
    return {name: values[name] for name in model.model_fields}


def _group(kind: Any) -> int:
    return 2 if kind is bool else 1 if kind in (int, float) else 0


def _bare(kind: Any) -> tuple[Any, bool]:
    """Return a type without None, and whether None is allowed."""
    if get_origin(kind) in (Union, UnionType):
        inside = [one for one in get_args(kind) if one is not NoneType]
        if len(inside) == 1:
            return inside[0], len(inside) < len(get_args(kind))
    return kind, False


def _ask_one(name: str, field: FieldInfo, key: str) -> Any:
    label, text = name.replace("_", " "), field.description
    default = field.get_default(call_default_factory=True)
    kind, optional = _bare(field.annotation)
    if get_origin(kind) is Literal:
        options = ([None] if optional else []) + list(get_args(kind))
        named = {option: "none" if option is None else str(option) for option in options}
        return st.selectbox(
            label, options, index=options.index(default), format_func=named.__getitem__, help=text, key=key
        )
    if get_origin(kind) in SEVERAL:
        options = _options(kind)
        if options is None:
            given = st.text_input(label, ",".join(map(str, default or ())), help=f"{text} (a,b,c)", key=key)
            return tuple(part.strip() for part in given.split(",") if part.strip())
        return tuple(st.multiselect(label, options, default=list(default or ()), help=text, key=key))
    if kind is bool:
        return st.toggle(label, bool(default), help=text, key=key)
    if kind in (int, float):
        low, high = _bounds(field, kind)
        start = default if default is None else kind(default)
        step, shape = _step(kind, start or high)
        return st.number_input(label, low, high, start, step, format=shape, help=text, key=key)
    given = st.text_input(label, "" if default is None else str(default), help=text, key=key)
    return default if given == "" else given


def _options(kind: Any) -> list[Any] | None:
    """Return what a parameter of several values may hold, if its type says so."""
    inside = next((one for one in get_args(kind) if one is not Ellipsis), None)
    return list(get_args(inside)) if get_origin(inside) is Literal else None


def _step(kind: type, default: Any) -> tuple[Any, str]:
    """Return the step and the format of a number that is about as large as its default."""
    if kind is int:
        return 1, "%d"
    size = abs(default or 0)
    return (0.01, "%.3f") if size < 1 else (0.1, "%.2f") if size < 10 else (1.0, "%.1f")


def _bounds(field: FieldInfo, kind: type) -> tuple[Any, Any]:
    """Return the least and greatest value to offer; where a bound itself is excluded, the model refuses it."""
    low = high = None
    for rule in field.metadata:
        for name in ("ge", "gt"):
            low = kind(getattr(rule, name)) if hasattr(rule, name) else low
        for name in ("le", "lt"):
            high = kind(getattr(rule, name)) if hasattr(rule, name) else high
    return low, high
