"""Parameters of `algorithm1`."""

from __future__ import annotations

from pydantic import Field

from facepriv.perturb.base import Parameters
from facepriv.perturb.common.parameters import (
    FIXED,
    Candidates,
    Margin,
    Spread,
    Stopping,
    SurviveJpeg,
    SurviveResize,
    Tolerance,
    versions_to_survive,
)


class Algorithm1Parameters(Parameters):
    """The paper's parameters (section 3); ``margin`` is its ``-eta``, in nats, since scores are log-odds.

    The paper knows no ``jitter``, ``survive_*`` and ``stopping``; with their defaults the method is the paper's.
    """

    eps: float = Field(default=0.05, gt=0, lt=1, description="Share of the candidate blended in or out in one update")
    margin: Margin = 0.1
    sweeps: int = Field(default=40, ge=1, le=1000, description="Most passes over all triangles")
    candidates: Candidates = "any"
    jitter: int = Field(
        default=0,
        ge=0,
        le=16,
        description="Crops moved a little over which the score is averaged too, so that a flip survives finding the "
        "face again; each costs one more evaluation a direction",
    )
    survive_jpeg90: SurviveJpeg = False
    survive_resize75: SurviveResize = False
    stopping: Stopping
    spread: Spread
    tolerance: Tolerance

    @property
    def versions(self) -> tuple[str, ...]:
        """Versions of the stored file that must be flipped too, as keys of `facepriv.imaging.versions.VERSIONS`.

        None with a drawn score: its versions would have to lie at some other score.
        """
        return versions_to_survive(self) if self.stopping == FIXED else ()
