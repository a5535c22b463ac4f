"""Perturbation methods to choose from."""

from __future__ import annotations

from typing import Any

from facepriv.perturb.base import Perturber
from facepriv.perturb.registry import DEFAULT_METHOD, perturbers


def list_methods() -> list[type[Perturber]]:
    """List all registered methods, the recommended one first."""
    methods: list[Any] = [perturbers.load(name) for name in perturbers.names()]
    return sorted(methods, key=lambda method: method.name != perturbers.resolve(DEFAULT_METHOD))
