"""Parameters of `semantic`."""

from __future__ import annotations

from pydantic import Field

from facepriv.perturb.base import Parameters


class SemanticParameters(Parameters):
    """How far the change may go, and what must hold."""

    light: float = Field(default=2.0, ge=0, le=4, description="Greatest strength of light and shade, 1 = the means'")
    colour: float = Field(default=1.6, ge=0, le=4, description="Greatest strength of colour, 1 = the means'")
    shape: float = Field(default=2.5, ge=0, le=4, description="Greatest strength of shape, 1 = the means'")
    coarse: float = Field(
        default=0.15, gt=0, le=1, description="Light coarser than this is left alone, in face widths, as skin tone is"
    )
    similarity: float = Field(
        default=0.8,
        ge=0,
        lt=1,
        description="Least similarity to the original under every guard matcher, as a share of the way from the "
        "similarity of strangers (0) to that of the same image (1)",
    )
    mean_margin: float = Field(
        default=0.9,
        ge=0,
        le=5,
        description="Mean margin of all guides to reach past zero, in spreads of their scores; since what lies past "
        "zero counts as 1 at most, a target near 1 goes as far as floors and limits allow",
    )
    trials: int = Field(default=7, ge=1, le=50, description="Most trials of the fitted change")
    visibility_weight: float = Field(
        default=200.0, ge=0, le=10000, description="How much a visible change weighs in the fit"
    )
    finish: bool = Field(
        default=False,
        description="Let the recommended unnoticeable method finish the first guide where it has not turned",
    )
    images: int = Field(default=60, ge=8, le=10000, description="Most images of either gender to learn from")
