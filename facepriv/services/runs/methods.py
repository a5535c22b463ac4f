"""What perturbation methods there are, and what a user must know before choosing one."""

from __future__ import annotations

from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from facepriv.perturb.registry import perturbers
from facepriv.schemas.runs import MethodKind
from facepriv.services.runs.preparing import DEFAULT_METHOD

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


@dataclass(frozen=True)
class ParameterInfo:
    """One parameter of a method."""

    name: str
    type: str
    """What may be given, in words."""
    default: Any
    help: str


@dataclass(frozen=True)
class MethodInfo:
    """One registered method."""

    name: str
    title: str
    kind: MethodKind
    recommended: bool
    heeds_guards: bool
    """Whether it asks matchers while it changes a face, if there are any to heed."""
    keeps: bool
    """Whether it can keep the scores of classifiers that it is not to turn."""
    landmarkers: tuple[str, ...] | None
    """Whose points it can take; None for anybody's."""
    parameters: tuple[ParameterInfo, ...]

    def takes_landmarks_of(self, landmarker: str) -> bool:
        """Say whether it can lay a landmarker's points over a face."""
        return self.landmarkers is None or landmarker in self.landmarkers


def list_methods() -> list[MethodInfo]:
    """List all registered methods, the recommended one first."""
    found = [describe(name) for name in perturbers.names()]
    return sorted(found, key=lambda one: not one.recommended)


def describe(name: str) -> MethodInfo:
    """Describe one method; raises UnknownNameError if there is none of that name."""
    name = perturbers.resolve(name)
    made: Any = perturbers.load(name)
    fields = made.Parameters.model_fields
    return MethodInfo(
        name=name,
        title=made.title,
        kind=made.kind,
        recommended=name == perturbers.resolve(DEFAULT_METHOD),
        heeds_guards=made.heeds_guards,
        keeps=made.keeps,
        landmarkers=made.landmarkers,
        parameters=tuple(
            ParameterInfo(
                one, type_in_words(field), field.get_default(call_default_factory=True), field.description or ""
            )
            for one, field in fields.items()
        ),
    )


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
