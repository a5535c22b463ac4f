"""Gender errors of both classifiers in every experiment beside Table 3, with a remark on each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from facepriv.audit.reproduction import paper
from facepriv.audit.reproduction.experiments import GUIDED, ExperimentRun, RunsByExperiment
from facepriv.schemas.figures import Rates
from facepriv.schemas.reproductions import CANDIDATES, EXPERIMENTS, Candidates, ErrorRow, Experiment, Slot
from facepriv.schemas.runs import NOT_FLIPPED
from facepriv.wording import count, percent

CLOSE = 0.05
"""Largest difference of two errors that are said to agree roughly."""
FEW_IMAGES = 2
"""Images, or genuine pairs, that make no difference: where a verdict hangs on so many, none is given."""
_UNCLEAR = f"no more than {FEW_IMAGES} images away from that, too few to say that it differs"


@dataclass(frozen=True)
class _Cell:
    """One classifier's error in one experiment, and the published ones by data set."""

    run: ExperimentRun
    experiment: Experiment
    slot: Slot
    classifier: str
    error: float
    scored: int
    published: Mapping[str, float]


def error_rows(runs: RunsByExperiment, classifiers: Mapping[Slot, str]) -> list[ErrorRow]:
    """Return a row for each experiment, kind of candidate and classifier, the originals first."""
    return [
        _error_row(runs, experiment, candidates, slot, classifiers)
        for experiment in EXPERIMENTS
        for candidates in ((None,) if experiment == "original" else CANDIDATES)
        for slot in classifiers
    ]


def _error_row(
    runs: RunsByExperiment,
    experiment: Experiment,
    candidates: Candidates | None,
    slot: Slot,
    classifiers: Mapping[Slot, str],
) -> ErrorRow:
    run = runs["by-a", "opposite"] if candidates is None else runs[experiment, candidates]
    name = classifiers[slot]
    phase = "before" if experiment == "original" else "after"
    ours: Rates = getattr(run.result.gender_error[name], phase)
    confusion = getattr(run.result.gender_confusion[name], phase)
    scored = sum(row["male"] + row["female"] for row in (confusion.male, confusion.female))
    published = {dataset: table[experiment][slot] for dataset, table in paper.GENDER_ERROR.items()}
    if ours.all is None:
        remark = f"{name} scored none of the images, so there is nothing to compare."
    else:
        cell = _Cell(run, experiment, slot, name, ours.all, scored, published)
        if experiment == "original":
            remark = _original_remark(cell, ours)
        elif experiment == "mixing":
            remark = _control_remark(runs, name, ours.all) if candidates == "same" else _mixing_remark(cell)
        elif GUIDED[experiment] == slot:
            remark = _guide_remark(cell)
        else:
            remark = _other_remark(cell, guide=classifiers[GUIDED[experiment]])
    return ErrorRow(
        experiment=experiment,
        candidates=candidates,
        slot=slot,
        classifier=name,
        ours=ours,
        wrong=confusion.male["female"] + confusion.female["male"],
        scored=scored,
        published=published,
        remark=remark,
    )


def _difference(cell: _Cell) -> str:
    """Return by how much an error differs from the published ones, in words."""
    parts = []
    for dataset, rate in cell.published.items():
        points = 100 * (cell.error - rate)
        if abs(points) < 0.05:
            parts.append(f"The same as on {dataset}")
        else:
            parts.append(f"{abs(points):.1f} points {'more' if points > 0 else 'fewer'} than on {dataset}")
    first, *others = parts
    return " and ".join([first, *(part[0].lower() + part[1:] for part in others)])


def _original_remark(cell: _Cell, ours: Rates) -> str:
    groups = [
        f"{percent(rate)} of {word}" for word, rate in (("women", ours.female), ("men", ours.male)) if rate is not None
    ]
    return (
        f"{_difference(cell)}: {cell.classifier} is another network than {paper.CLASSIFIERS[cell.slot]}, and "
        f"these are other images; it errs on {' and '.join(groups)}."
    )


def _guide_remark(cell: _Cell) -> str:
    result = cell.run.result
    updated = [image for image in cell.run.images if image.updates > 0]
    at_once = sum(image.success and image.anchors == 0 for image in updated)
    remark = f"{_difference(cell)}."
    if updated:
        remark += (
            " Here the search continues until the stored file also passes the threshold, with its face located again; "
            f"of {count(len(updated), 'image')} that took updates, {at_once} ({percent(at_once / len(updated))}) "
            "passed it there the first time that the score did, which is where Algorithm 1 as printed stops."
        )
    unflipped = result.failures.by_reason.get(NOT_FLIPPED, 0)
    if unflipped:
        at_limit = result.stops.get("sweeps", 0)
        remark += f" {count(unflipped, 'image')} of ours stayed unflipped ({at_limit} at the limit of sweeps)."
    return remark


def _other_remark(cell: _Cell, *, guide: str) -> str:
    before = cell.run.result.gender_error[cell.classifier].before.all
    rises = {
        dataset: table[cell.experiment][cell.slot] - table["original"][cell.slot]
        for dataset, table in paper.GENDER_ERROR.items()
    }
    change = cell.error - (before or 0.0)
    published = " and ".join(f"{100 * rise:+.1f} on {dataset}" for dataset, rise in rises.items())
    low, high = min(rises.values()), max(rises.values())
    place = _place(change, low, high, cell.scored)
    if place == "unclear":
        verdict = _UNCLEAR
    elif place != "inside":
        verdict = f"what fools {guide} carries over to {cell.classifier} {place} than in the paper"
    elif high > CLOSE:
        verdict = f"as in the paper, a part of what fools {guide} carries over to {cell.classifier}"
    else:
        verdict = f"as in the paper, what fools {guide} leaves {cell.classifier} nearly as it was"
    return f"{100 * change:+.1f} points from the originals, in the paper {published}: {verdict}."


def _control_remark(runs: RunsByExperiment, classifier: str, error: float) -> str:
    opposite = runs["mixing", "opposite"].result.gender_error[classifier]
    before, after = opposite.before.all or 0.0, opposite.after.all or 0.0
    return (
        "A control that the paper does not have: candidates of the same label change the error by "
        f"{100 * (error - before):+.1f} points, those of the opposite label by {100 * (after - before):+.1f}."
    )


def _mixing_remark(cell: _Cell) -> str:
    remark, name = _difference(cell), cell.classifier
    match _place(cell.error, min(cell.published.values()), max(cell.published.values()), cell.scored):
        case "unclear":
            return f"{remark}: {_UNCLEAR}."
        case "less":
            return (
                f"{remark}. Only the face is mixed here, hair and outline stay the subject's, and the candidate is the "
                f"nearest in shape; {name} thus still sees the label in {percent(1 - cell.error)} of the mixes."
            )
        case "more":
            return f"{remark}. {name} takes a mix for the candidate's gender more often than for the subject's."
    return f"{remark}. As in the paper, a mix is about as near to one gender as to the other."


def _place(rate: float, low: float, high: float, scored: int) -> Literal["less", "more", "inside", "unclear"]:
    """Return on which side of the published range a rate lies, unless that hangs on `FEW_IMAGES`."""
    distance = max(low - rate, rate - high)
    if distance <= CLOSE:
        return "inside"
    if distance <= FEW_IMAGES / scored:
        return "unclear"
    return "less" if rate < low else "more"
