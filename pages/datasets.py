"""Data sets: what there is, bring in more, look at the faces, delete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

import streamlit as st

from facepriv.charts.dataset import class_balance
from facepriv.config import get_settings
from facepriv.datasets.registry import READERS
from facepriv.errors import BadInputError, FaceprivError
from facepriv.services.importing import ImportReport, import_dataset, import_demo, stage_uploads
from facepriv.services.pictures import image_pixels
from facepriv.store import DatasetCounts, DatasetRecord, Store
from parts import faces
from parts.deletion import offer
from parts.figures import show_figure, show_rows
from parts.formats import count, moment
from parts.shell import ACTOR, saw, with_store
from parts.words import HELP

PER_PAGE = 24
PROBLEMS_SHOWN = 200
IMAGE_TYPES = ["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "ppm", "pgm", "zip"]
LICENCE_NOTE = "Import only images whose owners agreed to such an audit; they stay on this machine."


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Datasets")
    outcome()
    records = store.datasets.list()
    if records:
        overview(store, records)
        bring(store, expanded=False)
        one(store, records)
    else:
        st.info(
            "There is no data set yet. Start with the demo faces, 60 people who do not exist, or upload your own.",
            icon=":material/info:",
        )
        bring(store, expanded=True)


def overview(store: Store, records: tuple[DatasetRecord, ...]) -> None:
    """List the data sets with their counts."""
    rows = []
    for record in records:
        counts = store.datasets.counts(record.id)
        failed = sum(counts.failures.values())
        rows.append(
            {
                "Data set": record.name,
                "Images": f"{counts.images:,}",
                "Subjects": f"{counts.subjects:,}",
                "Women": f"{counts.labels.get(-1, 0):,}",
                "Men": f"{counts.labels.get(1, 0):,}",
                "Unlabelled": f"{counts.labels.get(None, 0):,}",
                "No usable face": f"{failed:,}",
                "Left out or noted": f"{sum(counts.problems.values()):,}",
                "Imported": moment(record.created_at),
            }
        )
    show_rows(rows)


# Bring in


def bring(store: Store, *, expanded: bool) -> None:
    """Offer the ways to import."""
    with st.expander("Add a data set", expanded=expanded, icon=":material/add_photo_alternate:"):
        st.caption(LICENCE_NOTE)
        left, right = st.columns([2, 1], gap="large")
        with left:
            upload(store)
        with right:
            st.subheader("Demo faces")
            st.write("60 synthetic people, half labelled female and half male, two images each. CC BY 4.0.")
            taken = any(record.name == "demo" for record in store.datasets.list())
            if st.button(
                "Import the demo set",
                key="import_demo",
                disabled=taken,
                help="It is there already." if taken else None,
                type="secondary" if store.datasets.list() else "primary",
            ):
                run_import(store, lambda progress: import_demo(store, get_settings(), on_progress=progress))
            st.subheader("A folder on this machine")
            st.write("Large sets are imported without a browser:")
            st.code("facepriv import FOLDER --name NAME", language="bash", wrap_lines=True)


def upload(store: Store) -> None:
    """Show the form for images or an archive, with an optional label table."""
    st.subheader("Upload")
    with st.form("upload", border=False):
        name = st.text_input("Name of the data set", key="upload_name", placeholder="e.g. staff-2024")
        images = st.file_uploader(
            "Images, or one zip archive",
            type=IMAGE_TYPES,
            accept_multiple_files=True,
            key="upload_images",
            help="In an archive, folders may stand for subjects; file names and a CSV inside are recognised where "
            "they follow a known convention.",
        )
        labels = st.file_uploader(
            "Label table (CSV, optional)",
            type=["csv", "tsv", "txt"],
            key="upload_labels",
            help="One row an image, with columns for the file, the gender label and, if you have it, the subject.",
        )
        with st.expander("Options for labels and file names"):
            convention = st.selectbox(
                "Convention",
                ["auto", *READERS.names()],
                key="upload_format",
                help="How file names and folders tell the subject and the label. “auto” looks and says what it found.",
            )
            st.caption("Columns of the label table, where their names are not recognised")
            boxes = st.columns(3)
            columns = {
                "file": boxes[0].text_input("File column", key="column_file"),
                "subject": boxes[1].text_input("Subject column", key="column_subject"),
                "gender": boxes[2].text_input("Gender column", key="column_gender"),
            }
            st.caption("What label values mean; bare numbers like 0 and 1 are refused without this")
            boxes = st.columns(2)
            mapping = {
                boxes[0].text_input("Value for male", key="value_male").strip(): "male",
                boxes[1].text_input("Value for female", key="value_female").strip(): "female",
            }
        sent = st.form_submit_button("Import", type="primary", icon=":material/upload:")
    if not sent:
        return
    if not name.strip():
        st.error("A name for the data set is missing; enter one and press Import again.")
    elif not images:
        st.error("Nothing was chosen to import; choose images or one zip archive and press Import again.")
    else:
        options = {
            "name": name.strip(),
            "format": convention,
            "columns": {role: column.strip() for role, column in columns.items() if column.strip()},
            "mapping": {value: gender for value, gender in mapping.items() if value},
        }
        run_import(store, lambda progress: import_uploads(store, images, labels, options, progress))


def import_uploads(
    store: Store,
    images: list[IO[bytes]],
    labels: IO[bytes] | None,
    options: dict[str, object],
    progress: Callable[[int, int], None],
) -> ImportReport:
    """Hand uploaded files to the import, as an archive or as a folder."""
    archives = [file for file in images if file.name.lower().endswith(".zip")]
    if archives and len(images) > 1:
        raise BadInputError(
            f"One zip archive or any number of images was expected, but {count(len(archives), 'archive')} came among "
            f"{len(images)} files; put everything into one archive, or import one after the other.",
            code="mixed-upload",
        )
    settings = get_settings()
    tables = [] if labels is None else [(labels.name, labels)]
    with (
        stage_uploads(settings, [(file.name, file) for file in images]) as folder,
        stage_uploads(settings, tables) as table_folder,
    ):
        source = next(folder.iterdir()) if archives else folder
        table: Path | None = next(table_folder.iterdir(), None)
        return import_dataset(store, settings, source, labels=table, on_progress=progress, **options)


def run_import(store: Store, work: Callable[[Callable[[int, int], None]], ImportReport]) -> None:
    """Run an import with a progress bar, then show the page anew with what came of it."""
    bar = st.progress(0.0, "Reading …")

    def progress(done: int, total: int) -> None:
        bar.progress(done / total if total else 1.0, f"Looking for faces: {done:,} of {count(total, 'image')}")

    try:
        report = work(progress)
    except FaceprivError as error:
        bar.empty()
        st.error(f"{error}", icon=":material/error:")
        return
    store.access.record(ACTOR, "dataset-imported", f"dataset {report.dataset.id}")
    st.session_state["import_report"] = report
    st.session_state["dataset"] = report.dataset.id
    st.rerun()


def outcome() -> None:
    """Show what the last import of this session brought, with everything that was left out."""
    report: ImportReport | None = st.session_state.get("import_report")
    if report is None:
        return
    with st.container(border=True):
        failed = sum(report.counts.failures.values())
        st.success(
            f"{count(report.counts.images, 'image')} of {count(report.counts.subjects, 'subject')} imported as "
            f"“{report.dataset.name}”" + (f", {failed:,} of them without a usable face." if failed else "."),
            icon=":material/check_circle:",
        )
        st.write(f"{report.why} Licence: {report.dataset.licence.rstrip('.')}.")
        listed = [*report.problems, *report.failures]
        if listed:
            st.write(f"**{count(len(listed), 'thing')} to know:**")
            show_rows([{"File or row": p.name, "What": p.sentence, "Code": p.code} for p in listed[:PROBLEMS_SHOWN]])
            if len(listed) > PROBLEMS_SHOWN:
                st.caption(f"{len(listed) - PROBLEMS_SHOWN:,} more are listed with the data set below.")
        with st.container(horizontal=True):
            st.page_link("perturb.py", label="Go on to perturb", icon=":material/arrow_forward:")
            if st.button("Close", key="close_report"):
                del st.session_state["import_report"]
                st.rerun()


# One data set


def one(store: Store, records: tuple[DatasetRecord, ...]) -> None:
    """Show one data set: balance, failures, faces, deletion."""
    ids = [record.id for record in records]
    names = {record.id: record.name for record in records}
    if st.session_state.get("dataset") not in ids:
        st.session_state["dataset"] = ids[0]
    st.divider()
    chosen = st.selectbox("Data set", ids, format_func=names.__getitem__, key="dataset")
    record = store.datasets.get(chosen)
    counts = store.datasets.counts(chosen)
    facts(record, counts)
    parts = ["Faces", "Left out and noted", "Delete"]
    part = st.segmented_control("Show", parts, default=parts[0], required=True, key="dataset_part")
    if part == "Faces":
        gallery(store, record, counts)
    elif part == "Left out and noted":
        problems(store, record, counts)
    else:
        deletion(record)


def facts(record: DatasetRecord, counts: DatasetCounts) -> None:
    """Show where it came from and how it is made up."""
    left, right = st.columns([1, 1], gap="large")
    with left:
        boxes = st.columns(3)
        boxes[0].metric("Images", f"{counts.images:,}")
        boxes[1].metric("Subjects", f"{counts.subjects:,}")
        boxes[2].metric("No usable face", f"{sum(counts.failures.values()):,}", help=HELP["failure"])
        st.caption(
            f"From {record.source}, {moment(record.created_at)}. {record.reader_reason} "
            f"Licence: {record.licence.rstrip('.')}."
        )
    with right:
        balance = {"female": counts.labels.get(-1, 0), "male": counts.labels.get(1, 0)}
        if counts.labels.get(None):
            balance["unlabelled"] = counts.labels[None]
        alt = "Images by label: " + ", ".join(f"{name} {number}" for name, number in balance.items())
        show_figure(class_balance(balance), f"balance-{record.id}", alt)


def gallery(store: Store, record: DatasetRecord, counts: DatasetCounts) -> None:
    """Show the faces, a page at a time."""
    pages = max(1, -(-counts.images // PER_PAGE))
    page = 1
    if pages > 1:
        page = int(st.number_input(f"Page (of {pages:,})", 1, pages, 1, key=f"gallery-{record.id}", width=160))
    saw(store, "faces-viewed", f"dataset {record.id}", f"gallery page {page}")
    images = store.datasets.images(record.id, limit=PER_PAGE, offset=(page - 1) * PER_PAGE)
    with st.container(horizontal=True):
        for image in images:
            label = faces.label_name(image.label)
            face = faces.thumbnail(image_pixels(store, image), image)
            note = f"{image.subject} · {label}" + ("" if image.failure is None else f" · {image.failure}")
            st.image(
                face,
                caption=note,
                alt=f"Image {image.name}, labelled {label}",
                output_format="PNG",
                width=faces.THUMBNAIL,
            )


def problems(store: Store, record: DatasetRecord, counts: DatasetCounts) -> None:
    """List images without a usable face, and everything that was left out or noted."""
    st.subheader("Images without a usable face", help=HELP["failure"])
    failed = store.datasets.images(record.id, failed=True, limit=PROBLEMS_SHOWN)
    rows = [{"Image": image.name, "Why": image.failure_sentence, "Code": image.failure} for image in failed]
    show_rows(rows, "None: a face was found in every image.")
    rest = sum(counts.failures.values()) - len(failed)
    if rest > 0:
        st.caption(f"{rest:,} more; `facepriv datasets` lists them all.")
    st.subheader("Left out and noted at import")
    listed = store.datasets.problems(record.id, limit=PROBLEMS_SHOWN)
    show_rows(
        [{"File or row": p.name, "What": p.sentence, "Code": p.code} for p in listed],
        "Nothing was left out.",
    )
    rest = sum(counts.problems.values()) - len(listed)
    if rest > 0:
        st.caption(f"{rest:,} more; `facepriv datasets` lists them all.")


def deletion(record: DatasetRecord) -> None:
    """Offer to delete the data set."""
    st.write(
        "Removes the data set with its labels and landmarks. Its image files go with it once they are a day old, since "
        "an import under way might be using the same ones; younger files go at a later clean-up. A data set with runs "
        "is kept until those are deleted, each under “Spec and files” on the Runs page."
    )

    def delete(store: Store) -> None:
        store.datasets.delete(record.id)
        st.session_state.pop("import_report", None)

    warning = f"“{record.name}” and all its images will be gone. This cannot be undone."
    offer("data set", warning, f"dataset {record.id}", delete)


with_store(show)
