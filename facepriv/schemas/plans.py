"""What is promised of a job before it begins: its stages in order, and how long each is to take."""

from __future__ import annotations

from facepriv.schemas.base import Frozen


class PlannedStage(Frozen):
    """A stage as the queue names it."""

    stage: str
    steps: int = 0
    """Steps that its progress counts; 0 where nothing is counted."""
    fixed: float = 0.0
    """Seconds that it takes before its first step, such as for loading models."""
    seconds: float
    """All that it takes, ``fixed`` included."""


class JobPlan(Frozen):
    """The stages of a job, and between which two numbers of seconds all of them together are expected to take."""

    stages: tuple[PlannedStage, ...]
    low: float
    high: float
    basis: str
    """What the figures rest on, in words."""

    @property
    def seconds(self) -> float:
        """Return what all stages together are expected to take."""
        return sum(stage.seconds for stage in self.stages)
