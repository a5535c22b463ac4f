"""Parameters of `mixing`."""

from __future__ import annotations

from pydantic import Field

from facepriv.perturb.base import Parameters
from facepriv.perturb.common.parameters import (
    Candidates,
)


class MixingParameters(Parameters):
    """How much of the candidate goes into the mix, and who may be one."""

    coefficient: float = Field(default=0.5, ge=0, le=1, description="Share of the candidate's shape and texture")
    candidates: Candidates = "opposite"
