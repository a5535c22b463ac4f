"""Parameters that several methods share, each declared once with its range, its help and, where all agree, its default.

A method that has one annotates a field with it: ``margin: Margin = 0.1``.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Protocol

from pydantic import Field

from facepriv.imaging.versions import VERSION_PHRASES
from facepriv.perturb.base import Parameters
from facepriv.perturb.gallery import CandidateGender

FIXED: Final = "fixed"
MATCHED: Final = "matched"
NEUTRAL: Final = "neutral"

Margin = Annotated[
    float,
    Field(
        ge=0,
        le=20,
        description="How far past zero every guide's score must be, in nats (the paper's -eta)",
    ),
]
Candidates = Annotated[CandidateGender, Field(description="Gender label of the candidate: any, same, opposite")]
SurviveJpeg = Annotated[bool, Field(default=True, description=f"The flip must hold {VERSION_PHRASES['jpeg90']} too")]
SurviveResize = Annotated[
    bool, Field(default=True, description=f"The flip must hold {VERSION_PHRASES['resize75']} too")
]
SurviveGrey = Annotated[
    bool,
    Field(default=False, description="The flip must hold in greyscale too; costs image quality and evaluations"),
]
SurviveMirror = Annotated[bool, Field(default=True, description="The flip must hold in the mirror too")]
Rounds = Annotated[int, Field(ge=1, le=100, description="Most rounds, each of slopes and a step, before giving up")]
Stopping = Annotated[
    Literal["fixed", "matched", "neutral"],
    Field(
        default=FIXED,
        description="Where an image's score is to end. Fixed: just past zero. Matched: at the score of an untouched "
        "image of the opposite gender label, drawn from other people, so that its size betrays no perturbed image; for "
        "policies that perturb about half of the images. Neutral: at a score drawn around zero, from one distribution "
        "for all; perturb every image then. With a drawn score, success is to come near it, and nothing is asked of "
        "versions of the file",
    ),
]
Spread = Annotated[
    float,
    Field(
        default=2.0,
        ge=0,
        le=50,
        description="For neutral: standard deviation of the scores drawn around zero for each guide, nats",
    ),
]
Tolerance = Annotated[
    float,
    Field(
        default=0.25,
        ge=0.01,
        le=10,
        description="For matched and neutral: how near the score drawn every guide's score of the stored file must be, "
        "in nats",
    ),
]

_SURVIVE = {
    "survive_jpeg90": "jpeg90",
    "survive_resize75": "resize75",
    "survive_grey": "grey",
    "survive_mirror": "mirror",
}


class StoppingParameters(Protocol):
    """A method's parameters that say where to stop."""

    stopping: Stopping
    spread: Spread
    tolerance: Tolerance


def versions_to_survive(parameters: Parameters) -> tuple[str, ...]:
    """Return the versions of the stored file that must be flipped too, as keys of `facepriv.imaging.versions`."""
    return tuple(version for name, version in _SURVIVE.items() if getattr(parameters, name, False))
