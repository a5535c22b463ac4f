"""A data set's quality report: figures, and doubtful labels and identities."""

from __future__ import annotations

import shlex

import streamlit as st

from facepriv.charts.quality import failures_by_reason, images_per_subject, inter_eye_distances
from facepriv.presentation.formats import plain
from facepriv.presentation.quality import quality_sentences
from facepriv.schemas.quality import QualityReport
from facepriv.services.datasets.quality import check_quality, doubtful_images, get_quality
from facepriv.store import DatasetRecord, Store
from parts.figures import show_figure, show_pages
from parts.shell import errors_shown, record_view

LISTED = 20


def show(store: Store, record: DatasetRecord) -> None:
    """Show the report, or offer to make it."""
    report = get_quality(record)
    if report is None:
        st.info("The quality of this data set has not been checked.", icon=":material/info:")
        offer(store, record, "Check quality")
        return
    for sentence in quality_sentences(report):
        st.markdown(f"- {plain(sentence)}")
    figures(record, report)
    doubts(store, record, report)
    offer(store, record, "Check again")


def offer(store: Store, record: DatasetRecord, label: str) -> None:
    """Offer to check the data set now, reusing what was computed before."""
    pressed = st.button(label, key=f"quality-{record.id}", icon=":material/fact_check:")
    st.caption("For a large data set, use the command line:")
    st.code(f"facepriv quality {shlex.quote(record.name)} --anew", language=None, wrap_lines=True)
    if not pressed:
        return
    bar = st.progress(0.0, "Checking quality …")

    def show_progress(done: int, total: int) -> None:
        bar.progress(done / max(total, 1), f"Checking quality: {done:,} of {total:,} images")

    with errors_shown():
        check_quality(store, record.id, on_progress=show_progress)
        st.rerun()


def figures(record: DatasetRecord, report: QualityReport) -> None:
    """Show failures, images per subject and pixels between the eyes."""
    left, right = st.columns(2, gap="large")
    with left:
        st.header("Images per subject")
        counts = report.images_per_subject.counts["subjects"]
        alt = "Subjects by their number of images: " + ", ".join(f"{size}: {n}" for size, n in enumerate(counts, 1))
        show_figure(images_per_subject(report.images_per_subject), f"sizes-{record.id}", alt, f"dataset {record.id}")
    with right:
        eyes = report.inter_eye_distance
        if eyes is not None:
            st.header(
                "Distance between the eyes",
                help="Inter-eye distance of ISO/IEC 29794-5: pixels between the centres of the eyes.",
            )
            alt = "Images by inter-eye distance: " + ", ".join(
                f"{short.images} of {eyes.summary.n} below {short.below:.0f} pixels" for short in eyes.shortfalls
            )
            show_figure(inter_eye_distances(eyes), f"eyes-{record.id}", alt, f"dataset {record.id}")
    if any(acquired.failed for acquired in report.acquisition.values()):
        st.header("Images without a usable face, by label")
        alt = "Images without a usable face: " + ", ".join(
            f"{label} {acquired.failed} of {acquired.images}" for label, acquired in report.acquisition.items()
        )
        show_figure(failures_by_reason(report.acquisition), f"acquisition-{record.id}", alt, f"dataset {record.id}")


def doubts(store: Store, record: DatasetRecord, report: QualityReport) -> None:
    """List images whose labels may be wrong; record who looks at their names."""
    near, labels, split = report.near_duplicates, report.contradictions, report.split_subjects
    listed = [near.pairs if near else [], labels.images if labels else [], split.subjects if split else []]
    if not any(listed):
        return
    st.header("Images to check")
    st.write("Either the label or the model may be wrong. Nothing was changed.")
    if not st.toggle("Name the images", key=f"doubts-{record.id}"):
        return
    record_view(store, "quality-listed", f"dataset {record.id}", "doubtful images")
    for title, rows in doubtful_images(store, record.id, report).items():
        if rows:
            st.markdown(f"**{title}**")
            show_pages(rows, LISTED, f"{title}-{record.id}")
