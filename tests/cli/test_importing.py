"""`facepriv import` as a user meets it."""

from __future__ import annotations

import signal
import time

import pytest

from facepriv.config import Settings
from facepriv.datasets.demo import demo_folder
from facepriv.store import open_store
from tests.cli.conftest import Job
from tests.cli.terminal import NAMES, Terminal, assert_one_sentence, write_faces
from tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("cli")


def test_import_tells_what_it_did(job: Job):
    out = job.imported.out
    assert "Format csv, because labels.csv has columns for file and gender." in out
    assert "few: 4 images of 2 subjects (2 labelled female, 2 male); 0 without a usable face" in out
    assert "Left out or noted: s003_3.jpg is not an image, whatever its name says" in out
    assert "[not-an-image: s003_3.jpg]" in out
    assert "Importing" in job.imported.err


def test_import_json(job: Job):
    document = job.import_json
    assert document["schema"] == "facepriv.import/1"
    assert document["dataset"] == "few"
    assert document["reader"] == "csv"
    assert document["images"] == 4
    assert document["subjects"] == 2
    assert document["labels"] == {"female": 2, "male": 2, "unlabelled": 0}
    (left_out,) = document["left_out"]
    assert left_out["names"] == ["s003_3.jpg"]
    assert left_out["code"] == "not-an-image"
    assert left_out["sentence"].endswith(".")
    assert document["no_usable_face"] == []
    assert document["failures"] == {}


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--name", "few"), ("already a data set called 'few'", "choose another name")),
        (("--name", "12"), ("choose another name",)),
        (("--name", "x", "--format", "nobodys"), ("no data set format called 'nobodys'", "choose one of: lfw")),
        (("--name", "x", "--labels", "no.csv"), ("There is no label table no.csv", "check its name")),
        (("--name", "x", "--mapping", "0:male"), ("A mapping reads like 0=male,1=female",)),
        (
            ("--name", "x", "--labels", "{folder}/labels.csv", "--gender-column", "colour"),
            ("none for gender ('colour')",),
        ),
    ],
)
def test_imports_that_are_refused(job: Job, options, parts):
    assert_one_sentence(job.run("import", job.folder, *(word.format(folder=job.folder) for word in options)), *parts)
    assert [d["name"] for d in job.run.json("datasets")["datasets"]] == ["few"]


def test_import_of_columns_and_numbers(tmp_path):
    terminal = Terminal(tmp_path / "home")
    faces = write_faces(tmp_path / "faces", NAMES[:1])
    (faces / "labels.csv").write_text("Bild;Wer;Was\ns001_1.jpg;anna;2\n")
    columns = ("--file-column", "Bild", "--subject-column", "Wer", "--gender-column", "Was")
    labels = ("--labels", faces / "labels.csv")
    refused = terminal("import", faces, "--name", "numbers", *labels, *columns)
    assert_one_sentence(refused, "the bare numbers 2", "0=male,1=female")
    document = terminal.json("import", faces, "--name", "numbers", *labels, *columns, "--mapping", "1=m,2=f")
    assert document["labels"] == {"female": 1, "male": 0, "unlabelled": 0}


def test_every_file_is_listed_with_where_its_labels_come_from(empty: Terminal, tmp_path):
    faces = write_faces(tmp_path / "faces")
    (faces / "notes.md").write_text("a note")
    document = empty.json("import", faces, "--name", "few")
    listed = empty.json("datasets", "few")
    assert listed["schema"] == "facepriv.dataset/1"
    assert listed["images"] == document["image_files"]
    assert listed["left_out"] == document["files_left_out"]
    assert [each["file"] for each in listed["images"]] == [f"{name}.jpg" for name in NAMES]
    assert all("of labels.csv, line" in each["label_from"] for each in listed["images"])
    assert [each["file"] for each in listed["left_out"]] == ["notes.md"]
    empty.environment["COLUMNS"] = "140"
    assert "column 'gender' of labels.csv" in empty("datasets", "few").out


def test_a_preview_writes_nothing(empty: Terminal, tmp_path):
    faces = write_faces(tmp_path / "faces")
    document = empty.json("import", faces, "--name", "few", "--preview")
    assert document["schema"] == "facepriv.preview/1"
    assert document["reader"] == "csv"
    assert document["images"] == 4
    assert [row["name"] for row in document["rows"]] == [f"{name}.jpg" for name in NAMES]
    said = empty("import", faces, "--name", "few", "--preview")
    assert "4 images of 2 subjects: 2 labelled female, 2 male." in said.out
    assert empty.json("datasets")["datasets"] == []
    with open_store(Settings(home=empty.home)) as store:
        assert store.datasets.unfinished() == ()


@pytest.mark.fault
def test_interrupting_an_import_says_how_it_goes_on(empty: Terminal, tmp_path):
    faces = tmp_path / "faces"
    faces.mkdir()
    data = (demo_folder() / "images" / "s001" / "s001_1.jpg").read_bytes()
    for number in range(60):
        (faces / f"{number:02}.jpg").write_bytes(data + bytes([number]))
    process = empty.start("import", faces, "--name", "many", "--no-quality")
    with open_store(Settings(home=empty.home)) as store:
        wait_until(lambda: store.datasets.unfinished())
        time.sleep(1)
        assert "Import of many is running" in empty("datasets").out
        assert_one_sentence(empty("datasets", "--discard", "many"), "is under way")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "Repeat the same command to resume" in " ".join(err.split())
        (left,) = store.datasets.unfinished()
        assert not left.written_by
    assert "Import of many was interrupted" in empty("datasets").out
    assert "of the interrupted import many" in empty("datasets", "--discard", "many").out
    assert_one_sentence(empty("datasets", "--discard", "many"), "no interrupted import")
