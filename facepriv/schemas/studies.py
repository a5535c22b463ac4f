"""Plan, progress and result of a study: the documented, versioned JSON that leaves the package, ``facepriv.study/1``.

Rates are fractions 0..1 at equal priors, so that 0.5 is guessing. Intervals are of 95 % and take people as drawn at
random.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from facepriv.schemas.audits import SelectBy
from facepriv.schemas.base import DatasetRef, Frozen, ModelRef
from facepriv.schemas.figures import Interval
from facepriv.schemas.protections import TemplateSetRef

Released = Literal["images", "templates"]
"""What a candidate changes before it is released."""
Release = Literal["images", "templates", "both"]
CandidateState = Literal["compared", "dropped", "not-tried", "failed"]
"""What became of a candidate: tried on as many people as any, given up as hopeless, left for lack of time, or unusable.
"""
Ended = Literal["complete", "time", "stopped"]
"""Why a search ended: nothing was left to try, its time was over, or somebody stopped it."""
UNTOUCHED = "untouched"


class StudyGoal(Frozen):
    """What is to be reached, in two numbers."""

    attacker_at_most: float
    """How often the strongest attacker may be right."""
    matches_lost: float
    """Proportion of genuine comparisons that may be lost in addition, at the operating point."""
    fmr: float
    """The operating point: false match rate that is kept before and after."""


class StudySetting(Frozen):
    """One way to change images or templates: what a run, or a protection, is asked for by."""

    name: str
    """Unique in its study, such as ``semantic strong drawn``."""
    released: Released
    method: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Those that differ from the method's defaults."""
    guides: tuple[str, ...] | None = None
    """Null for all usable gender classifiers."""
    cost: float
    """Seconds that an image or a set takes, roughly; what is cheap is tried first."""


class StudyCandidate(Frozen):
    """A setting at one proportion, with one way to select."""

    name: str
    """Unique in its study."""
    setting: str
    """Name of the setting."""
    p: float
    select_by: SelectBy
    from_rung: int = 0
    """First rung on which it is tried."""


class StudyRung(Frozen):
    """One stage of a search; each takes the people of the one before, and more."""

    people: int
    images: int
    """The first of the study's images."""
    draws: int
    """Random draws of the policy that figures between 0 and 1 are averaged over."""
    attackers: tuple[str, ...]


class StudySpec(Frozen):
    """Everything that is needed to repeat a study; the clock may end it earlier or later, but reorders nothing."""

    dataset: DatasetRef
    goal: StudyGoal
    release: Release
    seconds: float
    """Time allowed."""
    settings: tuple[StudySetting, ...]
    """In the order in which they are tried first."""
    candidates: tuple[StudyCandidate, ...]
    rungs: tuple[StudyRung, ...]
    image_ids: tuple[int, ...]
    """Images of the people who are searched with, person by person: a rung takes the first of them."""
    confirmation_ids: tuple[int, ...]
    """Images of people who have no part in the search."""
    confirmation_people: int
    attackers: tuple[str, ...]
    """On images."""
    template_attackers: tuple[str, ...] = ()
    """On templates; none named means all."""
    classifiers: tuple[ModelRef, ...]
    matchers: tuple[ModelRef, ...]
    template_sets: tuple[TemplateSetRef, ...] = ()
    """For templates: those that were made from the data set."""
    resamples: int = 2000
    seed: int = 0
    facepriv_version: str
    libraries: dict[str, str] = Field(default_factory=dict)

    def setting(self, name: str) -> StudySetting:
        """Return a setting by its name."""
        return next(setting for setting in self.settings if setting.name == name)

    def candidate(self, name: str) -> StudyCandidate:
        """Return a candidate by its name."""
        return next(candidate for candidate in self.candidates if candidate.name == name)


class StudyFigures(Frozen):
    """What was measured of one candidate on one sample of people."""

    people: int
    attacker: str
    """The strongest attacker."""
    accuracy: Interval
    """How often that attacker is right."""
    upper: float
    """How often any attacker may be right: the greatest upper bound, never below guessing."""
    lost: Interval
    """Genuine comparisons lost in addition at the operating point, of the matcher that loses most."""
    matcher: str
    """That matcher."""
    fmr: float | None = None
    """Its false match rate at the threshold in use, before it is raised to the operating point."""


class StudyStep(Frozen):
    """One setting tried on one rung, or confirmed."""

    setting: str
    rung: int
    """-1 for a confirmation."""
    candidate: str | None = None
    """The candidate that is confirmed; null in a search."""
    figures: dict[str, StudyFigures] = Field(default_factory=dict)
    """By candidate; of the untouched images under ``untouched``."""
    failed: str | None = None
    """Why it could not be tried, in one sentence."""
    seconds: float = 0.0
    run_id: int | None = None
    audit_ids: tuple[int, ...] = ()


class StudyProgress(Frozen):
    """What a study has done so far; everything else follows from it and from the spec."""

    steps: tuple[StudyStep, ...] = ()
    ended: Ended | None = None
    """Why the search ended; null while it goes on."""
    confirmations: tuple[StudyStep, ...] = ()


class StudyOutcome(Frozen):
    """One candidate, with the figures of the largest sample on which it was tried."""

    candidate: StudyCandidate
    setting: StudySetting
    state: CandidateState
    reason: str = ""
    """Why it was dropped, left or unusable, in one sentence."""
    rung: int | None = None
    """The last rung on which it was tried."""
    figures: StudyFigures | None = None
    on_frontier: bool = False
    """Whether no other candidate of the last rung that was reached, and not leaving all as it is, is as good in both
    numbers and better in one."""
    run_id: int | None = None
    audit_ids: tuple[int, ...] = ()


class StudyConfirmation(Frozen):
    """The recommended candidate on people who had no part in the search."""

    candidate: str
    figures: StudyFigures | None
    """Null where it could not be computed."""
    holds: bool
    """Whether it reaches the goal there, too."""
    failed: str | None = None
    run_id: int | None = None
    audit_ids: tuple[int, ...] = ()


class StudyResult(Frozen):
    """What a study found."""

    schema_: Literal["facepriv.study/1"] = Field(default="facepriv.study/1", alias="schema")
    goal: StudyGoal
    people: int
    """People searched with; those of the largest rung that was reached."""
    untouched: dict[Released, StudyFigures] = Field(default_factory=dict)
    """Images and templates as they are."""
    outcomes: list[StudyOutcome]
    recommended: dict[Released, str] = Field(default_factory=dict)
    """Name of the candidate that reaches the goal at the least loss or, where none does, comes nearest to it."""
    met: bool
    """Whether what is recommended reaches the goal, on the people searched with and on those of the confirmation."""
    confirmations: list[StudyConfirmation] = Field(default_factory=list)
    ended: Ended | None
    verdict: str
    seconds: float = 0.0

    def outcome(self, candidate: str) -> StudyOutcome:
        """Return what became of a candidate."""
        return next(outcome for outcome in self.outcomes if outcome.candidate.name == candidate)


class StudyDocument(StudyResult):
    """What ``--json`` writes of a study: its result, so far as there is one, and the spec that repeats it."""

    study_id: int
    state: str
    created_at: str
    """ISO 8601, UTC."""
    finished_at: str | None
    spec: StudySpec
