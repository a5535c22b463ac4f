"""Perturbation methods in words: their kinds and what their parameters may be."""

from __future__ import annotations

from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from facepriv.schemas.runs import MethodKind

KIND_TITLES: dict[MethodKind, str] = {
    "unnoticeable": "unnoticeable, specific to its guides",
    "visible": "visible, transferring in part",
}


KIND_SENTENCES: dict[MethodKind, str] = {
    "unnoticeable": "The change is meant not to be noticed; classifiers that did not guide mostly go on being right, "
    "and taking the colour away can undo it.",
    "visible": "Classifiers that were never asked are turned too, though not all, and a person who looks for the "
    "change sees it.",
}


def type_in_words(field: FieldInfo) -> str:
    """Say what may be given for a parameter."""
    return _words(field.annotation)


def _words(kind: Any) -> str:
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " | ".join(str(one) for one in inside)
    if origin in (Union, UnionType):
        return " or ".join("none" if one is type(None) else _words(one) for one in inside)
    if origin in (tuple, list, set, frozenset):
        return f"several of: {_words(next(one for one in inside if one is not Ellipsis))}"
    return {bool: "yes or no", int: "whole number", float: "number", str: "text"}.get(kind, str(kind))
