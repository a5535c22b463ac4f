"""The Datasets page: import, what was left out, gallery, deletion."""

from __future__ import annotations

import io
import re
import time
import zipfile
from datetime import date, timedelta

import PIL.Image
import pytest
from sqlalchemy import Text, cast

from facepriv.schemas.requests import Columns
from facepriv.scratch import SPOOL
from facepriv.services.datasets import uploads
from facepriv.services.datasets.import_jobs import ImportJob, list_imports
from facepriv.store import open_store
from facepriv.store.rows import ImageRow
from facepriv.web.blobs import BLOBS
from tests.pages.conftest import gallery_of, on_the_shelf
from tests.store.tampering import set_columns


@pytest.fixture
def archive(face_folder):
    """The faces and their labels as a zip archive, with a text file that calls itself an image."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as out:
        for file in sorted(face_folder.iterdir()):
            out.write(file, file.name)
        out.writestr("fake.jpg", "this is text")
    return data.getvalue()


def list_jobs(settings) -> tuple[ImportJob, ...]:
    with open_store(settings) as store:
        return list_imports(store, settings)


def send(app, settings, name, files, labels=None, turn=0, *, quality=False, **fields):
    """Upload files and, unless they are refused, import what was recognised in them."""
    preview(app, name, files, labels, turn, quality=quality, **fields)
    if list_jobs(settings) and not app.error:
        see_it_end(app, settings)
        confirm(app)


def confirm(app):
    next((b for b in app.button if b.label == "Import"), None).click().run()
    assert not app.exception, app.exception


def preview(app, name, files, labels=None, turn=0, *, quality=False, **fields):
    app.checkbox(f"upload_quality-{turn}").set_value(quality)
    app.text_input(f"upload_name-{turn}").input(name)
    app.file_uploader(f"upload_images-{turn}").set_value(files)
    if labels is not None:
        app.file_uploader(f"upload_labels-{turn}").set_value(labels)
    for key, value in fields.items():
        app.text_input(key).input(value)
    next(b for b in app.button if b.label == "Preview").click()
    app.run()
    assert not app.exception, app.exception


def see_it_begin(settings):
    """Wait until an image is done."""
    end = time.monotonic() + 60
    while not any(job.record.done for job in list_jobs(settings)):
        assert time.monotonic() < end, "the import did not begin"
        time.sleep(0.1)


def see_it_end(app, settings):
    """Look at the page until no import is under way; AppTest has no clock of its own."""
    end = time.monotonic() + 60
    while any(job.under_way for job in list_jobs(settings)):
        assert time.monotonic() < end, "the import did not end"
        time.sleep(0.1)
    app.run()
    assert not app.exception, app.exception
    return app


def test_zip_is_imported_and_every_problem_told(empty, visit, said, archive):
    app = visit("datasets")
    send(app, empty, "upload", [("faces.zip", archive, "application/zip")])
    see_it_end(app, empty)
    assert "8 images of 4 subjects imported as “upload”" in said(app)
    assert "fake.jpg" in said(app)
    with open_store(empty) as store:
        (record,) = store.datasets.list()
        counts = store.datasets.counts(record.id)
        assert counts.labels == {-1: 4, 1: 4}
        assert [line.action for line in store.access.list(action="dataset-imported")] == ["dataset-imported"]
    # The worker may still be there, with an empty folder for its unnamed files.
    assert all(path.name.startswith(SPOOL) for path in empty.temporary.glob("*"))
    assert not [path for path in empty.temporary.rglob("*") if path.is_file()]
    assert not app.file_uploader("upload_images-1").value
    # The end is told in another session too, until somebody closes it.
    other = visit("datasets")
    assert "imported as “upload”" in said(other)
    next(b for b in other.button if b.label == "Close").click().run()
    assert "imported as “upload”" not in said(other)
    assert list_jobs(empty) == ()


@pytest.mark.slow
def test_what_was_recognised_is_shown_before_anything_is_stored(empty, visit, said, archive):
    app = visit("datasets")
    app.text_input("sheet_consent-0").input("signed forms")
    preview(app, "upload", [("faces.zip", archive, "application/zip")])
    see_it_end(app, empty)
    assert "**Preview of “upload”**" in said(app)
    assert "9 images of 5 subjects: 4 labelled female, 4 male, 1 unlabelled." in said(app)
    assert "s001_1.jpg" in str(app.table[0].value)
    with open_store(empty) as store:
        assert store.datasets.list() == store.datasets.unfinished() == ()
    other = visit("datasets")
    next(b for b in other.button if b.label == "Discard").click().run()
    assert list_jobs(empty) == ()
    assert "Preview of" not in said(other)


@pytest.mark.slow
def test_a_folder_of_this_machine_is_browsed(empty, visit, said, face_folder, monkeypatch):
    monkeypatch.setenv("FACEPRIV_IMPORT_FOLDERS", str(face_folder.parent))
    app = visit("datasets")
    app.segmented_control("upload_place-0").set_value("Folder on this machine").run()
    assert not [u for u in app.file_uploader if u.label.startswith("Images")]
    (inside,) = [box for box in app.selectbox if box.label.startswith("Inside")]
    inside.set_value(face_folder.name).run()
    app.text_input("upload_name-0").input("here")
    app.checkbox("upload_quality-0").set_value(False)
    next(b for b in app.button if b.label == "Preview").click().run()
    see_it_end(app, empty)
    confirm(app)
    see_it_end(app, empty)
    assert "8 images of 4 subjects imported as “here”" in said(app)


def test_quality_is_checked_shown_and_names_only_on_demand(filled, visit, said):
    app = visit("datasets")
    app.segmented_control("dataset_part").set_value("Quality").run()
    assert "has not been checked" in app.info[0].value
    app.button("quality-1").click().run()
    assert not app.exception, app.exception
    assert "No usable face, female: 0 of 4 images" in said(app)
    assert len(app.get("plotly_chart")) == 3
    with open_store(filled) as store:
        assert store.datasets.get("few").quality["images"] == 8


def test_the_data_sheet_says_what_is_not_stated_and_is_changed(filled, visit, said):
    app = visit("datasets")
    app.segmented_control("dataset_part").set_value("Data sheet").run()
    assert "not stated" in str(app.table[-1].value)
    app.text_area("edit_consent-1").input("signed forms")
    next(b for b in app.button if b.label == "Save").click().run()
    assert not app.exception, app.exception
    assert "signed forms" in str(app.table[-1].value)
    with open_store(filled) as store:
        (line,) = store.access.list(action="datasheet-edited")
        assert line.actor == "local"
        assert line.subject == "dataset 1"
        assert line.detail == "consent"


@pytest.mark.slow
def test_an_import_is_followed_from_any_session_and_cancelled(empty, visit, said, face_folder, archive):
    data = next(face_folder.glob("*.jpg")).read_bytes()
    files = [(f"{i:03}.jpg", data + bytes([i]), "image/jpeg") for i in range(200)]
    send(visit("datasets"), empty, "many :red[hi]", files)
    app = visit("datasets")
    assert "**Importing “many :\u2060red&#91;hi&#93;”**" in said(app)
    see_it_begin(empty)
    (button,) = [b for b in app.button if b.label == "Cancel"]
    button.click().run()
    see_it_end(app, empty)
    assert "is not complete. It was cancelled." in app.warning[0].value
    with open_store(empty) as store:
        assert store.datasets.list() == ()
        (left,) = store.datasets.unfinished()
    next(b for b in app.button if b.label == "Resume").click().run()
    assert "**Importing “many" in said(app)
    see_it_begin(empty)
    next(b for b in app.button if b.label == "Cancel").click().run()
    see_it_end(app, empty)
    with open_store(empty) as store:
        (more,) = store.datasets.unfinished()
        assert more.images >= left.images
    next(b for b in app.button if b.label == "Discard").click().run()
    assert list_jobs(empty) == ()
    with open_store(empty) as store:
        assert store.datasets.unfinished() == ()
    assert not list(empty.artifacts.rglob("*.png"))


@pytest.mark.slow
def test_problems_are_paged_through_and_written_as_they_are(empty, visit, archive):
    odd = [f"[click](http://x) {i:02}.jpg" for i in range(60)]
    with zipfile.ZipFile(data := io.BytesIO(archive), "a") as out:
        for i, name in enumerate(odd):
            out.writestr(name.replace("/", "_"), f"no image {i}")
    app = visit("datasets")
    send(app, empty, "odd", [("faces.zip", data.getvalue(), "application/zip")])
    see_it_end(app, empty)
    app.segmented_control("dataset_part").set_value("Left out and noted").run()
    (page,) = [n for n in app.number_input if n.key.startswith("problems-")]
    first = app.table[-1].value
    page.set_value(2).run()
    second = app.table[-1].value
    assert len(first) == 50
    assert len(first) + len(second) == 62  # the files, and that they are not in the table
    assert not set(first["File or row"]) & set(second["File or row"])
    assert not [cell for cell in [*first["File or row"], *second["File or row"]] if "[" in cell]


def test_a_full_disk_is_one_sentence(empty, visit, archive, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    app = visit("datasets")
    monkeypatch.setattr(uploads.shutil, "copyfileobj", full)
    preview(app, "full", [("faces.zip", archive, "application/zip")])
    assert "No space left on device" in app.error[0].value


def test_images_with_bare_numbers_are_asked_about(empty, visit, said, face_folder):
    files = [(f.name, f.read_bytes(), "image/jpeg") for f in sorted(face_folder.glob("*.jpg"))][:4]
    lines = (face_folder / "labels.csv").read_text().splitlines()
    bare = "\n".join([lines[0], *(x.replace("female", "0").replace("male", "1") for x in lines[1:])])
    app = visit("datasets")
    preview(app, "numbers", files, ("labels.csv", bare.encode(), "text/csv"))
    see_it_end(app, empty)
    assert "holds the bare numbers 0" in app.warning[0].value
    assert next(b for b in app.button if b.label == "Import").disabled
    (job,) = list_jobs(empty)
    columns = {role: app.selectbox(f"column-{role}-{job.id}").value for role in ("file", "subject", "gender", "age")}
    assert columns == {"file": "file", "subject": "subject", "gender": "gender", "age": "-"}
    app.selectbox(f"meaning-{job.id}-0").set_value("female")
    if any(meaning.key == f"meaning-{job.id}-1" for meaning in app.selectbox):
        app.selectbox(f"meaning-{job.id}-1").set_value("unknown")
    next(b for b in app.button if b.label == "Read again").click().run()
    see_it_end(app, empty)
    assert not app.warning
    assert re.search(r"images of \d+ subjects?: \d+ labelled female", said(app))
    confirm(app)
    see_it_end(app, empty)
    assert "4 images of" in said(app)


def test_form_says_what_is_missing(empty, visit, archive):
    app = visit("datasets")
    preview(app, " ", [("faces.zip", archive, "application/zip")])
    assert "Enter a name for the data set" in app.error[0].value
    preview(app, "nothing", [])
    assert "Choose images" in app.error[0].value


def test_archives_and_images_are_not_mixed(empty, visit, archive):
    app = visit("datasets")
    preview(app, "mixed", [("a.zip", archive, "application/zip"), ("b.jpg", b"x", "image/jpeg")])
    assert "One archive or any number of images was expected" in app.error[0].value


def test_images_are_listed_with_where_their_labels_come_from(filled, visit, said):
    app = visit("datasets")
    app.segmented_control("dataset_part").set_value("Images").run()
    assert not app.exception, app.exception
    table = next(frame.value for frame in app.dataframe if "Label from" in frame.value.columns)
    assert len(table) == 8
    assert "Select one to correct its subject or label." in said(app)
    (field,) = [box for box in app.text_input if box.key.startswith("contents-filter-")]
    field.input("s001").run()
    table = next(frame.value for frame in app.dataframe if "Label from" in frame.value.columns)
    assert set(table["Subject"]) == {"s001"}


def test_gallery_shows_a_page_and_is_logged_once(filled, visit, said):
    app = visit("datasets")
    shown = gallery_of(app)
    assert len(shown.images) == 8
    assert shown.captions[0] == "s001 · female"
    assert shown.images[0]["alt"] == "Image s001_1.jpg, labelled female"
    app.run()
    assert gallery_of(app).images == shown.images, "a rerun loads no face anew"
    with open_store(filled) as store:
        lines = store.access.list(action="faces-viewed")
    assert [(line.actor, line.subject) for line in lines] == [("local", "dataset 1")]


def test_faces_are_lossless_and_not_in_streamlits_media_store(filled, visit, media):
    app = visit("datasets")
    for image in gallery_of(app).images:
        with PIL.Image.open(io.BytesIO(on_the_shelf(image["src"]))) as picture:
            assert picture.format == "PNG"
            assert picture.size == (140, 140)
    assert media == []


def test_what_a_data_set_calls_its_images_is_text_and_nothing_else(filled, visit):
    hostile = """"><script src=//x></script><img src=x onerror='alert(1)'>&amp;"""
    set_columns(filled, ImageRow, name=hostile + cast(ImageRow.id, Text), subject=hostile)
    shown = gallery_of(visit("datasets"))
    assert {tag for tag, _ in shown.tags} == {"script", "style", "ul", "li", "figure", "img", "figcaption"}
    assert [attributes for tag, attributes in shown.tags if tag == "script"] == [{"src": "/assets/address.js"}], "ours"
    assert {name for image in shown.images for name in image} == {"src", "alt"}
    assert shown.images[0]["alt"] == f"Image {hostile}1, labelled female"
    assert shown.captions[0] == f"{hostile} · female"


def test_taken_name_is_refused(filled, visit, archive):
    app = visit("datasets")
    preview(app, "few", [("faces.zip", archive, "application/zip")])
    see_it_end(app, filled)
    assert "already a data set called 'few'" in app.error[0].value


def test_deletion_names_what_goes_refuses_while_it_is_worked_on_and_proves_itself(filled, visit, said):
    with open_store(filled) as store:
        store.jobs.resume(store.runs.job_id(2))
        assert store.jobs.claim("test", only=store.runs.job_id(2)) is not None
    app = visit("datasets")
    assert BLOBS._entries
    app.segmented_control("dataset_part").set_value("Delete").run()
    app.button("delete-dataset-1").click().run()
    assert "8 images, 2 runs (1, 2), 0 audits" in said(app)
    app.button("delete-dataset-1-confirmed").click().run()
    assert "while run 2 on it is being worked on" in app.error[0].value
    with open_store(filled) as store:
        assert len(store.datasets.list()) == 1
        store.jobs.fail(store.runs.job_id(2), "test", "It broke.")
    app.button("delete-dataset-1").click().run()
    app.button("delete-dataset-1-confirmed").click().run()
    assert not app.exception
    assert "Deleted the data set" in app.success[0].value
    assert "0 of 16 remain" in app.success[0].value
    assert not BLOBS._entries
    assert not list(filled.artifacts.rglob("*.png"))
    with open_store(filled) as store:
        assert store.datasets.list() == ()
        (line,) = store.access.list(action="dataset-purged")
        assert line.actor == "local"
        assert line.subject == "dataset 1"
    assert "Purged" not in said(app.run()), "it is told once"


@pytest.mark.slow
def test_a_day_is_kept_and_told_once_it_is_past(filled, visit, said, archive):
    app = visit("datasets")
    app.date_input("upload_until-0").set_value(date.today())
    send(app, filled, "today", [("faces.zip", archive, "application/zip")])
    see_it_end(app, filled)
    assert str(date.today()) in said(app)
    assert "is past" not in said(app)
    with open_store(filled) as store:
        record = store.datasets.get("today")
        assert record.retain_until == date.today()
        store.datasets.save_retention(record.id, date.today() - timedelta(days=1))
    app.run()
    assert "That day has passed: delete it below" in app.warning[0].value
    assert f"{date.today() - timedelta(days=1)}, PAST" in said(app)


def test_the_form_has_every_option_of_the_command_line(empty, visit, face_folder):
    app = visit("datasets")
    images = [(path.name, path.read_bytes(), "image/jpeg") for path in sorted(face_folder.glob("*.jpg"))[:4]]
    table = "Bild,Wer,Geschlecht,Jahre,Herkunft\n" + "".join(
        f"{name},p{number // 2},{word},{30 + number},{number}\n"
        for number, ((name, _, _), word) in enumerate(zip(images, ("weib", "maid", "kerl", "bub"), strict=True))
    )
    header = table.split("\n")[0].split(",")
    app.selectbox("upload_several-0").select("middle")
    fields = {
        **{f"column_{role}": column for role, column in zip(Columns.model_fields, header, strict=True)},
        "value_female": "weib, maid",
        "value_male": "kerl,bub",
        "upload_encoding-0": "cp932",
    }
    preview(app, "all", images, ("labels.csv", table.encode(), "text/csv"), **fields)
    (job,) = list_jobs(empty)
    request = job.request
    assert request.columns == Columns(file="Bild", subject="Wer", gender="Geschlecht", age="Jahre", race="Herkunft")
    assert request.mapping == {"weib": "female", "maid": "female", "kerl": "male", "bub": "male"}
    assert (request.several_faces, request.name_encoding) == ("middle", "cp932")
