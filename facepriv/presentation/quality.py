"""The quality report of a data set in sentences, which name no image and nobody."""

from __future__ import annotations

from collections.abc import Iterator

from facepriv.schemas.figures import Summary
from facepriv.schemas.quality import Label, QualityReport
from facepriv.wording import count, listed, percent


def quality_sentences(report: QualityReport) -> list[str]:
    """Return what was measured, what deserves a second look, and what was not checked."""
    return [*_measured(report), *_doubts(report), *report.not_checked]


def _measured(report: QualityReport) -> Iterator[str]:
    for label, acquisition in report.acquisition.items():
        if acquisition.images:
            why = "".join(f", {number:,} {reason}" for reason, number in acquisition.by_reason.items())
            yield (
                f"No usable face, {label}: {acquisition.failed:,} of {acquisition.images:,} images "
                f"({percent(acquisition.failed / acquisition.images)}{why})."
            )
    width, height = report.width, report.height
    if width.minimum == width.maximum and height.minimum == height.maximum:
        yield f"All images are {width.minimum:,.0f} × {height.minimum:,.0f} pixels."
    else:
        yield f"Images are {_span(width)} pixels wide and {_span(height)} pixels high."
    eyes = report.inter_eye_distance
    if eyes is not None:
        below = [f"{percent(short.images / eyes.summary.n)} below {short.below:.0f}" for short in eyes.shortfalls]
        yield f"Distance between the eyes: median {eyes.summary.median:.0f} pixels; {listed(below)}."


def _span(pixels: Summary) -> str:
    if pixels.minimum == pixels.maximum:
        return f"{pixels.minimum:,.0f}"
    return f"{pixels.minimum:,.0f} to {pixels.maximum:,.0f}"


def _doubts(report: QualityReport) -> Iterator[str]:
    near = report.near_duplicates
    if near is not None:
        yield (
            f"Possible identity errors: in {near.found:,} of {near.compared:,} pairs of images of different subjects, "
            f"{near.matcher.name} sees one person (score {near.threshold:.3f} or higher)."
        )
    split = report.split_subjects
    if split is not None and split.found:
        yield (
            f"Possible identity errors: the images of {split.found:,} of {count(split.checked, 'subject')} look like "
            f"several people to {split.matcher.name} (no score of {split.threshold:.3f} or higher joins them)."
        )
        if split.groups_likely:
            yield (
                "So many subjects look like several people that their folders or names may stand for groups; if so, "
                "import the images again with --subjects groups."
            )
    labels = report.contradictions

    def has_images(label: Label) -> bool:
        return label != "unlabelled" and report.acquisition[label].images > 0

    if labels is not None and labels.judged:
        wrong = listed([f"{number:,} {label}" for label, number in labels.found.items() if has_images(label)])
        yield (
            f"Possible label errors: {listed([ref.name for ref in labels.classifiers])} contradict the gender label of "
            f"{wrong} out of {labels.judged:,} labelled images. Classifiers err too; no label was changed."
        )
