"""Settings and result of a leak audit: the documented, versioned JSON that leaves the package, ``facepriv.audit/1``.

Rates are fractions 0..1 at equal priors: men and women weigh one half each, so that 0.5 is guessing whatever the
balance of the data set, and there is 1 bit to be learnt. Bits are lower bounds: at least so many are learnt. Intervals
are of 95 % and take subjects as drawn at random.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from facepriv.schemas.base import DatasetRef, Frozen, ModelRef
from facepriv.schemas.figures import GUESSING, Interval, OperatingPoint
from facepriv.schemas.protections import TemplateSetRef

SelectBy = Literal["image", "subject"]
"""Whether the policy draws each image for itself or all images of a subject together."""
ConditionName = Literal["untouched", "perturbed", "mix"]
CONDITION_TITLES: dict[ConditionName, str] = {
    "untouched": "untouched images",
    "mix": "mixed release",
    "perturbed": "all images changed",
}
LEAST_SUBJECTS, LEAST_OF_GENDER = 10, 2


def too_few_people(subjects: int, men: int, women: int) -> str:
    """Return why these labelled subjects are too few for an audit, in a sentence; an empty text if they are enough."""
    why = "since attackers learn from some people and are judged on others"
    if not men and not women:
        return (
            f"An audit needs gender labels, {why}, but no image with a usable face has one; add a table with the "
            "columns file and gender."
        )
    if not men or not women:
        return (
            f"An audit needs people of both labels, at least {LEAST_OF_GENDER} of either, {why}, but all "
            f"{men or women} are labelled {'male' if men else 'female'}; add images of the other gender."
        )
    if subjects < LEAST_SUBJECTS or min(men, women) < LEAST_OF_GENDER:
        return (
            f"An audit needs at least {LEAST_SUBJECTS} subjects, {LEAST_OF_GENDER} of them labelled male and "
            f"{LEAST_OF_GENDER} female, {why}, but there are {subjects} ({men} male, {women} female); add images of "
            "more people."
        )
    return ""


class AttackersPeople(Frozen):
    """People of another data set from whom attackers learn, and of whom the audited images show nobody."""

    dataset: DatasetRef
    image_ids: tuple[int, ...]
    """Images learnt from, in order: labelled and with a usable face."""
    run_id: int | None = None
    """Run that processed these images as the audited run did its own, for attackers who know the policy; null if there
    is none, or nothing was perturbed."""
    left_out: int = 0
    """Subjects left out because the audited data set has one of that name or one of their files."""


class AuditSpec(Frozen):
    """Everything needed to repeat an audit: same spec and same libraries on the same kind of processor, same result."""

    dataset: DatasetRef
    run_id: int | None = None
    """The run whose perturbed images are audited beside the untouched ones; null for a database as it is."""
    image_ids: tuple[int, ...]
    """Images taken, in order."""
    attackers: tuple[str, ...]
    classifiers: tuple[ModelRef, ...]
    matchers: tuple[ModelRef, ...]
    detector: ModelRef
    p: float | None = None
    """Share of the images that the policy perturbs; null leaves it to the audit, which takes the best one."""
    against: tuple[str, ...] = ()
    """Attackers that the proportion is chosen against; none named means all."""
    select_by: SelectBy = "image"
    draws: int = 3
    """Random draws of the policy that every point between 0 and 1 is averaged over."""
    folds: int = 5
    resamples: int = 2000
    proportions: tuple[float, ...] = Field(default=(), exclude_if=lambda proportions: not proportions)
    """Proportions at which attackers are tried besides 0; empty for every tenth, and what the policy chooses."""
    brief: bool = Field(default=False, exclude_if=lambda brief: not brief)
    """Whether only figures of the attackers themselves are computed, as for a study's search: no figures of every
    variant, and none of what they learn from parts of the people, but an interval at every proportion."""
    with_templates: tuple[TemplateSetRef, ...] = Field(default=(), exclude_if=lambda sets: not sets)
    """Template sets that are released together with the images; attackers read their templates of the same images."""
    most_fnmr_loss: float | None = None
    """Floor of utility: how much worse FNMR at FMR 0.1 % may be than that of the untouched images; null for none."""
    seed: int = 0
    learn_from: AttackersPeople | None = None
    """From whom attackers learn; null for some of the audited people, each time others than those they guess."""
    facepriv_version: str
    libraries: dict[str, str] = Field(default_factory=dict)


class AttackResult(Frozen):
    """What one attacker, or one variant of it, learns from images as released."""

    attacker: str
    variant: str
    """What of the attacker's means this is; ``chosen`` for all, weighed by how well they predict training subjects."""
    images: int
    missing: int
    """Images of which the attacker had nothing to go on and guessed."""
    accuracy: Interval
    male_accuracy: Interval
    female_accuracy: Interval
    auc: Interval
    bits: Interval
    """Bits learnt at least: the larger of the bounds by accuracy (Fano) and by cross-entropy, less chance."""
    chosen: dict[str, int] = Field(default_factory=dict)
    """For ``chosen``: the variants that weighed most, with the number of folds and draws in which each did."""


class Condition(Frozen):
    """All attackers against one release."""

    name: ConditionName
    p: float
    perturbed: float
    """Share of the images that were perturbed, averaged over draws."""
    attacks: list[AttackResult]
    """One an attacker, by the weighed mean of its variants."""
    variants: list[AttackResult]


class CurvePoint(Frozen):
    """What an attacker learns at one proportion; point values, averaged over draws."""

    p: float
    attacker: str
    accuracy: float
    auc: float
    bits: float
    """Bits learnt at least."""
    interval: Interval | None = Field(default=None, exclude_if=lambda interval: interval is None)
    """Of the accuracy, in brief audits."""


class LearningPoint(Frozen):
    """What an attacker learns from a part of the people at hand, with the weights that its means have with all."""

    condition: ConditionName
    attacker: str
    part: float
    """Part of the people, 0..1."""
    subjects: int
    """Number of people learnt from."""
    accuracy: Interval


class LearningGain(Frozen):
    """What an attacker gained by the second half of the people learnt from."""

    condition: ConditionName
    attacker: str
    from_subjects: int
    to_subjects: int
    accuracy: Interval
    """Accuracy with all people minus accuracy with half of them; a paired interval, of subjects guessed."""
    likely: bool
    """Whether it is more than chance, so that still more people would probably help."""


class Utility(Frozen):
    """A matcher on a database mixed at one proportion, with pairs of old and new images as the mix has them."""

    p: float
    matcher: str
    fmr100: OperatingPoint
    fmr1000: OperatingPoint
    eer: float | None
    auc: float | None


class UtilityChange(Frozen):
    """How much worse a matcher is after than before, with paired intervals; fractions, positive is worse."""

    matcher: str
    fnmr_at_fmr1000: Interval
    """FNMR at FMR at most 0.1 %, every image perturbed, minus untouched."""
    supported: bool


class ClassifierBaseline(Frozen):
    """Gender error of one classifier on the untouched images, by label."""

    classifier: str
    all: Interval
    male: Interval
    female: Interval


class Quality(Frozen):
    """What the perturbation cost: PSNR inside the face box in dB, share that reached its goal, evaluations an image."""

    psnr_db: float | None
    success: float | None
    evaluations: float | None


class PolicyChoice(Frozen):
    """The proportion of the audit's mix and why."""

    p: float
    automatic: bool
    select_by: SelectBy
    against: list[str] = Field(default_factory=list)
    """Attackers that it was chosen against."""
    sign_p: float | None
    """The proportion that is best against the sign attacker with the guide alone."""
    sentence: str


class Headline(Frozen):
    """The attacker who is right most often, and how often anyone may be, at the upper ends of 95 % intervals."""

    condition: ConditionName
    attacker: str
    accuracy: float
    upper: float
    """The greatest upper bound of any attacker, in results of older versions sometimes below guessing."""
    bits: float
    """Bits learnt at least."""
    low: float = 0.0
    """The worst attacker's own lower bound."""

    @property
    def at_most(self) -> float:
        """How often any attacker may be right: the upper bound, never below guessing, which everybody can do."""
        return max(self.upper, GUESSING)


class AuditResult(Frozen):
    """What an audit found."""

    schema_: Literal["facepriv.audit/1"] = Field(default="facepriv.audit/1", alias="schema")
    images: int
    """Images with a label and a usable face: those that were audited."""
    left_out: dict[str, int]
    """Images left out, by reason."""
    not_perturbed: int = 0
    """Audited images of which the run has no perturbed file: they are released untouched."""
    subjects: int
    male_images: int
    female_images: int
    male_subjects: int
    female_subjects: int
    baseline: list[ClassifierBaseline]
    conditions: list[Condition]
    curve: list[CurvePoint] = Field(default_factory=list)
    policy: PolicyChoice | None = None
    utility: list[Utility] = Field(default_factory=list)
    utility_change: list[UtilityChange] = Field(default_factory=list)
    quality: Quality | None = None
    headlines: list[Headline]
    learning: list[LearningPoint] = Field(default_factory=list)
    """Accuracy of every attacker by number of people learnt from."""
    learning_gains: list[LearningGain] = Field(default_factory=list)
    learned_from: list[str] = Field(default_factory=list)
    """Sentences on the people that attackers learned from, and on what these have to do with the method's own."""
    more_people: str = ""
    """Sentence that says that more people to learn from would help an attacker; empty where none would."""
    verdict: str
    not_tried: list[str]
    seconds: float = 0.0

    def condition(self, name: ConditionName) -> Condition | None:
        """Return the release of that name; None if the audit has none."""
        return next((condition for condition in self.conditions if condition.name == name), None)


class AuditDocument(AuditResult):
    """What ``--json`` writes of a complete audit: its result, and the spec that repeats it."""

    audit_id: int
    created_at: str
    """ISO 8601, UTC."""
    finished_at: str | None
    spec: AuditSpec
