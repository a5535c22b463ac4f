"""Input fields for a method's parameters, made from its pydantic model; defaults are the paper's."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

STEP = 0.01


def ask(model: type[BaseModel], method: str, *, columns: int = 4) -> dict[str, Any]:
    """Show one field for each parameter and give the values."""
    values: dict[str, Any] = {}
    fields = list(model.model_fields.items())
    for start in range(0, len(fields), columns):
        for box, (name, field) in zip(st.columns(columns), fields[start : start + columns], strict=False):
            with box:
                values[name] = _ask_one(name, field, key=f"parameter-{method}-{name}")
    return values


def _ask_one(name: str, field: FieldInfo, key: str) -> Any:
    label, text, default = name.replace("_", " "), field.description, field.default
    kind = field.annotation
    if get_origin(kind) is Literal:
        options = list(get_args(kind))
        return st.selectbox(label, options, index=options.index(default), help=text, key=key)
    if kind is bool:
        return st.toggle(label, default, help=text, key=key)
    if kind in (int, float):
        low, high = _bounds(field, kind)
        step = kind(1) if kind is int else STEP
        shape = "%d" if kind is int else "%.3f"
        return st.number_input(label, low, high, kind(default), step, format=shape, help=text, key=key)
    given = st.text_input(label, "" if default is None else str(default), help=text, key=key)
    return default if given == "" else given


def _bounds(field: FieldInfo, kind: type) -> tuple[Any, Any]:
    """Give the least and greatest value to offer; where a bound itself is excluded, the model refuses it."""
    low = high = None
    for rule in field.metadata:
        for name in ("ge", "gt"):
            low = kind(getattr(rule, name)) if hasattr(rule, name) else low
        for name in ("le", "lt"):
            high = kind(getattr(rule, name)) if hasattr(rule, name) else high
    return low, high
