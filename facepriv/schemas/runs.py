"""Spec and result of a run: the documented, versioned JSON that leaves the package.

Field names are part of the schema ``facepriv.run/1``; ``docs/run-schema.json`` is generated from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from facepriv.schemas.base import DatasetRef, Frozen, ModelRef
from facepriv.schemas.figures import (
    ClassRates,
    Confusions,
    GenderError,
    GenderHistograms,
    Groups,
    Interval,
    MatchingPhases,
    Rates,
    Summary,
)

Phase = Literal["before", "after"]
MatchPhase = Literal["before", "after", "cross"]
LearnSource = Literal["folds", "demo", "dataset"]
"""Whom a method learns from: the other half of the data set's people, the demo set, or another data set."""
MethodKind = Literal["unnoticeable", "visible"]
FILE, FIXED = "file", "fixed"
STOP_TITLES: dict[str, str] = {
    "flipped": "flipped",
    "already-wrong": "was wrong before",
    "sweeps": "limit of sweeps",
    "rounds": "limit of rounds",
    "floor": "floor of a matcher or of quality",
    "face-lost": "face lost",
    "landed": "near the score drawn",
}
"""Why perturbing an image ended, in words."""
PHASES: tuple[Phase, ...] = ("before", "after")
MATCH_PHASES: tuple[MatchPhase, ...] = ("before", "after", "cross")


KEY_NOTE = (
    "The side of each image was drawn with a key made of the seed: whoever knows the seed can tell which images were "
    "sent to the other side. The installation keeps it."
)
"""Why a seed is kept secret."""


def is_key(parameters: Mapping[str, Any]) -> bool:
    """Return whether, with these parameters of a method, the seed is the key with which sides are drawn."""
    return parameters.get("side") == "drawn"


class LearnFrom(Frozen):
    """Whom a method that learns is to learn from."""

    source: LearnSource
    dataset: DatasetRef | None = None
    """The other data set, for ``dataset``."""
    demo: bool = False
    """For ``folds``: whether the people of the demo set are learnt from, too, since the halves are small."""


class AttributeClasses(Frozen):
    """An attribute in two classes, as a classifier tells it."""

    attribute: str
    positive: str
    """The class of positive scores, in words: ``male``, ``40 and over``."""
    negative: str


class RunSpec(Frozen):
    """Everything needed to repeat a run: same spec and same libraries on the same kind of processor, same bytes."""

    dataset: DatasetRef
    image_ids: tuple[int, ...]
    """Images taken, in order; an image's position here seeds its randomness."""
    image_sha256: tuple[str, ...]
    """Hashes of the files that the images were imported from, in the same order."""
    method: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Parameters of the method, all of them, defaults filled in."""
    guide: ModelRef
    more_guides: tuple[ModelRef, ...] = ()
    """Further guides; an image counts as turned once all of them are. All guides are among the classifiers."""
    attribute: str = "gender"
    """What all guides tell."""
    keep: tuple[ModelRef, ...] = ()
    """Classifiers whose scores the method is to leave as they are; all of them are among the classifiers."""
    keep_weight: float = 1.0
    """What a change of theirs counts for, see the method."""
    guards: tuple[ModelRef, ...] = ()
    """Matchers that the method heeds; all of them are among the matchers."""
    learn_from: LearnFrom | None = None
    """Set where the method learns first."""
    landmarker: ModelRef | None = Field(default=None, exclude_if=lambda ref: ref is None)
    """Whose points the method lays over a face; null for the detector's own 68. Crops are made from those always."""
    panel: bool = False
    """Whether flips are judged on the panel of processed versions, too."""
    classifiers: tuple[ModelRef, ...]
    jury: tuple[ModelRef, ...] = Field(default=(), exclude_if=lambda refs: not refs)
    """Gender classifiers that guide nothing and are reported together, too; all of them are among the classifiers."""
    matchers: tuple[ModelRef, ...]
    detector: ModelRef
    seed: int = 0
    facepriv_version: str
    libraries: dict[str, str] = Field(default_factory=dict)
    """Versions of the libraries that compute."""

    @property
    def guides(self) -> tuple[ModelRef, ...]:
        """All guides, the first one first."""
        return (self.guide, *self.more_guides)

    @property
    def has_secret_seed(self) -> bool:
        """Whether the seed is a key, which must not leave the installation."""
        return is_key(self.parameters)


class RunSpecDocument(RunSpec):
    """A run's spec as it may leave the installation."""

    seed: int | None = 0  # type: ignore[assignment]
    """Null where it is a key: who knows it knows to which side every image was sent."""
    seed_note: str | None = Field(default=None, exclude_if=lambda note: note is None)
    """Why the seed is null."""

    @classmethod
    def of(cls, spec: RunSpec) -> RunSpecDocument:
        """Return what may leave of a spec."""
        values = {name: getattr(spec, name) for name in RunSpec.model_fields}
        stored = set(spec.model_fields_set)
        if spec.has_secret_seed:
            values |= {"seed": None, "seed_note": KEY_NOTE}
            stored.add("seed")
        # What was not stored stays unset, so that hashes of documents stay what they were. The note is no part of them.
        return cls.model_construct(_fields_set=stored, **values)


class ErrorOfAttribute(Frozen):
    """Share of scored images whose ``sign(f)`` differs from the label of an attribute other than gender."""

    classes: AttributeClasses
    labelled: int
    """Images with a label of the attribute."""
    before: ClassRates
    after: ClassRates


class AttributeChange(Frozen):
    """What became of the scores of a classifier that was not to be turned, on the stored files."""

    classes: AttributeClasses
    kept: bool
    """Whether the method was to keep its scores."""
    images: int
    """Images scored before and after."""
    stayed: float | None
    """Share of them whose verdict stayed, whether or not it was right."""
    mean_change: float | None
    """Mean size of the change of the score, nats."""
    positive_before: float | None
    """Share of them that it takes for its positive class."""
    positive_after: float | None


class JuryError(Frozen):
    """How often a juror, or the majority of a jury, takes an image for the other gender than labelled."""

    all: Interval
    female: Interval
    male: Interval
    auc: Interval
    """Chance that a man is called more male than a woman: by a juror's score, or by how many jurors say male."""


class JuryErrors(Frozen):
    """The same before and after."""

    before: JuryError
    after: JuryError


class Jury(Frozen):
    """What classifiers that guided nothing make of a run; intervals take subjects as drawn at random."""

    majority: JuryErrors
    """Of the votes of those jurors that scored an image; half the votes wrong count as half an error."""
    jurors: dict[str, JuryErrors]
    """Each juror on its own, at its own threshold."""


class FailureItem(Frozen):
    """One image that failed, where and why (Figure 8)."""

    image_id: int
    name: str
    stage: Literal["acquire-before", "perturb", "acquire-after"]
    reason: str
    sentence: str


NOT_FLIPPED = "not-flipped"
"""Reason of an image that some guide still gets right: it was changed as far as its method was allowed."""


class Failures(Frozen):
    """Failures counted by reason and listed; none is dropped."""

    total: int
    by_reason: dict[str, int]
    items: list[FailureItem]


class LearnedItem(Frozen):
    """One thing learnt before images were perturbed, and what it cost once."""

    source: LearnSource
    dataset: str
    """Name of the data set whose people it was learnt from."""
    fold: int | None = None
    """Which half was learnt from, 0 or 1, for ``folds``: the other half's images were perturbed with it."""
    subjects: int
    images: int
    evaluations: int
    """Images that the guides scored while learning; not part of ``evaluations_total``."""
    sha256: str
    """Hash of what was learnt, as stored."""


class RunResult(Frozen):
    """What a run found. Rates are fractions 0..1, scores log-odds in nats, male positive."""

    schema_: Literal["facepriv.run/1"] = Field(default="facepriv.run/1", alias="schema")
    images: int
    """Images asked for, failures included."""
    judged: int
    """Images perturbed and scored."""
    subjects: int
    gender_error: dict[str, GenderError]
    """Of every classifier that tells gender, whatever the guides tell."""
    gender_confusion: dict[str, Confusions]
    gender_scores: dict[str, GenderHistograms]
    attribute: str = "gender"
    """What the guides tell; flips, and successes, are of this."""
    attribute_error: dict[str, ErrorOfAttribute] = Field(default_factory=dict)
    """Of every classifier that tells another attribute than gender and has labels for it."""
    attribute_changes: dict[str, AttributeChange] = Field(default_factory=dict)
    """Of every classifier that was kept or tells another attribute than the guides."""
    jury: Jury | None = None
    """Null where the run has no jury, where nobody is labelled, and in results of before there were juries."""
    matching: dict[str, MatchingPhases]
    flipped: Rates
    """Share of judged images whose stored file every guide calls the other class than labelled: in a run on gender the
    other gender. By gender label whatever the guides tell, as are all groups here."""
    flipped_fixed: Rates | None = None
    """The same share for the first guide under the *original's* crop: a diagnostic, never a success; null where it was
    not measured."""
    survival: dict[str, Rates] = Field(default_factory=dict)
    """Share of judged images that are still flipped in a version of the stored file, by version: ``jpeg90``,
    ``resize75``, ``grey``, with the face found anew in each."""
    stops: dict[str, int] = Field(default_factory=dict)
    """Number of judged images by why their perturbation ended."""
    notes: dict[str, int] = Field(default_factory=dict)
    """Sentences on how images were computed, with the number of images that each is about."""
    learned: list[LearnedItem] = Field(default_factory=list)
    """What was learnt first, for a method that learns."""
    kind: MethodKind | None = None
    """Whether a person is meant to notice the method's change; null in results of before this was kept."""
    guides: list[str] = Field(default_factory=list)
    """All guides, the first one first."""
    guards: list[str] = Field(default_factory=list)
    """Matchers that the method was to heed."""
    updates: Groups
    """Updates of images that were changed with success (section 3.2)."""
    evaluations: Groups
    """Guide evaluations of images that were changed with success."""
    psnr_db: Summary
    """Peak signal-to-noise ratio inside the face box, dB; images left unchanged are not counted."""
    ssim: Summary
    """Structural similarity inside the face box; images left unchanged are not counted."""
    failures: Failures
    seconds: float
    """Wall time of the attempt that finished the run."""
    evaluations_total: int

    def flips(self) -> dict[str, Rates]:
        """Share of judged images that are flipped: in the file, in each version tried, and, as a diagnostic, under the
        original's crop; keys as in `facepriv.charts.rates.FLIP_TITLES`."""
        fixed = {} if self.flipped_fixed is None else {FIXED: self.flipped_fixed}
        return {FILE: self.flipped, **self.survival, **fixed}


class RunDocument(RunResult):
    """What ``--json`` writes of a complete run: its result, and the spec that repeats it."""

    run_id: int
    created_at: str
    """ISO 8601, UTC."""
    finished_at: str | None
    spec: RunSpecDocument
