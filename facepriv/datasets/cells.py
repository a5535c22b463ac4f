"""Values of tables that are no text, as the text that a person would write in a cell."""

from __future__ import annotations

from math import isnan
from typing import Any


def cell_text(value: Any) -> str:
    """Return a value as text: nothing for what is missing, no decimals for whole numbers, lists without brackets."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if hasattr(value, "item") and getattr(value, "shape", None) == ():  # numpy's numbers
        value = value.item()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if isnan(value) else str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (list, tuple)):
        return " ".join(map(cell_text, value))
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return str(value)


def flatten(record: dict[str, Any], before: str = "") -> dict[str, str]:
    """Return a record as cells by column; what is inside another value is called after both, ``person.gender``."""
    cells: dict[str, str] = {}
    for key, value in record.items():
        name = f"{before}{key}"
        if isinstance(value, dict):
            cells.update(flatten(value, f"{name}."))
        else:
            cells[name] = cell_text(value)
    return cells
