"""Perturbation methods to choose from."""

from __future__ import annotations

from typing import Any

from facepriv.perturb.base import Perturber
from facepriv.perturb.registry import AIM_METHODS, perturbers


def list_methods() -> list[type[Perturber]]:
    """List all registered methods, those for an aim first, in the order of the aims."""
    methods: list[Any] = [perturbers.load(name) for name in perturbers.names()]
    ranks = {name: rank for rank, name in enumerate(AIM_METHODS.values())}
    return sorted(methods, key=lambda method: ranks.get(method.name, len(ranks)))
