"""Perturbation methods: registered plug-ins, each a `Perturber`, and how one is made with checked parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facepriv.perturb.base import Perturber
from facepriv.registry import Registry
from facepriv.schemas.fields import FieldDescription, describe_fields, make_checked
from facepriv.schemas.requests import Aim

__all__ = [
    "AIM_METHODS",
    "PAPER_METHOD",
    "aim_of",
    "describe_parameters",
    "make_method",
    "methods_for_any_landmarks",
    "perturbers",
]

PAPER_METHOD = "algorithm1"
AIM_METHODS: dict[Aim, str] = {"unseen": "semantic", "guide": "colour-field"}
"""The method for each aim, the first aim first."""

perturbers: Registry[Perturber] = Registry(
    "perturbation method",
    "facepriv.perturbers",
    {
        "algorithm1": "facepriv.perturb.algorithm1.method:Algorithm1",
        "colour-field": "facepriv.perturb.colour_field.method:ColourField",
        "descent": "facepriv.perturb.descent.method:Descent",
        "mixing": "facepriv.perturb.mixing.method:Mixing",
        "semantic": "facepriv.perturb.semantic.method:Semantic",
    },
    # What was recommended before there were aims; requests and scripts of that time still name it so.
    aliases={"recommended": AIM_METHODS["guide"]},
)


def aim_of(method: str) -> Aim | None:
    """Return the aim that a method is for; None for a method that was chosen for itself."""
    method = perturbers.resolve(method)
    return next((aim for aim, name in AIM_METHODS.items() if name == method), None)


def describe_parameters(method: str) -> dict[str, FieldDescription]:
    """Describe the parameters of a method by their names; raises UnknownNameError if there is no such method."""
    return describe_fields(perturbers.load(method).Parameters)  # type: ignore[attr-defined]


def make_method(name: str, parameters: Mapping[str, Any]) -> Perturber:
    """Make a perturbation method with checked parameters; values may be texts, as a person writes them.

    Raises UnknownNameError for an unknown method, BadInputError with code ``bad-parameter`` if a parameter is unknown
    or out of its range.
    """
    name = perturbers.resolve(name)
    return make_checked(perturbers.create, "method", name, describe_parameters(name), parameters)


def methods_for_any_landmarks() -> list[str]:
    """Name the methods that take any landmarker's points."""
    return [name for name in perturbers.names() if perturbers.load(name).landmarkers is None]  # type: ignore[attr-defined]
