"""Data sets: list, import, view faces, check quality, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from facepriv.charts.dataset import class_balance
from facepriv.config import get_settings
from facepriv.datasets.registry import READERS
from facepriv.presentation.formats import NOTHING, moment, plain
from facepriv.presentation.help_texts import HELP
from facepriv.schemas.requests import Columns, DemoSource, ImportRequest, PathSource
from facepriv.services.datasets.contents import LABELS, content_rows, correct_image
from facepriv.services.datasets.datasheets import FIELDS, edit_datasheet, shown_datasheet
from facepriv.services.datasets.identities import why_not_matched
from facepriv.services.datasets.import_folders import allowed_roots, subfolders
from facepriv.services.datasets.import_jobs import submit_upload
from facepriv.services.datasets.importing import DEMO
from facepriv.services.datasets.retention import is_past, retention_day
from facepriv.services.jobs.submit import submit
from facepriv.services.upkeep.purging import plan_purge, purge
from facepriv.store import DatasetCounts, DatasetRecord, Store
from facepriv.wording import count
from parts import carried, faces, imports, quality, release, verdict
from parts.deletion import offer
from parts.figures import page_of, show_figure, show_rows
from parts.parameters import help_of
from parts.shell import errors_shown, me, record_view, with_store

PER_PAGE, LISTED = 24, 200
PURGED = "_purged"
"""Report of this session's last purge, until it was shown."""
IMAGE_TYPES = [
    *("jpg", "jpeg", "png", "webp", "avif", "gif", "bmp", "tif", "tiff", "jp2", "j2k", "tga", "pcx", "sgi", "ras"),
    *("ppm", "pgm", "pbm", "bz2", "gz", "xz", "zip", "tar", "tgz", "tbz2", "txz", "zst", "7z", "rar"),
    *("parquet", "arrow", "rec", "idx", "bin", "npz", "npy"),
]
SEVERAL_FACES = {
    "refuse": "none: no usable face",
    "middle": "the one in the middle",
    "largest": "the largest",
}
LICENCE_NOTE = "Import images only if the people shown agreed to this kind of audit. They stay on this machine."


def show(store: Store) -> None:
    """Show the whole page."""
    st.title("Datasets")
    records = store.datasets.list()
    first = st.container()
    purged()
    imports.show(store)
    if records:
        overview(store, records)
        bring(store, expanded=False)
        record = choose(records)
        with first:
            verdict.of_dataset(store, record)
        show_dataset(store, record)
    else:
        st.info(
            "There is no data set yet. Start with the demo faces (60 people who do not exist) or upload your own.",
            icon=":material/info:",
        )
        bring(store, expanded=True)


def overview(store: Store, records: tuple[DatasetRecord, ...]) -> None:
    """List the data sets with their counts."""
    rows = []
    for record in records:
        counts = faces.dataset_counts(record)
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
                "Notes": f"{sum(counts.problems.values()):,}",
                "Imported": moment(record.created_at),
                "Keep until": retention_day(record) or NOTHING,
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
            st.header("Demo faces")
            st.write("60 synthetic people, half labelled female and half male, two images each. CC BY 4.0.")
            taken = any(record.name == "demo" for record in store.datasets.list())
            if st.button(
                "Import the demo set",
                key="import_demo",
                disabled=taken,
                help="Already imported." if taken else None,
                type="secondary" if store.datasets.list() else "primary",
            ):
                request = ImportRequest(name=DEMO, source=DemoSource())
                imports.began(submit(store, get_settings(), request, me().actor).id)
            st.header("Command line")
            st.write("For large data sets:")
            st.code("facepriv import FOLDER --name NAME", language=None, wrap_lines=True)


def upload(store: Store) -> None:
    """Show the form for images, an archive or a folder of this machine, with an optional label table."""
    # A new key after an import makes new, empty fields, and the session drops the old files.
    turn = st.session_state.get("upload_round", 0)
    roots = allowed_roots(get_settings())
    places = ["Upload", "Folder on this machine"]
    place = places[0]
    if roots:
        place = st.segmented_control("From", places, default=places[0], required=True, key=f"upload_place-{turn}")
    else:
        st.header("Upload")
    folder = browse([str(root) for root in roots], turn) if place != places[0] else None
    with st.form("upload", border=False):
        name = st.text_input("Name of the data set", key=f"upload_name-{turn}", placeholder="e.g. staff-2024")
        images, labels = ([], []) if folder is not None else files(turn)
        until = st.date_input(
            "May be kept until (optional)",
            None,
            min_value="today",
            key=f"upload_until-{turn}",
            format="YYYY-MM-DD",
            help=help_of(ImportRequest, "retain_until"),
        )
        sheet = sheet_fields(turn)
        labelling = label_options()
        several = st.selectbox(
            "Several faces in one image: which counts?",
            list(SEVERAL_FACES),
            format_func=SEVERAL_FACES.__getitem__,
            key=f"upload_several-{turn}",
            help=help_of(ImportRequest, "several_faces"),
        )
        encoding = st.text_input(
            "Encoding of names in the archive (optional)",
            key=f"upload_encoding-{turn}",
            placeholder="e.g. cp932",
            help=help_of(ImportRequest, "name_encoding"),
        )
        checked = st.checkbox(
            "Check the quality afterwards", True, key=f"upload_quality-{turn}", help=help_of(ImportRequest, "quality")
        )
        sent = st.form_submit_button("Preview", type="primary", icon=":material/visibility:")
    if not sent:
        return
    if not name.strip():
        st.error("Enter a name for the data set and press Preview again.")
        return
    if folder is None and not images:
        st.error("Choose images or one archive and press Preview again.")
        return
    fields: dict[str, Any] = {
        **labelling,
        "name": name.strip(),
        "retain_until": until,
        "datasheet": sheet or None,
        "preview": True,
        "ask": True,
        "quality": checked,
        "several_faces": several,
        "name_encoding": encoding.strip() or None,
    }
    with errors_shown():
        if folder is not None:
            request = ImportRequest(source=PathSource(path=folder, closed=True), **fields)
            job = submit(store, get_settings(), request, me().actor)
        else:
            tables = [(table.name, table) for table in labels]
            sent_files = [(file.name, file) for file in images]
            job = submit_upload(store, get_settings(), sent_files, me().actor, labels=tables, **fields)
        imports.began(job.id)


def browse(roots: list[str], turn: int) -> str:
    """Ask for a folder inside those that are allowed, level by level."""
    here = st.selectbox("Folder", roots, key=f"folder-{turn}", format_func=plain)
    for level in range(20):
        inside: Sequence[str] = ()
        with errors_shown():
            inside = subfolders(get_settings(), here)
        if not inside:
            break
        deeper = st.selectbox(
            f"Inside {plain(here.rpartition('/')[2] or here)}",
            ["", *inside],
            key=f"folder-{turn}-{level}-{here}",
            format_func=lambda name: plain(name) or "the whole folder",
        )
        if not deeper:
            break
        here = f"{here.rstrip('/')}/{deeper}"
    return here


def files(turn: int) -> tuple[Any, Any]:
    """Ask for images or an archive, and for a label table."""
    images = st.file_uploader(
        "Images, or one archive (zip, tar)",
        type=IMAGE_TYPES,
        accept_multiple_files=True,
        key=f"upload_images-{turn}",
        help="In an archive, folders can name the subjects. File names and a CSV inside are recognised if they "
        "follow a known convention.",
    )
    labels = st.file_uploader(
        "Label tables (CSV, optional)",
        type=["csv", "tsv", "txt", "jsonl", "ndjson", "json", "xlsx", "xlsm", "parquet", "mat"],
        accept_multiple_files=True,
        key=f"upload_labels-{turn}",
        help=help_of(ImportRequest, "labels"),
    )
    return images, labels


def sheet_fields(turn: int) -> dict[str, str]:
    """Ask where the images come from and on what basis they may be used."""
    with st.expander("Data sheet: source, licence, consent, purpose (optional)"):
        st.caption("Empty parts are shown as not stated; an empty licence becomes that of the convention.")
        stated = {part: st.text_input(title, key=f"sheet_{part}-{turn}") for part, title in FIELDS.items()}
    return {part: text for part, text in stated.items() if text.strip()}


def label_options() -> dict[str, Any]:
    """Ask how to read file names and labels."""
    with st.expander("Options for labels and file names"):
        explained = help_of(ImportRequest, "format")
        convention = st.selectbox("Convention", ["auto", *READERS.names()], key="upload_format", help=explained)
        st.caption("Columns of the label table, if their names are not recognised")
        columns = {
            role: box.text_input(f"{role.capitalize()} column", key=f"column_{role}").strip()
            for box, role in zip(st.columns(5), Columns.model_fields, strict=True)
        }
        st.caption(
            "Meaning of label values, several words with commas between them; bare numbers such as 0 and 1 are refused "
            "without this"
        )
        mapping = {
            word.strip(): meaning
            for box, meaning in zip(st.columns(3), ("male", "female", "unknown"), strict=True)
            for word in box.text_input(f"Values for {meaning}", key=f"value_{meaning}").split(",")
        }
        st.caption("After the preview you can choose columns from the table, and say what its values mean.")
    return {
        "format": convention,
        "columns": Columns(**{role: column for role, column in columns.items() if column}),
        "mapping": {value: meaning for value, meaning in mapping.items() if value},
    }


# One data set


def choose(records: tuple[DatasetRecord, ...]) -> DatasetRecord:
    """Ask which data set is looked at."""
    st.divider()
    chosen = carried.select({record.id: record.name for record in records}, key="dataset")
    return next(record for record in records if record.id == chosen)


def show_dataset(store: Store, record: DatasetRecord) -> None:
    """Show one data set: balance, failures, faces, deletion."""
    counts = faces.dataset_counts(record)
    facts(record, counts)
    parts: dict[str, Callable[[], None]] = {
        "Faces": partial(gallery, store, record, counts),
        "Images": partial(contents, store, record),
        "Quality": partial(quality.show, store, record),
        "Data sheet": partial(sheet, store, record),
        "Releases": partial(release.list_releases, store, record.id, none="Nothing of this data set was released."),
        "Left out and noted": partial(problems, store, record, counts),
        "Delete": partial(deletion, store, record),
    }
    part = st.segmented_control("Show", list(parts), default="Faces", required=True, key="dataset_part")
    parts[part]()


def facts(record: DatasetRecord, counts: DatasetCounts) -> None:
    """Show its source and composition, and warn if its retention date has passed."""
    if is_past(record):
        st.warning(
            f"This data set was to be kept until {record.retain_until}. That day has passed: delete it below.",
            icon=":material/event_busy:",
        )
    left, right = st.columns([1, 1], gap="large")
    with left:
        boxes = st.columns(3)
        boxes[0].metric("Images", f"{counts.images:,}")
        boxes[1].metric("Subjects", f"{counts.subjects:,}")
        boxes[2].metric("No usable face", f"{sum(counts.failures.values()):,}", help=HELP["failure"])
        st.caption(
            plain(
                f"From {record.source}, {moment(record.created_at)}. {record.reader_reason} "
                f"Licence: {record.licence.rstrip('.')}."
            )
        )
        for sentence in (why_not_matched(record), None if record.terms is None else record.terms.sentence):
            if sentence is not None:
                st.caption(plain(sentence))
    with right:
        balance = {"female": counts.labels.get(-1, 0), "male": counts.labels.get(1, 0)}
        if counts.labels.get(None):
            balance["unlabelled"] = counts.labels[None]
        alt = "Images by label: " + ", ".join(f"{name} {number}" for name, number in balance.items())
        show_figure(class_balance(balance), f"balance-{record.id}", alt, f"dataset {record.id}")


def gallery(store: Store, record: DatasetRecord, counts: DatasetCounts) -> None:
    """Show the faces, a page at a time."""
    offset = page_of(counts.images, PER_PAGE, f"gallery-{record.id}")
    record_view(store, "faces-viewed", f"dataset {record.id}", f"gallery page {offset // PER_PAGE + 1}")
    faces.gallery(store.datasets.images(record.id, limit=PER_PAGE, offset=offset))


def contents(store: Store, record: DatasetRecord) -> None:
    """List the images with what is said of them and where it comes from, and offer to correct one."""
    record_view(store, "images-listed", f"dataset {record.id}", "table of images")
    wanted = st.text_input(
        "Filter",
        key=f"contents-filter-{record.id}",
        placeholder="part of a file name, subject, label or origin, e.g. unlabelled",
    )
    rows = content_rows(store, record, wanted)
    st.caption(f"{count(len(rows), 'image')}. Select one to correct its subject or label.")
    offset = page_of(len(rows), LISTED, f"contents-{record.id}")
    shown = rows[offset : offset + LISTED]
    chosen = st.dataframe(
        [{key: plain(value) for key, value in row.items() if key != "Id"} for row in shown],
        key=f"contents-table-{record.id}-{offset}-{wanted}",
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
    )
    picked = chosen["selection"]["rows"]
    if picked and picked[0] < len(shown):
        correct(store, record, shown[picked[0]])
    left_out = store.datasets.left_out(record.id, limit=LISTED)
    if left_out:
        st.header("Files left out")
        show_rows([{"File": each.name, "Why": each.sentence, "Code": each.code} for each in left_out])
    changed = store.datasets.corrections(record.id)
    if changed:
        st.header("Corrections by hand")
        names = {image.id: image.name for image in store.datasets.images(record.id, ids={c.image_id for c in changed})}
        show_rows(
            [
                {
                    "File": names[each.image_id],
                    "What": each.field,
                    "Was": each.was or NOTHING,
                    "Became": each.became or NOTHING,
                    "By": each.by,
                    "When": moment(each.at),
                }
                for each in reversed(changed)
            ]
        )


def correct(store: Store, record: DatasetRecord, row: dict[str, str]) -> None:
    """Ask for the right subject and label of one image; the change is kept with who made it and when."""
    with st.form(f"correct-{row['Id']}"):
        st.markdown(f"**Correct {plain(row['File'])}**")
        left, right = st.columns(2)
        subject = left.text_input("Subject", row["Subject"], key=f"correct-subject-{row['Id']}")
        label = right.selectbox("Label", LABELS, index=LABELS.index(row["Label"]), key=f"correct-label-{row['Id']}")
        if st.form_submit_button("Save correction", type="primary"):
            with errors_shown():
                correct_image(store, record.id, int(row["Id"]), subject=subject, label=label, actor=me().actor)
                st.rerun()


def sheet(store: Store, record: DatasetRecord) -> None:
    """Show the data sheet, and offer to change it; each change goes to the access log."""
    show_rows([{"What": title, "Stated": text} for title, text in shown_datasheet(record).items()])
    stated = record.datasheet or {}
    with st.expander("Edit"), st.form(f"sheet-{record.id}", border=False):
        texts = {
            part: st.text_area(title, stated.get(part, ""), key=f"edit_{part}-{record.id}", height=68)
            for part, title in FIELDS.items()
        }
        until = st.date_input(
            "May be kept until", record.retain_until, key=f"edit_until-{record.id}", format="YYYY-MM-DD"
        )
        if st.form_submit_button("Save", type="primary"):
            changes = {**texts, "retention": "" if until is None else until.isoformat()}
            with errors_shown():
                edit_datasheet(store, record.id, changes, actor=me().actor)
                st.rerun()


def problems(store: Store, record: DatasetRecord, counts: DatasetCounts) -> None:
    """List images without a usable face, and everything that was left out or noted."""
    st.header("Images without a usable face", help=HELP["failure"])
    total = sum(counts.failures.values())
    imports.failure_rows(store, record.id, total, f"failures-{record.id}", "None: every image has a usable face.")
    st.header("Left out and noted at import")
    imports.problem_rows(
        store, record.id, sum(counts.problems.values()), f"problems-{record.id}", "Nothing was left out."
    )


def deletion(store: Store, record: DatasetRecord) -> None:
    """Offer to purge the data set, and say what this deletes."""
    st.write(
        "Deletes the data set with its images, labels and landmarks, the runs and audits on it, and everything "
        "computed from it, and then checks that nothing is left. Images that another data set also contains stay "
        "there."
    )
    planned = " ".join(plan_purge(store, record.id).sentences)

    def delete(store: Store) -> None:
        st.session_state[PURGED] = purge(store, get_settings(), record.id, actor=me().actor)

    offer("data set", f"{plain(planned)} This cannot be undone.", f"dataset {record.id}", delete)


def purged() -> None:
    """Show the outcome of this session's last purge."""
    report = st.session_state.pop(PURGED, None)
    if report is not None:
        outcome = plain(" ".join(report.sentences))
        if report.complete:
            st.success(outcome, icon=":material/check_circle:")
        else:
            st.error(outcome, icon=":material/error:")


with_store(show)
