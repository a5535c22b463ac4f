"""Comparison of runs that repeat the paper's experiments with what it published, with remarks on the differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from facepriv.audit.reproduction import paper
from facepriv.audit.reproduction.candidate_test import compare_candidates
from facepriv.audit.reproduction.experiments import GUIDED, ExperimentRun, RunsByExperiment
from facepriv.audit.reproduction.gender_errors import FEW_IMAGES, error_rows
from facepriv.metrics.gender import score_histograms
from facepriv.schemas.base import DatasetRef
from facepriv.schemas.figures import Histogram, Summary
from facepriv.schemas.reproductions import (
    CANDIDATES,
    EXPERIMENTS,
    ConfusionComparison,
    Experiment,
    MatchingRow,
    ReproducedRun,
    Reproduction,
    Slot,
    UpdatesRow,
)
from facepriv.types import GENDERS, Floats64, Gender
from facepriv.wording import count, percent

SMALL = 100
"""Images of either label below which a sample is said to be small."""
LITTLE_AUC, LITTLE_FNMR = 0.01, 0.05
"""Loss of AUC and rise of FNMR at FMR 1 % up to which matching is said to be hardly touched."""


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
    runs : one for each of ``by-a``, ``by-b`` and ``mixing`` with either kind of candidate, all on the same images.
    classifiers : names of the two that guide and judge.
    landmarker : name of the one whose points made the triangles; None for the detector's own 68.
    """
    by_experiment = {(run.experiment, run.candidates): run for run in runs}
    first = by_experiment["by-a", "opposite"]
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
        gender_error=error_rows(by_experiment, classifiers),
        confusion=[_confusion(by_experiment["by-a", candidates], classifiers["a"]) for candidates in CANDIDATES],
        gender_scores={slot: _histograms(by_experiment, name) for slot, name in classifiers.items()},
        matching=[_matching(run, matcher) for matcher in matchers for run in runs],
        updates=[row for run in runs if run.experiment != "mixing" for row in _updates(run)],
        candidate_tests=[
            compare_candidates(by_experiment[experiment, "opposite"], by_experiment[experiment, "same"])
            for experiment in GUIDED
        ],
        figures=dict(paper.FIGURES),
        remarks=_remarks(first, of_label, classifiers, matchers, landmarker),
    )


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


# Table 4


def _confusion(run: ExperimentRun, name: str) -> ConfusionComparison:
    ours = run.result.gender_confusion[name]
    parts = []
    for gender, other in (("male", "female"), ("female", "male")):
        texts = []
        for phase in ("before", "after"):
            rows = [getattr(getattr(confusions, phase), gender) for confusions in (ours, paper.CONFUSIONS)]
            rates = [row[other] / total if (total := row["male"] + row["female"]) else None for row in rows]
            texts.append(" against ".join("–" if rate is None else percent(rate) for rate in rates))
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


def _histograms(runs: RunsByExperiment, classifier: str) -> dict[Experiment, Histogram]:
    def scores(run: ExperimentRun, phase: Literal["before", "after"]) -> Floats64:
        return np.array([getattr(image, phase).get(classifier, np.nan) for image in run.images], dtype=np.float64)

    first = runs["by-a", "opposite"]
    tables = {"original": scores(first, "before")} | {
        experiment: scores(runs[experiment, "opposite"], "after") for experiment in EXPERIMENTS[1:]
    }
    labels = np.array([image.label or 0 for image in first.images], dtype=np.int64)
    pooled = np.concatenate(list(tables.values()))
    edges = score_histograms(pooled, pooled, np.tile(labels, len(tables))).before.edges
    return {
        experiment: score_histograms(tables[experiment], tables[experiment], labels, bins=edges).before
        for experiment in EXPERIMENTS
    }


# Figures 6 and 7


def _matching(run: ExperimentRun, matcher: str) -> MatchingRow:
    phases = run.result.matching[matcher]
    before, after, cross = phases.before, phases.after, phases.cross
    if before.auc is None or cross.auc is None or after.auc is None:
        remark = "Genuine and impostor pairs are both needed, and this sample has not got them."
    else:
        loss = max(before.auc - after.auc, before.auc - cross.auc)
        unharmed = loss <= LITTLE_AUC
        remark = f"AUC {before.auc:.4f} before, {after.auc:.4f} after and {cross.auc:.4f} across"
        if before.fmr100 is not None and after.fmr100 is not None and cross.fmr100 is not None:
            rise = max(after.fmr100, cross.fmr100) - before.fmr100
            # A rise that hangs on one or two pairs is none that could be told from chance.
            unharmed = unharmed and rise <= max(LITTLE_FNMR, FEW_IMAGES / before.mated)
            remark += f", FNMR at FMR 1 % up by at most {100 * max(rise, 0.0):.1f} points"
        if run.experiment == "mixing":
            verdict = "mixing leaves matching as it is" if unharmed else "mixing costs matching"
            verdict += ", of which the paper shows no curve"
        else:
            verdict = (
                "as in the paper, the curves hardly part" if unharmed else "matching suffers more than in the paper"
            )
        remark += f": {verdict}. One genuine pair is {100 / before.mated:.1f} points of FNMR."
    return MatchingRow(
        matcher=matcher, experiment=run.experiment, candidates=run.candidates, phases=phases, remark=remark
    )


# Section 3.2


def _updates(run: ExperimentRun) -> list[UpdatesRow]:
    slot = GUIDED[run.experiment]
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
                paper_ratio = published.mean / paper.UPDATES[slot]["female"].mean
                remark += f" Men take {ours.mean / women:.2f} times the women's updates, in the paper "
                remark += f"{paper_ratio:.2f} times."
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


# All figures


def _remarks(
    run: ExperimentRun,
    of_label: Mapping[Gender, int],
    classifiers: Mapping[Slot, str],
    matchers: Sequence[str],
    landmarker: str | None,
) -> list[str]:
    result = run.result
    paper_data = " and ".join(
        f"{data.images:,} of {data.subjects:,} ({name})" for name, data in paper.DATA_SETS.items()
    )
    remarks = [
        f"Data: {count(result.images, 'image')} of {count(result.subjects, 'subject')} here "
        f"({of_label['female']} of women, {of_label['male']} of men), {paper_data} in the paper."
    ]
    if min(of_label.values()) < SMALL:
        remarks.append(
            f"Small sample: one image is {100 / max(result.images, 1):.1f} points of an error, and one woman's or "
            f"man's image {100 / max(min(of_label.values()), 1):.1f} points of the smaller group's."
        )
    remarks += [
        f"Classifiers: {classifiers['a']} and {classifiers['b']} stand in for {paper.CLASSIFIERS['a']} and "
        f"{paper.CLASSIFIERS['b']}, which are not available.",
        f"Scores are log-odds in nats here; the paper's threshold of {paper.ETA:g} was in its classifiers' own units.",
        "Errors are measured on the stored files, with the face located again, as an attacker would do.",
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
