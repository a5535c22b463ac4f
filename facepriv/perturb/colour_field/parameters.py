"""Parameters of `colour-field`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from facepriv.perturb.base import Parameters
from facepriv.perturb.common.parameters import (
    Margin,
    Rounds,
    Spread,
    Stopping,
    SurviveGrey,
    SurviveJpeg,
    SurviveResize,
    Tolerance,
)


class ColourFieldParameters(Parameters):
    """Parameters of the colour field; scores are in nats."""

    basis: Literal["auto", "colour", "brightness", "mixed"] = Field(
        default="auto",
        description="What is changed: colour, brightness or both; auto takes colour, "
        "both if greyscale counts, and brightness on a photo without colour",
    )
    margin: Margin = 0.5
    survive_jpeg: SurviveJpeg
    survive_resize: SurviveResize
    survive_grey: SurviveGrey
    psnr: float = Field(
        default=38.0, ge=0, le=80, description="PSNR of the face box, dB, below which more patterns are tried"
    )
    template_weight: float = Field(
        default=1.0,
        ge=0,
        le=100,
        description="How much a change that face recognition notices counts beside one of the pixels; 0 is the highest "
        "PSNR",
    )
    rounds: Rounds = 6
    learned: bool = Field(
        default=False,
        description="Learn the usual directions from other people first (about 10,000 evaluations, once); a face then "
        "takes some 20 evaluations instead of 225",
    )
    stopping: Stopping
    spread: Spread
    tolerance: Tolerance
