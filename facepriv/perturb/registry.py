"""Perturbation methods: registered plug-ins, each a `Perturber`."""

from facepriv.perturb.base import Perturber
from facepriv.registry import Registry

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
    aliases={"recommended": "colour-field"},
)


PAPER_METHOD = "algorithm1"


RECOMMENDED = "recommended"


DEFAULT_METHOD = RECOMMENDED if RECOMMENDED in perturbers.aliases else PAPER_METHOD
