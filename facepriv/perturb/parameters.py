"""Perturbation methods made by name with checked parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, get_args, get_origin

import pydantic

from facepriv.errors import BadInputError
from facepriv.perturb.base import Perturber
from facepriv.perturb.earlier_parameters import rename_earlier
from facepriv.perturb.registry import perturbers


def make_method(name: str, parameters: Mapping[str, Any]) -> Perturber:
    """Make a perturbation method with checked parameters, those of stored runs under their earlier names too.

    Raises
    ------
    UnknownNameError
    BadInputError
        If a parameter is unknown or out of its range.
    """
    name = perturbers.resolve(name)
    parameters = rename_earlier(name, parameters)
    for parameter, value in parameters.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise BadInputError(
                f"The parameter {parameter} of {name} cannot be {value}; give a finite number.", code="bad-parameter"
            )
    try:
        return perturbers.create(name, **parameters)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "parameters"
        raise BadInputError(
            f"The parameter {where} of {name} cannot be {first.get('input')!r}: {first['msg']}.", code="bad-parameter"
        ) from error


def parse_parameters(method: str, settings: Iterable[str]) -> dict[str, Any]:
    """Read parameters written as ``name=value``; several values of one parameter are parted by commas.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    BadInputError
        With code ``bad-parameter`` if one is written otherwise, unknown, or given twice.
    """
    name = perturbers.resolve(method)
    fields = perturbers.load(name).Parameters.model_fields  # type: ignore[attr-defined]
    values: dict[str, Any] = {}
    for setting in settings:
        parameter, equals, text = (part.strip() for part in setting.partition("="))
        if not equals or parameter in values:
            raise BadInputError(
                f"A parameter is written once, as name=value, but {setting!r} was given; write for instance "
                f"{next(iter(fields), 'name')}=... .",
                code="bad-parameter",
            )
        if parameter not in fields:
            raise BadInputError(
                f"The method {name} has no parameter {parameter!r}; choose among: {', '.join(fields) or 'none'}.",
                code="bad-parameter",
            )
        values[parameter] = _value(text, fields[parameter].annotation)
    return values


def _value(text: str, kind: Any) -> Any:
    """Read one value; whether it may be is the method's to say."""
    inside = [get_origin(one) or one for one in (kind, *get_args(kind))]
    if text.lower() == "none" and type(None) in inside:
        return None
    if any(one in (tuple, list, set, frozenset) for one in inside):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    for number in (int, float):
        if number in inside:
            with suppress(ValueError):
                return number(text)
    return text


def methods_for_any_landmarks() -> list[str]:
    """Name the methods that take any landmarker's points."""
    return [name for name in perturbers.names() if perturbers.load(name).landmarkers is None]  # type: ignore[attr-defined]
