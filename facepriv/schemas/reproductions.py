"""Result of repeating the paper's experiments, beside what it published: JSON of schema ``facepriv.reproduce/1``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from facepriv.schemas.base import DatasetRef, Frozen
from facepriv.schemas.figures import Confusions, Histogram, MatchingPhases, Rates, Summary
from facepriv.schemas.runs import MethodKind
from facepriv.types import Gender

Slot = Literal["a", "b"]
Experiment = Literal["original", "by-a", "by-b", "mixing"]
EXPERIMENTS: tuple[Experiment, ...] = ("original", "by-a", "by-b", "mixing")
Candidates = Literal["opposite", "same"]
CANDIDATES: tuple[Candidates, ...] = ("opposite", "same")


class ReproducedRun(Frozen):
    """One stored run that an experiment rests on."""

    experiment: Experiment
    candidates: Candidates
    run_id: int
    method: str
    guide: str
    kind: MethodKind | None
    images: int
    judged: int
    failures: dict[str, int]
    """Images that failed, by reason; ``not-flipped`` is every image whose file the guide still gets right."""
    seconds: float


class ErrorRow(Frozen):
    """Gender error of one classifier in one experiment, beside Table 3."""

    experiment: Experiment
    candidates: Candidates | None
    """None for the originals."""
    slot: Slot
    classifier: str
    ours: Rates
    wrong: int
    scored: int
    published: dict[str, float]
    """By data set of the paper."""
    remark: str


class ConfusionComparison(Frozen):
    """Confusion matrices of the first guide before and after, beside Table 4."""

    candidates: Candidates
    classifier: str
    ours: Confusions
    published: Confusions
    remark: str


class UpdatesRow(Frozen):
    """Updates of successful images of one label, beside section 3.2."""

    experiment: Experiment
    candidates: Candidates
    guide: str
    gender: Gender
    ours: Summary
    published_mean: float
    published_standard_error: float
    remark: str


class CandidateTest(Frozen):
    """Updates with candidates of the opposite and of the same label, compared image by image."""

    experiment: Experiment
    guide: str
    images: int
    """Images that both runs flipped and that took updates in both."""
    subjects: int
    mean_opposite: float | None
    mean_same: float | None
    opposite_fewer: float | None
    """Share of these images that took fewer updates with the candidate of the opposite label."""
    p_images: float | None
    """Wilcoxon signed-rank test over images, two-sided; images of one subject are not independent, so it is low."""
    p_subjects: float | None
    """The same over subjects' mean differences, which is what the remark goes by."""
    remark: str


class MatchingRow(Frozen):
    """How a matcher fares on one experiment's images."""

    matcher: str
    experiment: Experiment
    candidates: Candidates
    phases: MatchingPhases
    remark: str


class Reproduction(Frozen):
    """The paper's experiments on one data set. Rates are fractions 0..1, scores log-odds in nats, male positive."""

    schema_: Literal["facepriv.reproduce/1"] = Field(default="facepriv.reproduce/1", alias="schema")
    dataset: DatasetRef
    images: int
    subjects: int
    men: int
    women: int
    seed: int
    small: bool
    """Whether there are fewer than `SMALL` images of either label."""
    classifiers: dict[Slot, str]
    matchers: list[str]
    runs: list[ReproducedRun]
    gender_error: list[ErrorRow]
    confusion: list[ConfusionComparison]
    gender_scores: dict[Slot, dict[Experiment, Histogram]]
    """Scores by label of each classifier, all experiments in the same bins (Figure 5); opposite-label candidates."""
    matching: list[MatchingRow]
    updates: list[UpdatesRow]
    candidate_tests: list[CandidateTest]
    figures: dict[int, str]
    """What the paper's figures show, in words, since it gives no numbers for them."""
    remarks: list[str]
    """What makes all figures differ."""
