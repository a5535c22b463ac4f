"""Perturbation methods: registered plug-ins, each a `Perturber`."""

from facepriv.perturb.base import Perturber
from facepriv.registry import Registry
from facepriv.schemas.requests import DEFAULT_METHOD

__all__ = ["DEFAULT_METHOD", "PAPER_METHOD", "perturbers"]

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
    aliases={DEFAULT_METHOD: "colour-field"},
)


PAPER_METHOD = "algorithm1"
