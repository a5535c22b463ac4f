"""Stored specs and results of protections of template sets, ``facepriv.protection/1``.

Rates are fractions 0..1; accuracies are at equal priors, so that 0.5 is guessing.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from facepriv.schemas.base import Frozen
from facepriv.schemas.templates import TemplateAttack, TemplateAudit


class TemplateSetRef(Frozen):
    """A template set by id, name and the hashes of its numbers and of whom they are."""

    id: int
    name: str
    rows_sha256: str
    records_sha256: str


class ProtectionChoice(Frozen):
    """A protection by name, with its parameters."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)


class ProtectionSpec(Frozen):
    """Everything that is needed to repeat the trial of a protection."""

    templates: TemplateSetRef
    method: str
    """The protection that was asked for, ``recommended`` resolved."""
    tried: tuple[ProtectionChoice, ...]
    """Protections that are tried, first the one that was asked for; templates as they are come besides."""
    fit_on: TemplateSetRef | None = None
    learn_from: TemplateSetRef | None = None
    attackers: tuple[str, ...]
    partings: int
    most_accuracy: float
    most_fnmr_loss: float
    wrong_guesses: float = 0.0
    seed: int
    facepriv_version: str
    libraries: dict[str, str]


class ProtectionResult(Frozen):
    """What attackers learn from template sets, as they are and under protections, and what recognition loses."""

    untouched: TemplateAudit
    protected: tuple[TemplateAudit, ...]
    """In the order of the spec's ``tried``, without those that failed."""
    failed: dict[str, str] = Field(default_factory=dict)
    """Why a protection could not be tried, by its name."""
    holds: bool
    """Whether the protection that was asked for keeps to the limits that were set."""
    verdict: str
    seconds: float

    @property
    def chosen(self) -> TemplateAudit:
        """Return the figures of the protection that was asked for."""
        return self.protected[0]


class ProtectionDocument(ProtectionResult):
    """A complete trial as a file."""

    schema_: Literal["facepriv.protection/1"] = Field(default="facepriv.protection/1", alias="schema")
    protection_id: int
    created_at: str
    finished_at: str | None
    spec: ProtectionSpec


class MatcherProtection(Frozen):
    """What a protection of one matcher's templates comes to, in short."""

    protection_id: int
    templates: str
    """Name of the template set."""
    protection: str
    worst_attacker: TemplateAttack
    untouched_attacker: TemplateAttack
    """The worst attacker on templates as they are."""
    holds: bool


class ProtectReport(Frozen):
    """What ``facepriv protect`` found, of every matcher."""

    schema_: Literal["facepriv.protect/1"] = Field(default="facepriv.protect/1", alias="schema")
    worst_attacker: dict[str, Any]
    """Of all matchers: ``accuracy`` (of the guesses or of the opposite ones, whichever are right more often),
    ``accuracy_high`` (upper bound of its 95 % interval), ``attacker``, ``knowledge`` and ``matcher``."""
    fnmr_loss: dict[str, float | None]
    """By matcher: FNMR at FMR 0.1 % less that of untouched templates, the greater of protected against untouched and
    among protected ones; null where there are too few comparisons."""
    matchers: dict[str, MatcherProtection]
    protections: list[ProtectionDocument]
