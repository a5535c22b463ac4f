"""Result of a run from its measurements, as it is stored, shown and exported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.jury import jury_of
from facepriv.audit.matching.comparisons import Compare
from facepriv.audit.matching.matching_phases import matching_phases
from facepriv.audit.threads import no_check
from facepriv.imaging.versions import VERSIONS
from facepriv.metrics.gender import confusion, gender_error, predicted_labels, rates_by_gender, score_histograms
from facepriv.metrics.summary import summarise, summarise_by_gender
from facepriv.schemas.figures import ClassRates, Confusions, GenderError, Rates
from facepriv.schemas.runs import (
    PHASES,
    AttributeChange,
    AttributeClasses,
    ErrorOfAttribute,
    FailureItem,
    Failures,
    LearnedItem,
    MethodKind,
    Phase,
    RunResult,
)
from facepriv.types import GENDER, Flags, Floats64, Integers

GENDER_CLASSES = AttributeClasses(attribute=GENDER, positive="male", negative="female")


@dataclass(frozen=True, kw_only=True)
class JudgedImage:
    """One image of a run, measured before and after; what could not be measured is NaN."""

    image_id: int
    name: str
    subject: str
    label: int | None
    perturbed: bool
    """Whether a perturbed image was stored."""
    success: bool
    updates: int
    evaluations: int
    psnr_db: float
    """NaN where nothing was changed."""
    ssim: float
    scores: Mapping[tuple[str, Phase], float]
    """Log-odds in nats by classifier and phase; NaN = failure to acquire."""
    failure: FailureItem | None = None
    fixed_score: float = float("nan")
    """First guide's log-odds of the stored file under the original's crop; NaN where it was not measured."""
    survived: Mapping[str, bool] = field(default_factory=dict)
    """Whether the flip is still there, by version of the stored file; empty where that was not tried."""
    stop: str | None = None
    notes: tuple[str, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)
    """Labels +1, -1 by classifier of another attribute than gender; absent where there is none."""


@dataclass(frozen=True, eq=False)
class Templates:
    """A matcher's templates of all images of a run, rows in the run's order; NaN rows are failures to acquire."""

    before: NDArray[np.float32]
    after: NDArray[np.float32]
    compare: Compare


@dataclass(frozen=True, kw_only=True)
class RunSetup:
    """Names of the models of a run, and what they were for; as in `RunResult` unless said otherwise."""

    classifiers: Sequence[str]
    """All that scored the images."""
    guides: Sequence[str] = ()
    guards: Sequence[str] = ()
    kind: MethodKind | None = None
    attribute: str = GENDER
    others: Mapping[str, AttributeClasses] = field(default_factory=dict)
    """Classes of the classifiers of other attributes than gender."""
    keep: Sequence[str] = ()
    """Classifiers whose scores were to be kept."""
    jury: Sequence[str] = ()
    """Classifiers that guided nothing and are reported together, too."""

    def classes(self, classifier: str) -> AttributeClasses:
        """Return the classes of a classifier."""
        return self.others.get(classifier, GENDER_CLASSES)


@dataclass(frozen=True, eq=False)
class _Columns:
    """The images of a run in columns ``(n,)``."""

    labels: Integers
    """Gender labels, 0 for none."""
    attribute_labels: Integers
    """Labels of the attribute that the guides tell, 0 for none."""
    perturbed: Flags
    flipped: Flags
    updated: Flags
    """Perturbed with success and at least one update: images that were wrong at once would only dilute the means."""
    scores: Mapping[str, Mapping[Phase, Floats64]]


def run_result(
    images: Sequence[JudgedImage],
    templates: Mapping[str, Templates],
    setup: RunSetup,
    *,
    seconds: float,
    learned: Sequence[LearnedItem] = (),
    check: Callable[[], None] = no_check,
) -> RunResult:
    """Compute everything the paper reports of a run (Tables 3 and 4, Figures 5 to 8, section 3.2).

    Parameters
    ----------
    images : all images asked for, failures included.
    templates : by matcher; rows in the order of ``images``.
    seconds : wall time of the computation.
    check : called often while templates are compared; what it raises ends the work.
    """
    columns = _columns(images, setup)
    labels, perturbed, updated = columns.labels, columns.perturbed, columns.updated
    gender_scores = {name: scores for name, scores in columns.scores.items() if name not in setup.others}
    subjects = [image.subject for image in images]
    psnr = np.array([image.psnr_db for image in images], dtype=np.float64)
    ssim = np.array([image.ssim for image in images], dtype=np.float64)
    changed = perturbed & np.isfinite(psnr)
    updates, evaluations = (
        np.array([getattr(image, name) for image in images], dtype=np.float64)[updated]
        for name in ("updates", "evaluations")
    )
    return RunResult(
        images=len(images),
        judged=int(perturbed.sum()),
        subjects=len(set(subjects)),
        gender_error={
            name: GenderError(before=gender_error(s["before"], labels), after=gender_error(s["after"], labels))
            for name, s in gender_scores.items()
        },
        gender_confusion={
            name: Confusions(before=confusion(s["before"], labels), after=confusion(s["after"], labels))
            for name, s in gender_scores.items()
        },
        gender_scores={name: score_histograms(s["before"], s["after"], labels) for name, s in gender_scores.items()},
        jury=jury_of({name: columns.scores[name] for name in setup.jury}, labels, subjects),
        matching={
            name: matching_phases(t.before, t.after, subjects, t.compare, check=check) for name, t in templates.items()
        },
        flipped=rates_by_gender(columns.flipped[perturbed], labels[perturbed]),
        flipped_fixed=_flipped_fixed(images, columns, setup.guides[0]) if setup.guides else None,
        survival=_survival(images, labels, perturbed),
        stops=dict(sorted(Counter(image.stop for image in images if image.perturbed and image.stop).items())),
        notes=dict(sorted(Counter(note for image in images for note in dict.fromkeys(image.notes)).items())),
        learned=list(learned),
        attribute=setup.attribute,
        attribute_error=_attribute_errors(images, columns, setup),
        attribute_changes={
            name: _attribute_change(setup.classes(name), columns.scores[name], kept=name in setup.keep)
            for name in setup.classifiers
            if name in setup.keep or (name not in setup.guides and setup.classes(name).attribute != setup.attribute)
        },
        kind=setup.kind,
        guides=list(setup.guides),
        guards=list(setup.guards),
        updates=summarise_by_gender(updates, labels[updated]),
        evaluations=summarise_by_gender(evaluations, labels[updated]),
        psnr_db=summarise(psnr[changed]),
        ssim=summarise(ssim[changed]),
        failures=_failures(images),
        seconds=seconds,
        evaluations_total=sum(image.evaluations for image in images),
    )


def _columns(images: Sequence[JudgedImage], setup: RunSetup) -> _Columns:
    labels = np.array([image.label or 0 for image in images], dtype=np.int64)
    attribute_labels = labels
    if setup.attribute != GENDER:
        attribute_labels = np.array([image.labels.get(setup.guides[0], 0) for image in images])
    scores = {
        name: {
            phase: np.array([image.scores.get((name, phase), np.nan) for image in images], dtype=np.float64)
            for phase in PHASES
        }
        for name in setup.classifiers
    }
    perturbed = np.array([image.perturbed for image in images], dtype=bool)
    success = np.array([image.success for image in images], dtype=bool)
    # Success may be a score near a drawn one, on whichever side that lies; the guides decide what is flipped.
    flipped = _flipped(scores, setup.guides, attribute_labels) if setup.guides else success
    updated = perturbed & success & np.array([image.updates > 0 for image in images], dtype=bool)
    return _Columns(labels, attribute_labels, perturbed, flipped, updated, scores)


def _attribute_errors(images: Sequence[JudgedImage], columns: _Columns, setup: RunSetup) -> dict[str, ErrorOfAttribute]:
    """Return the errors of the classifiers of other attributes for which images are labelled."""
    errors = {}
    for name, classes in setup.others.items():
        labels = [image.labels.get(name, 0) for image in images]
        rates = {phase: gender_error(columns.scores[name][phase], labels) for phase in PHASES}
        by_class = {phase: ClassRates(all=r.all, positive=r.male, negative=r.female) for phase, r in rates.items()}
        if any(labels):
            errors[name] = ErrorOfAttribute(classes=classes, labelled=sum(label != 0 for label in labels), **by_class)
    return errors


def _attribute_change(classes: AttributeClasses, scores: Mapping[Phase, Floats64], *, kept: bool) -> AttributeChange:
    """Return the change of the scores of a classifier that was not to be flipped."""
    both = np.isfinite(scores["before"]) & np.isfinite(scores["after"])
    before, after = scores["before"][both], scores["after"][both]
    measured = bool(both.any())
    return AttributeChange(
        classes=classes,
        kept=kept,
        images=int(both.sum()),
        stayed=float((predicted_labels(before) == predicted_labels(after)).mean()) if measured else None,
        mean_change=float(np.abs(after - before).mean()) if measured else None,
        positive_before=float((before >= 0).mean()) if measured else None,
        positive_after=float((after >= 0).mean()) if measured else None,
    )


def _flipped(scores: Mapping[str, Mapping[Phase, Floats64]], guides: Sequence[str], labels: Integers) -> Flags:
    """Return whether every guide takes the stored file for the other class; false where no face was found."""
    # Without a label, the side to leave is the first guide's own verdict, as in perturbing.
    sides = np.where(labels != 0, labels, predicted_labels(scores[guides[0]]["before"]))
    verdicts = np.array([predicted_labels(scores[guide]["after"]) for guide in guides])
    flipped: Flags = (verdicts == -sides).all(axis=0) & (sides != 0)
    return flipped


def _flipped_fixed(images: Sequence[JudgedImage], columns: _Columns, guide: str) -> Rates | None:
    """Return the proportion of images that the guide takes for the other class under the original's crop."""
    fixed = np.array([image.fixed_score for image in images], dtype=np.float64)
    measured = columns.perturbed & np.isfinite(fixed)
    if not measured.any():
        return None
    # Without a label, the side to leave is the guide's own verdict, as in perturbing.
    before = predicted_labels(np.nan_to_num(columns.scores[guide]["before"]))
    sides = np.where(columns.attribute_labels != 0, columns.attribute_labels, before)
    return rates_by_gender((predicted_labels(np.nan_to_num(fixed)) != sides)[measured], columns.labels[measured])


def _survival(images: Sequence[JudgedImage], labels: Integers, perturbed: Flags) -> dict[str, Rates]:
    """Return the proportion of images still flipped in each version that was tried, in the versions' order."""
    versions = list(dict.fromkeys(name for image in images for name in image.survived))
    order = [*(name for name in VERSIONS if name in versions), *(name for name in versions if name not in VERSIONS)]
    survival = {}
    for name in order:
        tried = perturbed & np.array([name in image.survived for image in images], dtype=bool)
        flipped = np.array([image.survived.get(name, False) for image in images], dtype=bool)
        survival[name] = rates_by_gender(flipped[tried], labels[tried])
    return survival


def _failures(images: Sequence[JudgedImage]) -> Failures:
    items = [image.failure for image in images if image.failure is not None]
    return Failures(total=len(items), by_reason=dict(Counter(item.reason for item in items)), items=items)
