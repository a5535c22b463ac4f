"""Put a run's measurements together as the result that is stored, shown and exported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facepriv.audit.matching.comparisons import Compare
from facepriv.audit.matching.matching_phases import matching_phases
from facepriv.audit.threads import no_check
from facepriv.imaging.versions import VERSIONS
from facepriv.metrics.gender import confusion, gender_error, predicted_labels, score_histograms
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
from facepriv.types import GENDER

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
    """Labels +1, -1 by classifier, of those that tell another attribute than gender; without those that have none."""


@dataclass(frozen=True, eq=False)
class Templates:
    """A matcher's templates of all images of a run, rows in the run's order; NaN rows are failures to acquire."""

    before: NDArray[np.float32]
    after: NDArray[np.float32]
    compare: Compare


def run_result(
    images: Sequence[JudgedImage],
    templates: Mapping[str, Templates],
    *,
    classifiers: Sequence[str],
    seconds: float,
    guides: Sequence[str] = (),
    guards: Sequence[str] = (),
    kind: MethodKind | None = None,
    learned: Sequence[LearnedItem] = (),
    attribute: str = GENDER,
    others: Mapping[str, AttributeClasses] | None = None,
    keep: Sequence[str] = (),
    check: Callable[[], None] = no_check,
) -> RunResult:
    """Compute everything the paper reports of a run (Tables 3 and 4, Figures 5 to 8, section 3.2).

    Parameters
    ----------
    images
        All images asked for, failures included.
    templates
        By matcher; rows in the order of ``images``.
    classifiers
        Those that judged.
    seconds
        Wall time of the computation.
    guides, guards, kind, learned, attribute
        As in `RunResult`.
    others
        What classifiers tell that do not tell gender.
    keep
        Classifiers whose scores were to be kept.
    check
        Called often while templates are compared; what it raises ends the work.
    """
    labels = np.array([image.label or 0 for image in images], dtype=np.int64)
    subjects = [image.subject for image in images]

    def scores(classifier: str, phase: Phase) -> NDArray[np.float64]:
        return np.array([image.scores.get((classifier, phase), np.nan) for image in images], dtype=np.float64)

    others = others or {}
    by_phase = {c: {phase: scores(c, phase) for phase in PHASES} for c in classifiers}
    of_gender = {c: found for c, found in by_phase.items() if c not in others}
    # What the guides were to be wrong about; zero where there is no label.
    own = labels if attribute == GENDER else np.array([image.labels.get(guides[0], 0) for image in images])
    done = np.array([image.perturbed for image in images], dtype=bool)
    success = np.array([image.success for image in images], dtype=bool)
    # Success may be to come near a score drawn, on whichever side that lies; flipped is what the guides say.
    flipped = _flipped(by_phase, guides, own) if guides else success
    # Images that were wrong before the first update took no work and would only dilute its mean.
    successful = done & success & np.array([image.updates > 0 for image in images], dtype=bool)

    def of(values: Sequence[float], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.asarray(values, dtype=np.float64)[chosen]

    updates = of([image.updates for image in images], successful)
    evaluations = of([image.evaluations for image in images], successful)
    psnr = np.array([image.psnr_db for image in images], dtype=np.float64)
    similarity = np.array([image.ssim for image in images], dtype=np.float64)
    changed = done & np.isfinite(psnr)
    return RunResult(
        images=len(images),
        judged=int(done.sum()),
        subjects=len(set(subjects)),
        gender_error={
            c: GenderError(before=gender_error(s["before"], labels), after=gender_error(s["after"], labels))
            for c, s in of_gender.items()
        },
        gender_confusion={
            c: Confusions(before=confusion(s["before"], labels), after=confusion(s["after"], labels))
            for c, s in of_gender.items()
        },
        gender_scores={c: score_histograms(s["before"], s["after"], labels) for c, s in of_gender.items()},
        matching={
            name: matching_phases(t.before, t.after, subjects, t.compare, check=check) for name, t in templates.items()
        },
        flipped=_share(flipped[done], labels[done]),
        flipped_fixed=_fixed(images, by_phase[guides[0]]["before"], own, labels, done) if guides else None,
        survival=_survival(images, labels, done),
        stops=dict(sorted(Counter(image.stop for image in images if image.perturbed and image.stop).items())),
        notes=dict(sorted(Counter(note for image in images for note in dict.fromkeys(image.notes)).items())),
        learned=list(learned),
        attribute=attribute,
        attribute_error={
            c: error
            for c, classes in others.items()
            if (error := _attribute_error(classes, by_phase[c], [image.labels.get(c, 0) for image in images]))
        },
        attribute_changes={
            c: _attribute_change(others.get(c, GENDER_CLASSES), by_phase[c], kept=c in keep)
            for c in classifiers
            if c in keep or (c not in guides and others.get(c, GENDER_CLASSES).attribute != attribute)
        },
        kind=kind,
        guides=list(guides),
        guards=list(guards),
        updates=summarise_by_gender(updates, labels[successful]),
        evaluations=summarise_by_gender(evaluations, labels[successful]),
        psnr_db=summarise(psnr[changed]),
        ssim=summarise(similarity[changed]),
        failures=_failures(images),
        seconds=seconds,
        evaluations_total=sum(image.evaluations for image in images),
    )


def _attribute_error(
    classes: AttributeClasses, scores: Mapping[Phase, NDArray[np.float64]], labels: Sequence[int]
) -> ErrorOfAttribute | None:
    """Return how often a classifier of another attribute errs; None where no image is labelled."""
    if not any(labels):
        return None
    rates = {phase: gender_error(scores[phase], labels) for phase in PHASES}
    found = {phase: ClassRates(all=one.all, positive=one.male, negative=one.female) for phase, one in rates.items()}
    return ErrorOfAttribute(classes=classes, labelled=sum(1 for label in labels if label), **found)


def _attribute_change(
    classes: AttributeClasses, scores: Mapping[Phase, NDArray[np.float64]], *, kept: bool
) -> AttributeChange:
    """Return what became of the scores of a classifier that was not to be turned."""
    both = np.isfinite(scores["before"]) & np.isfinite(scores["after"])
    before, after = scores["before"][both], scores["after"][both]
    some = bool(both.any())
    return AttributeChange(
        classes=classes,
        kept=kept,
        images=int(both.sum()),
        stayed=float((predicted_labels(before) == predicted_labels(after)).mean()) if some else None,
        mean_change=float(np.abs(after - before).mean()) if some else None,
        positive_before=float((before >= 0).mean()) if some else None,
        positive_after=float((after >= 0).mean()) if some else None,
    )


def _share(flags: NDArray[np.bool_], labels: NDArray[np.int64]) -> Rates:
    def rate(chosen: NDArray[np.bool_]) -> float | None:
        return float(flags[chosen].mean()) if chosen.any() else None

    return Rates(all=rate(np.ones(len(flags), dtype=bool)), male=rate(labels == 1), female=rate(labels == -1))


def _flipped(
    by_phase: Mapping[str, Mapping[Phase, NDArray[np.float64]]], guides: Sequence[str], labels: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Say of which images every guide takes the stored file for the other gender; not where no face was found."""
    # Without a label, the side to leave is the first guide's own verdict, as in perturbing.
    sides = np.where(labels != 0, labels, predicted_labels(by_phase[guides[0]]["before"]))
    verdicts = np.array([predicted_labels(by_phase[guide]["after"]) for guide in guides])
    turned: NDArray[np.bool_] = (verdicts == -sides).all(axis=0) & (sides != 0)
    return turned


def _fixed(
    images: Sequence[JudgedImage],
    before: NDArray[np.float64],
    own: NDArray[np.int64],
    labels: NDArray[np.int64],
    done: NDArray[np.bool_],
) -> Rates | None:
    """Share of images that the guide takes for the other gender under the crop of the original."""
    fixed = np.array([image.fixed_score for image in images], dtype=np.float64)
    measured = done & np.isfinite(fixed)
    if not measured.any():
        return None
    # Without a label, the side to leave is the guide's own verdict, as in perturbing.
    sides = np.where(own != 0, own, predicted_labels(np.nan_to_num(before)))
    return _share((predicted_labels(np.nan_to_num(fixed)) != sides)[measured], labels[measured])


def _survival(images: Sequence[JudgedImage], labels: NDArray[np.int64], done: NDArray[np.bool_]) -> dict[str, Rates]:
    """Share of images still flipped in each version that was tried, in the versions' order."""
    versions = list(dict.fromkeys(name for image in images for name in image.survived))
    order = [*(name for name in VERSIONS if name in versions), *(name for name in versions if name not in VERSIONS)]
    shares = {}
    for name in order:
        tried = done & np.array([name in image.survived for image in images], dtype=bool)
        still = np.array([image.survived.get(name, False) for image in images], dtype=bool)
        shares[name] = _share(still[tried], labels[tried])
    return shares


def _failures(images: Sequence[JudgedImage]) -> Failures:
    items = [image.failure for image in images if image.failure is not None]
    return Failures(total=len(items), by_reason=dict(Counter(item.reason for item in items)), items=items)
