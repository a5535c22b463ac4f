"""Lay runs that repeat the paper's experiments beside what it published, and say where they differ and why they may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field
from scipy.stats import wilcoxon

from facepriv.audit.reproduction import paper
from facepriv.audit.reproduction.paper import Experiment, Slot
from facepriv.metrics.gender import score_histograms
from facepriv.schemas.base import DatasetRef, Frozen
from facepriv.schemas.figures import Confusions, GenderHistograms, Histogram, MatchingPhases, Rates, Summary
from facepriv.schemas.runs import MethodKind, RunResult
from facepriv.types import GENDERS, Gender
from facepriv.wording import count, percent

SCHEMA: Literal["facepriv.reproduce/1"] = "facepriv.reproduce/1"

Candidates = Literal["opposite", "same"]
CANDIDATES: tuple[Candidates, ...] = ("opposite", "same")
LEVEL = 0.05
"""Significance level."""
SMALL = 100
"""Images of either label below which a sample is said to be small."""
CLOSE = 0.05
"""Errors that differ by no more are said to agree roughly."""
FEW_IMAGES = 2
"""Images, or genuine pairs, that make no difference: where a verdict hangs on so many, none is given."""
LITTLE_AUC, LITTLE_FNMR = 0.01, 0.05
"""Loss of AUC and rise of FNMR at FMR 1 % up to which matching is said to be hardly touched."""
ENOUGH_SUBJECTS = 50
"""Subjects below which a test is said to see large differences only."""


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

    schema_: Literal["facepriv.reproduce/1"] = Field(default=SCHEMA, alias="schema")
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

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null", populate_by_name=True)


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


def reproduction(
    dataset: DatasetRef,
    runs: Sequence[ExperimentRun],
    *,
    classifiers: Mapping[Slot, str],
    seed: int,
    landmarker: str | None = None,
) -> Reproduction:
    """Compare runs with the paper.

    Parameters
    ----------
    runs
        One for each of ``by-a``, ``by-b`` and ``mixing`` with either kind of candidate, all on the same images.
    classifiers
        Names of the two that guide and judge.
    landmarker
        Name of the one whose points made the triangles; None for the detector's own 68.
    """
    by = {(run.experiment, run.candidates): run for run in runs}
    first = by["by-a", "opposite"]
    of_label = {gender: sum(i.label == label for i in first.images) for gender, label in GENDERS.items()}
    matchers = list(first.result.matching)
    return Reproduction(
        dataset=dataset,
        images=first.result.images,
        subjects=first.result.subjects,
        men=of_label["male"],
        women=of_label["female"],
        seed=seed,
        small=min(of_label.values()) < SMALL,
        classifiers=dict(classifiers),
        matchers=matchers,
        runs=[_reproduced(run) for run in runs],
        gender_error=_errors(by, classifiers),
        confusion=[_confusion(by["by-a", candidates], classifiers["a"]) for candidates in CANDIDATES],
        gender_scores={slot: _histograms(by, name) for slot, name in classifiers.items()},
        matching=[_matching(run, matcher) for matcher in matchers for run in runs],
        updates=[row for run in runs if run.experiment != "mixing" for row in _updates(run)],
        candidate_tests=[
            compare_candidates(by[experiment, "opposite"], by[experiment, "same"]) for experiment in _GUIDED
        ],
        figures=dict(paper.FIGURES),
        remarks=_remarks(first, of_label, classifiers, matchers, landmarker),
    )


_GUIDED: dict[Experiment, Slot] = {"by-a": "a", "by-b": "b"}


def _reproduced(run: ExperimentRun) -> ReproducedRun:
    return ReproducedRun(
        experiment=run.experiment,
        candidates=run.candidates,
        run_id=run.run_id,
        method=run.method,
        guide=run.guide,
        kind=run.result.kind,
        images=run.result.images,
        judged=run.result.judged,
        failures=dict(run.result.failures.by_reason),
        seconds=run.result.seconds,
    )


# Table 3


def _errors(
    by: Mapping[tuple[Experiment, Candidates], ExperimentRun], classifiers: Mapping[Slot, str]
) -> list[ErrorRow]:
    rows = []
    for experiment in paper.EXPERIMENTS:
        for candidates in (None,) if experiment == "original" else CANDIDATES:
            for slot, name in classifiers.items():
                run = by["by-a", "opposite"] if candidates is None else by[experiment, candidates]
                rows.append(_error(run, experiment, candidates, slot, name, by, classifiers))
    return rows


def _error(
    run: ExperimentRun,
    experiment: Experiment,
    candidates: Candidates | None,
    slot: Slot,
    name: str,
    by: Mapping[tuple[Experiment, Candidates], ExperimentRun],
    classifiers: Mapping[Slot, str],
) -> ErrorRow:
    phase = "before" if experiment == "original" else "after"
    ours: Rates = getattr(run.result.gender_error[name], phase)
    wrong, scored = _counts(run.result, name, phase)
    published = {dataset: table[experiment][slot] for dataset, table in paper.GENDER_ERROR.items()}
    if ours.all is None:
        remark = f"{name} scored none of the images, so there is nothing to compare."
    elif experiment == "original":
        remark = _original_remark(name, slot, ours, published)
    elif experiment == "mixing":
        remark = _mixing_remark(name, ours.all, scored, published, candidates, by)
    elif _GUIDED[experiment] == slot:
        remark = _guide_remark(run, name, ours.all, published)
    else:
        remark = _other_remark(run, name, slot, ours.all, scored, experiment, classifiers)
    return ErrorRow(
        experiment=experiment,
        candidates=candidates,
        slot=slot,
        classifier=name,
        ours=ours,
        wrong=wrong,
        scored=scored,
        published=published,
        remark=remark,
    )


def _counts(result: RunResult, name: str, phase: str) -> tuple[int, int]:
    matrix = getattr(result.gender_confusion[name], phase)
    rows = {"male": matrix.male, "female": matrix.female}
    scored = sum(row["male"] + row["female"] for row in rows.values())
    return matrix.male["female"] + matrix.female["male"], scored


def _against(ours: float, published: Mapping[str, float]) -> str:
    """Say by how much an error differs from the published ones."""
    parts = []
    for dataset, rate in published.items():
        points = 100 * (ours - rate)
        if abs(points) < 0.05:
            parts.append(f"The same as on {dataset}")
        else:
            parts.append(f"{abs(points):.1f} points {'more' if points > 0 else 'fewer'} than on {dataset}")
    first, *others = parts
    return " and ".join([first, *(part[0].lower() + part[1:] for part in others)])


def _original_remark(name: str, slot: Slot, ours: Rates, published: Mapping[str, float]) -> str:
    assert ours.all is not None
    groups = [
        f"{percent(rate)} of {word}" for word, rate in (("women", ours.female), ("men", ours.male)) if rate is not None
    ]
    return (
        f"{_against(ours.all, published)}: {name} is another network than {paper.CLASSIFIERS[slot]} and "
        f"these are other images; it errs on {' and '.join(groups)}."
    )


def _guide_remark(run: ExperimentRun, name: str, ours: float, published: Mapping[str, float]) -> str:
    worked = [image for image in run.images if image.updates > 0]
    held = sum(image.success and image.anchors == 0 for image in worked)
    remark = f"{_against(ours, published)}."
    if worked:
        remark += (
            " Here the search goes on until the threshold is passed in the stored file too, with its face found anew; "
            f"of {count(len(worked), 'image')} that took updates, {held} ({percent(held / len(worked))}) had passed "
            "it there the first time that the score did, which is where Algorithm 1 as printed ends."
        )
    left = run.result.failures.by_reason.get("not-flipped", 0)
    if left:
        limit = run.result.stops.get("sweeps", 0)
        remark += f" {count(left, 'image')} of ours stayed unflipped ({limit} at the limit of sweeps)."
    return remark


def _other_remark(
    run: ExperimentRun,
    name: str,
    slot: Slot,
    ours: float,
    scored: int,
    experiment: Experiment,
    classifiers: Mapping[Slot, str],
) -> str:
    before = run.result.gender_error[name].before.all
    guide = classifiers[_GUIDED[experiment]]
    theirs = {d: table[experiment][slot] - table["original"][slot] for d, table in paper.GENDER_ERROR.items()}
    change = ours - (before or 0.0)
    told = " and ".join(f"{100 * rise:+.1f} on {dataset}" for dataset, rise in theirs.items())
    low, high = min(theirs.values()), max(theirs.values())
    where = _beyond(change, low, high, scored)
    if where == "unclear":
        verdict = _UNCLEAR
    elif where != "inside":
        verdict = f"what fools {guide} carries over to {name} {where} than in the paper"
    elif high > CLOSE:
        verdict = f"as in the paper, a part of what fools {guide} carries over to {name}"
    else:
        verdict = f"as in the paper, what fools {guide} leaves {name} nearly as it was"
    return f"{100 * change:+.1f} points from the originals, in the paper {told}: {verdict}."


_UNCLEAR = f"no more than {FEW_IMAGES} images away from that, too few to say that it differs"


def _beyond(ours: float, low: float, high: float, scored: int) -> Literal["less", "more", "inside", "unclear"]:
    """Say on which side of the published range a share lies, if that does not hang on `FEW_IMAGES`."""
    away = max(low - ours, ours - high)
    if away <= CLOSE:
        return "inside"
    if away <= FEW_IMAGES / scored:
        return "unclear"
    return "less" if ours < low else "more"


def _mixing_remark(
    name: str,
    ours: float,
    scored: int,
    published: Mapping[str, float],
    candidates: Candidates | None,
    by: Mapping[tuple[Experiment, Candidates], ExperimentRun],
) -> str:
    if candidates == "same":
        opposite = by["mixing", "opposite"].result.gender_error[name]
        first, other = opposite.before.all or 0.0, opposite.after.all or 0.0
        return (
            "A control that the paper does not have: candidates of the same label change the error by "
            f"{100 * (ours - first):+.1f} points, those of the opposite label by {100 * (other - first):+.1f}."
        )
    remark = f"{_against(ours, published)}"
    where = _beyond(ours, min(published.values()), max(published.values()), scored)
    if where == "unclear":
        return f"{remark}: {_UNCLEAR}."
    if where == "less":
        return (
            f"{remark}. Only the face is mixed here, hair and outline stay the subject's, and the candidate is the "
            f"nearest in shape; {name} thus still sees the label in {percent(1 - ours)} of the mixes."
        )
    if where == "more":
        return f"{remark}. {name} takes a mix for the candidate's gender more often than for the subject's."
    return f"{remark}. As in the paper, a mix is about as near to one gender as to the other."


# Table 4


def _confusion(run: ExperimentRun, name: str) -> ConfusionComparison:
    ours = run.result.gender_confusion[name]
    parts = []
    for gender, other in (("male", "female"), ("female", "male")):
        texts = []
        for phase in ("before", "after"):
            pair = [getattr(getattr(confusions, phase), gender) for confusions in (ours, paper.CONFUSIONS)]
            shares = [row[other] / total if (total := row["male"] + row["female"]) else None for row in pair]
            texts.append(" against ".join("–" if share is None else percent(share) for share in shares))
        word = "men" if gender == "male" else "women"
        parts.append(f"{word} called {other}: {texts[0]} before, {texts[1]} after")
    return ConfusionComparison(
        candidates=run.candidates,
        classifier=name,
        ours=ours,
        published=paper.CONFUSIONS,
        remark=f"Ours against MUCT: {'; '.join(parts)}.",
    )


# Figure 5


def _histograms(
    by: Mapping[tuple[Experiment, Candidates], ExperimentRun], classifier: str
) -> dict[Experiment, Histogram]:
    def scores(run: ExperimentRun, phase: Literal["before", "after"]) -> NDArray[np.float64]:
        return np.array([getattr(image, phase).get(classifier, np.nan) for image in run.images], dtype=np.float64)

    first = by["by-a", "opposite"]
    found: dict[Experiment, NDArray[np.float64]] = {"original": scores(first, "before")}
    for experiment in paper.EXPERIMENTS[1:]:
        found[experiment] = scores(by[experiment, "opposite"], "after")
    labels = np.array([image.label or 0 for image in first.images], dtype=np.int64)
    together = np.concatenate(list(found.values()))
    edges = score_histograms(together, together, np.tile(labels, len(found))).before.edges

    def in_bins(values: NDArray[np.float64]) -> GenderHistograms:
        return score_histograms(values, values, labels, bins=edges)

    return {experiment: in_bins(values).before for experiment, values in found.items()}


# Figures 6 and 7


def _matching(run: ExperimentRun, matcher: str) -> MatchingRow:
    phases = run.result.matching[matcher]
    before, after, cross = phases.before, phases.after, phases.cross
    if before.auc is None or cross.auc is None or after.auc is None:
        remark = "Genuine and impostor pairs are both needed, and this sample has not got them."
    else:
        loss = max(before.auc - after.auc, before.auc - cross.auc)
        held = loss <= LITTLE_AUC
        remark = f"AUC {before.auc:.4f} before, {after.auc:.4f} after and {cross.auc:.4f} across"
        if before.fmr100 is not None and after.fmr100 is not None and cross.fmr100 is not None:
            rise = max(after.fmr100, cross.fmr100) - before.fmr100
            # A rise that hangs on one or two pairs is none that could be told from chance.
            held = held and rise <= max(LITTLE_FNMR, FEW_IMAGES / before.mated)
            remark += f", FNMR at FMR 1 % up by at most {100 * max(rise, 0.0):.1f} points"
        if run.experiment == "mixing":
            verdict = "mixing leaves matching as it is" if held else "mixing costs matching"
            verdict += ", of which the paper shows no curve"
        else:
            verdict = "as in the paper, the curves hardly part" if held else "matching suffers more than in the paper"
        remark += f": {verdict}. One genuine pair is {100 / before.mated:.1f} points of FNMR."
    return MatchingRow(
        matcher=matcher, experiment=run.experiment, candidates=run.candidates, phases=phases, remark=remark
    )


# Section 3.2


def _updates(run: ExperimentRun) -> list[UpdatesRow]:
    slot = _GUIDED[run.experiment]
    rows = []
    for gender in GENDERS:
        ours: Summary = getattr(run.result.updates, gender)
        published = paper.UPDATES[slot][gender]
        if ours.mean is None:
            remark = "No image of this label was flipped, so there is nothing to compare."
        else:
            remark = f"{ours.mean / published.mean:.2f} times the paper's mean."
            women = run.result.updates.female.mean
            if gender == "male" and women:
                theirs = published.mean / paper.UPDATES[slot]["female"].mean
                remark += (
                    f" Men take {ours.mean / women:.2f} times the women's updates, in the paper {theirs:.2f} times."
                )
        rows.append(
            UpdatesRow(
                experiment=run.experiment,
                candidates=run.candidates,
                guide=run.guide,
                gender=gender,
                ours=ours,
                published_mean=published.mean,
                published_standard_error=published.standard_error,
                remark=remark,
            )
        )
    return rows


# Section 3.1: candidates


def compare_candidates(opposite: ExperimentRun, same: ExperimentRun) -> CandidateTest:
    """Test whether candidates of the opposite label take another number of updates than those of the same.

    Only images that both runs flipped and that took updates in both are compared. The Wilcoxon signed-rank test is
    two-sided; differences of 0 are left out, as Wilcoxon did.
    """

    def flipped(run: ExperimentRun) -> dict[int, ImageOutcome]:
        return {image.image_id: image for image in run.images if image.success and image.updates > 0}

    with_opposite, with_same = flipped(opposite), flipped(same)
    both = [image_id for image_id in with_opposite if image_id in with_same]
    a = np.array([with_opposite[i].updates for i in both], dtype=np.float64)
    b = np.array([with_same[i].updates for i in both], dtype=np.float64)
    by_subject: dict[str, list[float]] = {}
    for image_id, difference in zip(both, a - b, strict=True):
        by_subject.setdefault(with_opposite[image_id].subject, []).append(float(difference))
    of_subjects = np.array([np.mean(values) for values in by_subject.values()], dtype=np.float64)
    p_subjects = signed_rank_p(of_subjects)
    return CandidateTest(
        experiment=opposite.experiment,
        guide=opposite.guide,
        images=len(both),
        subjects=len(by_subject),
        mean_opposite=float(a.mean()) if len(both) else None,
        mean_same=float(b.mean()) if len(both) else None,
        opposite_fewer=float((a < b).mean()) if len(both) else None,
        p_images=signed_rank_p(a - b),
        p_subjects=p_subjects,
        remark=_candidates_remark(int((of_subjects != 0).sum()), p_subjects, a, b),
    )


def signed_rank_p(differences: NDArray[np.float64]) -> float | None:
    """Return the two-sided p of Wilcoxon's signed-rank test, zeros left out; None where nothing differs."""
    moved = differences[differences != 0]
    return float(wilcoxon(moved).pvalue) if moved.size else None


def _candidates_remark(pairs: int, p: float | None, opposite: NDArray[np.float64], same: NDArray[np.float64]) -> str:
    if p is None:
        return "Nothing differs, or there is nothing to compare."
    least = 2.0 ** (1 - pairs)
    if least > LEVEL:
        return (
            f"{count(pairs, 'subject')} cannot show a difference at the {LEVEL:g} level whatever they do "
            f"(least p {least:.2g}); take more images."
        )
    fewer = "opposite-label" if opposite.mean() < same.mean() else "same-label"
    if p < LEVEL:
        return (
            f"Unlike the paper, the difference is significant (p = {p:.2g}): {fewer} candidates take fewer updates, "
            f"{min(opposite.mean(), same.mean()):,.0f} against {max(opposite.mean(), same.mean()):,.0f}."
        )
    told = f"As in the paper, no significant difference (p = {p:.2g}), with fewer updates for {fewer} candidates"
    return told + (f"; {pairs} subjects would show a large one only." if pairs < ENOUGH_SUBJECTS else ".")


# All figures


def _remarks(
    run: ExperimentRun,
    of_label: Mapping[Gender, int],
    classifiers: Mapping[Slot, str],
    matchers: Sequence[str],
    landmarker: str | None,
) -> list[str]:
    result = run.result
    theirs = " and ".join(f"{d.images:,} of {d.subjects:,} ({d.name})" for d in paper.DATA_SETS.values())
    remarks = [
        f"Data: {count(result.images, 'image')} of {count(result.subjects, 'subject')} here "
        f"({of_label['female']} of women, {of_label['male']} of men), {theirs} in the paper."
    ]
    if min(of_label.values()) < SMALL:
        remarks.append(
            f"Small sample: one image is {100 / max(result.images, 1):.1f} points of an error, and one woman's or "
            f"man's image {100 / max(min(of_label.values()), 1):.1f} points of the smaller group's."
        )
    remarks += [
        f"Classifiers: {classifiers['a']} and {classifiers['b']} stand in for {paper.CLASSIFIERS['a']} and "
        f"{paper.CLASSIFIERS['b']}, which cannot be had.",
        f"Scores are log-odds in nats here; the paper's threshold of {paper.ETA:g} was in its classifiers' own units.",
        "Errors are of the stored files, in which the face was looked for anew, as whoever has the files would do.",
    ]
    if landmarker is None:
        remarks.append(
            "Faces have 68 landmarks here; the paper's landmarks were found by Stasm, whose 77 make more triangles and "
            "cover the forehead too, so an update is not the same size (--landmarker stasm-77 takes them)."
        )
    else:
        remarks.append(
            f"Triangles are made of the landmarks {landmarker}, crops of the detector's 68; the paper took Stasm's."
        )
    if matchers:
        remarks.append(f"Matchers: {' and '.join(matchers)} stand in for {' and '.join(paper.MATCHERS)}.")
    return remarks
