"""Parameters of `descent`."""

from __future__ import annotations

from pydantic import Field

from facepriv.perturb.base import Parameters
from facepriv.perturb.common.parameters import (
    Candidates,
    Margin,
    Rounds,
    SurviveGrey,
    SurviveJpeg,
    SurviveResize,
    versions_to_survive,
)
from facepriv.perturb.descent.mesh_field import Seams


class DescentParameters(Parameters):
    """What may be chosen; the defaults are the gentlest for a few evaluations, on the demo set (docs/methods.md)."""

    candidates: Candidates = "opposite"
    candidate_count: int = Field(
        default=1, ge=1, le=20, description="Candidates compared by the change they promise; a gradient each"
    )
    seams: Seams = Field(
        default="smooth",
        description="smooth: no edge shows; fine: smooth with more coefficients, gentler for twice the evaluations; "
        "sharp: one coefficient a triangle, as in Algorithm 1",
    )
    stages: int = Field(default=2, ge=1, le=6, description="Gradients on the way: more are gentler and cost more")
    rounds: Rounds = 10
    reach: float = Field(
        default=2.0, gt=0, le=3, description="Largest share of the candidate blended in or out anywhere"
    )
    slope_step: float = Field(default=0.3, ge=0.01, le=1, description="Share blended in to measure a slope")
    margin: Margin = 0.1
    survive_jpeg90: SurviveJpeg
    survive_resize75: SurviveResize
    survive_grey: SurviveGrey
    psnr: float = Field(default=0.0, ge=0, le=80, description="Least PSNR of the face box, dB; 0 for none")
    ssim: float = Field(default=0.0, ge=0, lt=1, description="Least SSIM of the face box; 0 for none")
    similarity: float = Field(
        default=0.9, ge=0, lt=1, description="Least similarity to the original under every matcher that guards"
    )
    shrinks: int = Field(default=3, ge=0, le=10, description="Halvings of the last shrink; 0 for none")

    @property
    def versions(self) -> tuple[str, ...]:
        """Names of the versions that the flip must survive."""
        return versions_to_survive(self)
