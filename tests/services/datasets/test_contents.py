"""Every image is listed with what is said of it and where that comes from; corrections by hand are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.datasets.demo import demo_folder
from facepriv.errors import BadInputError
from facepriv.services.datasets.contents import content_rows, correct_image, dataset_document
from facepriv.services.datasets.importing import import_dataset
from facepriv.store import DatasetRecord, Store, open_store
from tests.actors import ADA


@pytest.fixture
def store(tmp_path: Path):
    with open_store(Settings(home=tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def record(store: Store, tmp_path: Path) -> DatasetRecord:
    folder = tmp_path / "set"
    for name in ("s001/s001_1.jpg", "s001/s001_2.jpg", "s031/s031_1.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((demo_folder() / "images" / name).read_bytes())
    (folder / "s031/broken.jpg").write_bytes(b"text")
    (folder / "notes.md").write_text("a note")
    rows = "file,gender\ns001/s001_1.jpg,female\ns001/s001_2.jpg,female\n"
    (folder / "labels.csv").write_text(rows)
    return import_dataset(store, Settings(home=tmp_path / "home"), folder, name="few").dataset


def test_every_file_is_an_image_with_its_origins_or_left_out_with_a_reason(store: Store, record: DatasetRecord) -> None:
    document = dataset_document(store, record)
    assert document["schema"] == "facepriv.dataset/1"
    told = {each["file"]: (each["subject_from"], each["label"], each["label_from"]) for each in document["images"]}
    assert told == {
        "s001/s001_1.jpg": ("folder", "female", "column 'gender' of labels.csv, line 2"),
        "s001/s001_2.jpg": ("folder", "female", "column 'gender' of labels.csv, line 3"),
        "s031/s031_1.jpg": ("folder", None, None),
    }
    assert {each["file"]: each["code"] for each in document["left_out"]} == {
        "s031/broken.jpg": "not-an-image",
        "notes.md": "document",
    }
    # Six files: the table was read.
    assert len(document["images"]) + len(document["left_out"]) + 1 == 6


def test_a_correction_is_kept_with_who_and_when(store: Store, record: DatasetRecord) -> None:
    (row,) = content_rows(store, record, "unlabelled")
    assert row["File"] == "s031/s031_1.jpg"
    changed = correct_image(store, record.id, int(row["Id"]), subject="Bob  Roe", label="male", actor=ADA)
    assert changed == 2
    after = store.datasets.get(record.id)
    assert after.content_sha256 != record.content_sha256
    (row,) = content_rows(store, after, "bob")
    assert (row["Subject"], row["Label"]) == ("Bob Roe", "male")
    assert row["Label from"].startswith(f"corrected by {ADA.name} on 20")
    corrected = next(each for each in dataset_document(store, after)["images"] if each["corrections"])
    assert [(each["field"], each["was"], each["became"]) for each in corrected["corrections"]] == [
        ("subject", "s031", "Bob Roe"),
        ("label", None, "male"),
    ]
    assert [line.action for line in store.access.list(action="image-corrected")] == ["image-corrected"]
    assert correct_image(store, record.id, int(row["Id"]), subject="Bob Roe", label="male", actor=ADA) == 0


@pytest.mark.parametrize(
    ("subject", "label", "code"),
    [(" ", "male", "bad-subject"), ("a\nb\0", "male", "bad-subject"), ("a", "x", "bad-label")],
)
def test_bad_corrections(store: Store, record: DatasetRecord, subject: str, label: str, code: str) -> None:
    image = store.datasets.images(record.id)[0]
    with pytest.raises(BadInputError) as caught:
        correct_image(store, record.id, image.id, subject=subject, label=label, actor=ADA)
    assert caught.value.code == code


def test_a_photo_under_two_names_is_a_copy_where_nobody_is_named(store: Store, tmp_path: Path) -> None:
    photos = sorted((demo_folder() / "images").glob("*/*_1.jpg"))[:2]
    for folder in ("UTKFace", "crop_part1"):
        (tmp_path / folder).mkdir()
        for number, photo in enumerate(photos):
            (tmp_path / folder / f"2{number}_1_2_2016122815452349{number}.jpg").write_bytes(photo.read_bytes())
    report = import_dataset(store, Settings(home=tmp_path / "home"), tmp_path, name="twice", format="utkface")
    assert report.counts.images == 2
    copies = [problem for problem in report.problems if problem.code == "duplicate-image"]
    assert len(copies) == 2
    assert "is the same file as UTKFace/" in copies[0].sentence
    assert "contradicting-copies" not in report.counts.problems
