"""Perturbation methods: registered plug-ins, each a `Perturber`."""

from facepriv.perturb.base import Perturber
from facepriv.registry import Registry

perturbers: Registry[Perturber] = Registry(
    "perturbation method",
    "facepriv.perturbers",
    {
        "algorithm1": "facepriv.perturb.algorithm1:Algorithm1",
        "colour-field": "facepriv.perturb.colour_field:ColourField",
        "descent": "facepriv.perturb.descent:Descent",
        "mixing": "facepriv.perturb.mixing:Mixing",
        "semantic": "facepriv.perturb.semantic:Semantic",
    },
    aliases={"recommended": "colour-field"},
)

__all__ = ["Perturber", "perturbers"]
