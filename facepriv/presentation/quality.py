"""The quality report of a data set in sentences, which name no image and nobody."""

from __future__ import annotations

from facepriv.schemas.figures import Summary
from facepriv.schemas.quality import QualityReport
from facepriv.wording import listed, percent


def quality_sentences(report: QualityReport) -> list[str]:
    """Return what was measured, what deserves a second look, and what was not checked."""
    return [
        *_acquisition_sentences(report),
        *_size_sentences(report),
        *_doubt_sentences(report),
        *report.not_checked,
    ]


def _acquisition_sentences(report: QualityReport) -> list[str]:
    sentences = []
    for label, acquisition in report.acquisition.items():
        if acquisition.images:
            why = "".join(f", {number:,} {reason}" for reason, number in acquisition.by_reason.items())
            sentences.append(
                f"No usable face, {label}: {acquisition.failed:,} of {acquisition.images:,} images "
                f"({percent(acquisition.failed / acquisition.images)}{why})."
            )
    return sentences


def _size_sentences(report: QualityReport) -> list[str]:
    width, height = report.width, report.height
    if width.minimum == width.maximum and height.minimum == height.maximum:
        sentences = [f"All images are {width.minimum:,.0f} × {height.minimum:,.0f} pixels."]
    else:
        sentences = [f"Images are {_span(width)} pixels wide and {_span(height)} pixels high."]
    eyes = report.inter_eye_distance
    if eyes is not None:
        short = listed([f"{percent(one.images / eyes.summary.n)} below {one.below:.0f}" for one in eyes.shortfalls])
        sentences.append(f"Distance between the eyes: median {eyes.summary.median:.0f} pixels; {short}.")
    return sentences


def _span(pixels: Summary) -> str:
    if pixels.minimum == pixels.maximum:
        return f"{pixels.minimum:,.0f}"
    return f"{pixels.minimum:,.0f} to {pixels.maximum:,.0f}"


def _doubt_sentences(report: QualityReport) -> list[str]:
    sentences = []
    near = report.near_duplicates
    if near is not None:
        sentences.append(
            f"Possible identity errors: in {near.found:,} of {near.compared:,} pairs of images of different subjects, "
            f"{near.matcher.name} sees one person (score {near.threshold:.3f} or higher)."
        )
    labels = report.contradictions
    if labels is not None and labels.judged:
        wrong = listed([f"{number:,} {label}" for label, number in labels.found.items() if label != "unlabelled"])
        sentences.append(
            f"Possible label errors: {listed([one.name for one in labels.classifiers])} contradict the gender label of "
            f"{wrong} out of {labels.judged:,} labelled images. Classifiers err too; no label was changed."
        )
    return sentences
