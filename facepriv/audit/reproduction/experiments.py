"""Complete runs that repeat an experiment of the paper, as the comparison takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facepriv.schemas.reproductions import Candidates, Experiment, Slot
from facepriv.schemas.runs import RunResult


@dataclass(frozen=True, kw_only=True)
class ImageOutcome:
    """One image of a run, as far as the comparison needs it."""

    image_id: int
    subject: str
    label: int | None
    updates: int
    success: bool
    anchors: int
    """How often the score had passed, but not in the file."""
    before: Mapping[str, float]
    """Log-odds by classifier; NaN = failure to acquire."""
    after: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class ExperimentRun:
    """One complete run of an experiment."""

    experiment: Experiment
    candidates: Candidates
    run_id: int
    method: str
    guide: str
    result: RunResult
    images: Sequence[ImageOutcome]


RunsByExperiment = Mapping[tuple[Experiment, Candidates], ExperimentRun]

GUIDED: dict[Experiment, Slot] = {"by-a": "a", "by-b": "b"}
"""The classifier that guides, by experiment that has a guide."""
