"""Perturbation methods: registered plug-ins, each a `Perturber`."""

from facepriv.perturb.base import Perturber
from facepriv.registry import Registry

perturbers: Registry[Perturber] = Registry(
    "perturbation method",
    "facepriv.perturbers",
    {
        "algorithm1": "facepriv.perturb.algorithm1:Algorithm1",
        "descent": "facepriv.perturb.descent:Descent",
        "semantic": "facepriv.perturb.semantic:Semantic",
    },
)

__all__ = ["Perturber", "perturbers"]
