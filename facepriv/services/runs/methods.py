"""What perturbation methods there are, and what a user must know before choosing one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facepriv.perturb.registry import DEFAULT_METHOD, describe_parameters, perturbers
from facepriv.schemas.fields import FieldDescription
from facepriv.schemas.runs import MethodKind


@dataclass(frozen=True)
class MethodInfo:
    """One registered method."""

    name: str
    title: str
    kind: MethodKind
    recommended: bool
    uses_guards: bool
    """Whether it asks matchers while it changes a face, if there are any to heed."""
    keeps_attributes: bool
    """Whether it can keep the scores of classifiers that it is not to turn."""
    landmarkers: tuple[str, ...] | None
    """Whose points it can take; None for anybody's."""
    parameters: tuple[FieldDescription, ...]

    def takes_landmarks_of(self, landmarker: str) -> bool:
        """Return whether it can lay a landmarker's points over a face."""
        return self.landmarkers is None or landmarker in self.landmarkers


def list_methods() -> list[MethodInfo]:
    """List all registered methods, the recommended one first."""
    found = [describe(name) for name in perturbers.names()]
    return sorted(found, key=lambda one: not one.recommended)


def describe(name: str) -> MethodInfo:
    """Describe one method; raises UnknownNameError if there is none of that name."""
    name = perturbers.resolve(name)
    made: Any = perturbers.load(name)
    return MethodInfo(
        name=name,
        title=made.title,
        kind=made.kind,
        recommended=name == perturbers.resolve(DEFAULT_METHOD),
        uses_guards=made.uses_guards,
        keeps_attributes=made.keeps_attributes,
        landmarkers=made.landmarkers,
        parameters=tuple(describe_parameters(name).values()),
    )
