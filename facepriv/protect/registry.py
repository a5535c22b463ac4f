"""Protections of templates: registered plug-ins, and how one is made with checked parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facepriv.errors import UnknownNameError
from facepriv.protect.base import Protection
from facepriv.registry import Registry
from facepriv.schemas.fields import FieldDescription, describe_fields, make_checked

RECOMMENDED = "recommended"

protections: Registry[Protection] = Registry(
    "protection",
    "facepriv.protections",
    {
        "mean-difference": "facepriv.protect.mean_difference:MeanDifference",
        "inlp": "facepriv.protect.inlp:Inlp",
        "leace": "facepriv.protect.leace:Leace",
        "transport": "facepriv.protect.transport:Transport",
        "mirroring": "facepriv.protect.mirroring:Mirroring",
        "crossing": "facepriv.protect.crossing:Crossing",
        "donor-coordinate": "facepriv.protect.donor_coordinate:DonorCoordinate",
        "ive": "facepriv.protect.ive:Ive",
        "multi-ive": "facepriv.protect.multi_ive:MultiIve",
        "pe-miu": "facepriv.protect.pe_miu:PeMiu",
        "cosine-noise": "facepriv.protect.cosine_noise:CosineNoise",
        "identity-subspace": "facepriv.protect.identity_subspace:IdentitySubspace",
    },
    aliases={RECOMMENDED: "identity-subspace"},
)


def describe_parameters(name: str) -> dict[str, FieldDescription]:
    """Describe the parameters of a protection by their names; raises UnknownNameError if there is no such one."""
    return describe_fields(protections.load(name).Parameters)  # type: ignore[attr-defined]


def describe_variant(name: str, parameters: Mapping[str, Any]) -> str:
    """Return the name of a protection, with those parameters in brackets that are not its defaults."""
    try:
        described = describe_parameters(name)
    except UnknownNameError:  # "none", or a plug-in that is gone
        return name
    changed = [
        f"{key} {value}" for key, value in parameters.items() if key in described and value != described[key].default
    ]
    return f"{name} ({', '.join(changed)})" if changed else name


def make_protection(name: str, parameters: Mapping[str, Any] = {}) -> Protection:
    """Make a protection with checked parameters; values may be texts, as a person writes them.

    Raises UnknownNameError for an unknown protection, BadInputError with code ``bad-parameter`` if a parameter is
    unknown or out of its range.
    """
    name = protections.resolve(name)
    return make_checked(protections.create, "protection", name, describe_parameters(name), parameters)
