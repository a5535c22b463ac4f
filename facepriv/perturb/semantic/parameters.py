"""Parameters of `semantic`, and what its steps of strength stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from facepriv.perturb.base import Parameters

DRAWN = "drawn"


@dataclass(frozen=True)
class Step:
    """How far one step of strength may go."""

    psnr: float
    """Least PSNR inside the face box, dB."""
    slack: float
    """How far above its floor a matcher's similarity to the original must stay, as a share of the way from the
    similarity of strangers to that of the same image."""


STEPS = {"light": Step(30.5, 0.20), "middle": Step(28.0, 0.05), "strong": Step(26.0, -0.05)}
"""By name. Measured places of each are in docs/unseen.md."""


class SemanticParameters(Parameters):
    """How far the change may go, and to which side."""

    strength: Literal["light", "middle", "strong"] = Field(
        default="middle",
        description="How far the change may go: a stronger one is seen more, hides gender from more classifiers, and "
        "leaves matchers less in reserve",
    )
    side: Literal["opposite", "drawn"] = Field(
        default="opposite",
        description="Where an image is sent. Opposite: to the other gender's side. Drawn: to the readings of a person "
        "drawn by key, whatever the label, so that no side tells the label; release all images then. The key comes "
        "from the seed, so keep the seed secret",
    )
    draw_by: Literal["subject", "image"] = Field(
        default="subject",
        description="For a drawn side: draw once for all images of a person, so that they agree, or for each image",
    )
    light: float = Field(default=2.0, ge=0, le=4, description="Greatest strength of light and shade, 1 = the means'")
    colour: float = Field(default=1.6, ge=0, le=4, description="Greatest strength of colour, 1 = the means'")
    shape: float = Field(default=2.5, ge=0, le=4, description="Greatest strength of shape, 1 = the means'")
    likeness: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="How far brows, upper lip and jaw may be drawn towards the other mean face itself, as where a "
        "beard goes; 1 = all the way",
    )
    coarse: float = Field(
        default=0.15, gt=0, le=1, description="Light coarser than this is left alone, in face widths, as skin tone is"
    )
    trials: int = Field(default=6, ge=1, le=50, description="Most trials of the fitted change")
    finish: bool = Field(
        default=False,
        description="Let the unnoticeable method colour-field put every guide on the side that the image was sent to, "
        "in greyscale and after JPEG and a resize, too, where one has not turned",
    )
    images: int = Field(default=200, ge=8, le=10000, description="Most images of either gender to learn from")

    @property
    def step(self) -> Step:
        """Return what the strength stands for."""
        return STEPS[self.strength]
