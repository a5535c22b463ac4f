"""Imports from end to end: what is good is kept, what is not is told in one sentence, and nothing is half-written."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import os
import shutil
import stat
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from facepriv.config import Settings
from facepriv.datasets.problems import problem_names
from facepriv.datasets.registry import read_folder
from facepriv.errors import BadInputError, CancelledError, StoreError, UnknownNameError
from facepriv.imaging.acquire import find_faces_turned
from facepriv.measures.fingerprint import fingerprint
from facepriv.measures.loaded_models import DETECTOR
from facepriv.measures.stored_faces import image_pixels
from facepriv.schemas.requests import RunRequest
from facepriv.services.datasets import importing
from facepriv.services.datasets.importing import (
    ImportReport,
    discard_import,
    import_dataset,
    import_demo,
)
from facepriv.services.jobs.worker import run_worker
from facepriv.services.models.catalogue import usable_matchers
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import Store, open_store
from facepriv.store.records import NewDataset
from facepriv.store.rows import DatasetRow, ImageRow
from tests.finished_run import copy_demo, labelled_demo, start_run, write_labels
from tests.stand_ins import FACTS, STAND_INS, make_stand_in
from tests.store.tampering import count_rows, set_columns

THREE = ("s001_1", "s001_2", "s003_1")
ROWS = [("s001_1.jpg", "s001", "female"), ("s001_2.jpg", "s001", "female"), ("s003_1.jpg", "s003", "male")]


def assert_nothing_half_written(store: Store, settings: Settings) -> None:
    """No temporary file is left, and the database holds finished data sets only."""
    assert not settings.temporary.exists() or list(settings.temporary.iterdir()) == []
    assert [p for p in settings.artifacts.rglob("*") if p.name.startswith(".tmp-")] == []
    assert count_rows(settings, DatasetRow) == len(store.datasets.list())


def kept_files(store: Store) -> set[str]:
    """Artifacts that are left when all that no data set refers to is cleared away."""
    store.collect(files_older_than=timedelta(0))
    return {sha256 for sha256, _ in store.artifacts.list()}


def state_of(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def huge_png() -> bytes:
    """A PNG of 20,000 x 20,000 black pixels, 1 bit each, in some kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    side = 20_000
    packer = zlib.compressobj(1)
    rows = b"".join(packer.compress(bytes(1 + side // 8) * 1000) for _ in range(side // 1000)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def write_odd_images(folder: Path) -> None:
    """Every odd image of which an import must say something."""
    face = PIL.Image.open(folder / "s001_1.jpg").convert("RGB")
    other = PIL.Image.open(folder / "s003_1.jpg").convert("RGB")
    jpeg = (folder / "s003_1.jpg").read_bytes()
    (folder / "text.jpg").write_text("I am no image.")
    (folder / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (folder / "empty.jpg").touch()
    (folder / "huge.png").write_bytes(huge_png())
    face.convert("L").save(folder / "grey.png")
    face.convert("RGBA").save(folder / "rgba.png")
    deep = np.asarray(other.convert("L")).astype(np.uint16) * 257
    PIL.Image.fromarray(deep).save(folder / "deep.png")
    other.convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (240, 240, 3), dtype=np.uint8)).save(
        folder / "noise.png"
    )
    pair = PIL.Image.new("RGB", (face.width + other.width, max(face.height, other.height)), "white")
    pair.paste(face, (0, 0))
    pair.paste(other, (face.width, 0))
    pair.save(folder / "pair.png")
    shutil.copy(folder / "s001_1.jpg", folder / "z_again.jpg")
    shutil.copy(folder / "s001_2.jpg", folder / "z_liar.jpg")


LEFT_OUT = {
    "text.jpg": ("not-an-image", "a JPEG, PNG"),
    "cut.jpg": ("truncated", "copy or export it again"),
    "empty.jpg": ("empty-file", "copy or export it again"),
    "huge.png": ("too-many-pixels", "scale it down"),
    "z_again.jpg": ("duplicate-image", "leave one of them out"),
    "z_liar.jpg": ("contradicting-copies", "correct the labels"),
}
CONVERTED = {"grey.png": "grey", "rgba.png": "alpha channel", "deep.png": "more than 8 bits", "cmyk.jpg": "CMYK"}
FACELESS = {
    "noise.png": ("no-face", "use a photo that shows the face"),
    "pair.png": ("several-faces", "crop the photo to one person"),
}
TOLD = {"ghost.jpg": ("unknown-file", "check the name"), "s003_1.jpg": ("duplicate-row", "one would do")}


class Mixed:
    """Good and odd images imported together, once for all tests that look at it."""

    def __init__(self, home: Path) -> None:
        self.folder = copy_demo(home / "faces", THREE)
        write_odd_images(self.folder)
        odd = [(name, "s003", "male") for name in (*LEFT_OUT, *CONVERTED, *FACELESS)]
        odd[odd.index(("z_again.jpg", "s003", "male"))] = ("z_again.jpg", "s001", "female")
        write_labels(self.folder / "labels.csv", [*ROWS, *odd, ROWS[-1], ("ghost.jpg", "s009", "male")])
        self.before = state_of(self.folder)
        self.settings = Settings(home=home / "home")
        self.store = open_store(self.settings)
        self.seen: list[tuple[int, int]] = []
        self.report = import_dataset(
            self.store, self.settings, self.folder, name="mixed", on_progress=lambda *seen: self.seen.append(seen)
        )


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory):
    made = Mixed(tmp_path_factory.mktemp("mixed"))
    yield made
    made.store.close()


def about(report: ImportReport, name: str):
    return [problem for problem in (*report.problems, *report.failures) if name in problem_names(problem)]


@pytest.mark.xdist_group("mixed-import")
class TestMixed:
    """One import of everything that part 8 of the job names."""

    @pytest.mark.parametrize(("name", "expected"), {**LEFT_OUT, **FACELESS, **TOLD}.items())
    def test_one_sentence_with_what_to_do(self, mixed, name, expected):
        (problem,) = about(mixed.report, name)
        code, remedy = expected
        assert problem.code == code
        assert remedy in problem.sentence
        assert problem.sentence.endswith(".")
        assert str(mixed.folder) not in problem.sentence

    @pytest.mark.parametrize(("name", "what"), CONVERTED.items())
    def test_one_sentence_on_what_was_converted(self, mixed, name, what):
        (problem,) = about(mixed.report, name)
        assert problem.code == "converted"
        assert what in problem.sentence
        assert "was imported" in problem.sentence

    def test_nothing_else_is_said(self, mixed):
        told = {name for problem in (*mixed.report.problems, *mixed.report.failures) for name in problem_names(problem)}
        assert told == {*LEFT_OUT, *CONVERTED, *FACELESS, *TOLD}

    def test_the_good_rest_is_there(self, mixed):
        images = mixed.store.datasets.images(mixed.report.dataset.id)
        assert {i.name for i in images} == {f"{n}.jpg" for n in THREE} | CONVERTED.keys() | FACELESS.keys()
        for image in images:
            assert image_pixels(mixed.store, image).shape == (image.height, image.width, 3)
            assert (image.failure is None) == (image.name not in FACELESS)
            assert (image.landmarks is None) == (image.name in FACELESS)

    def test_counts(self, mixed):
        counts = mixed.report.counts
        assert counts.images == 9
        assert counts.subjects == 2
        assert counts.labels == {-1: 2, 1: 7}
        assert counts.failures == {"no-face": 1, "several-faces": 1}
        assert sum(counts.problems.values()) == len(LEFT_OUT) + len(CONVERTED) + len(TOLD)

    def test_the_store_keeps_what_was_said(self, mixed):
        stored = mixed.store.datasets.problems(mixed.report.dataset.id)
        assert [(p.code, p.sentence) for p in stored] == [(p.code, p.sentence) for p in mixed.report.problems]

    def test_progress_goes_from_one_to_all(self, mixed):
        total = len(THREE) + len(LEFT_OUT) + len(CONVERTED) + len(FACELESS)
        assert mixed.seen == [(i, total) for i in range(1, total + 1)]

    def test_the_source_is_untouched_and_nothing_is_left_over(self, mixed):
        assert state_of(mixed.folder) == mixed.before
        assert_nothing_half_written(mixed.store, mixed.settings)

    def test_only_images_of_the_data_set_have_files(self, mixed):
        images = mixed.store.datasets.images(mixed.report.dataset.id)
        assert kept_files(mixed.store) == {image.artifact_sha256 for image in images}

    def test_files_are_for_their_owner_only(self, mixed):
        for path in mixed.settings.home.rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path

    def test_a_name_is_taken_once(self, mixed):
        with pytest.raises(BadInputError, match="choose another name") as caught:
            import_dataset(mixed.store, mixed.settings, mixed.folder, name="mixed")
        assert caught.value.code == "name-taken"
        assert mixed.store.datasets.get("mixed") == mixed.report.dataset
        assert_nothing_half_written(mixed.store, mixed.settings)


def test_a_zip_gives_what_its_folder_gives(store, settings, tmp_path):
    folder = labelled_demo(tmp_path / "faces", THREE)
    packed = Path(shutil.make_archive(str(tmp_path / "faces"), "zip", folder))
    loose = import_dataset(store, settings, folder, name="loose")
    zipped = import_dataset(store, settings, packed, name="zipped")
    assert zipped.dataset.content_sha256 == loose.dataset.content_sha256
    assert zipped.counts == loose.counts
    assert zipped.problems == loose.problems
    assert zipped.failures == loose.failures
    assert_nothing_half_written(store, settings)


def test_a_zip_whose_entries_point_outside(store, settings, tmp_path):
    folder = labelled_demo(tmp_path / "faces", THREE)
    archive = tmp_path / "faces.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in folder.iterdir():
            packed.write(path, path.name)
        packed.write(folder / "s001_1.jpg", "../../evil.jpg")
    report = import_dataset(store, settings, archive, name="zipped")
    (problem,) = report.problems
    assert problem.name == "../../evil.jpg"
    assert problem.code == "unsafe-path"
    assert "pack a folder with plain names" in problem.sentence
    assert report.counts.images == 3
    assert list(tmp_path.rglob("evil.jpg")) == []
    assert_nothing_half_written(store, settings)


def test_a_zip_bomb(store, settings, tmp_path):
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(copy_demo(tmp_path / "faces", ["s001_1"]) / "s001_1.jpg", "s001_1.jpg")
        packed.writestr("bomb.bmp", bytes(100 << 20))
    with pytest.raises(BadInputError, match="pack the images without it") as caught:
        import_dataset(store, settings, archive, name="bomb")
    assert caught.value.code == "archive-bomb"
    assert store.datasets.list() == ()
    assert_nothing_half_written(store, settings)


def test_the_settings_limit_archives_and_images(store, settings, tmp_path):
    folder = labelled_demo(tmp_path / "faces", THREE)
    packed = Path(shutil.make_archive(str(tmp_path / "faces"), "zip", folder))
    for limit, code, setting in (
        ({"max_upload_bytes": 1000}, "archive-too-large", "FACEPRIV_MAX_UPLOAD_BYTES"),
        ({"max_archive_entries": 2}, "too-many-entries", "FACEPRIV_MAX_ARCHIVE_ENTRIES"),
        ({"max_pixels": 2000}, "nothing-imported", "FACEPRIV_MAX_PIXELS"),
    ):
        with pytest.raises(BadInputError, match=setting) as caught:
            import_dataset(store, Settings(home=settings.home, **limit), packed, name="zipped")
        assert caught.value.code == code
    assert store.datasets.list() == ()
    assert_nothing_half_written(store, settings)


@pytest.mark.parametrize(
    ("header", "row", "code", "remedy"),
    [
        (("image", "colour"), ("s001_1.jpg", "blue"), "missing-columns", "say which it is"),
        (("file", "subject", "gender"), ("s001_1.jpg", "s001", "0"), "undeclared-numbers", "0=male,1=female"),
    ],
)
def test_a_label_table_that_cannot_be_used(store, settings, tmp_path, header, row, code, remedy):
    folder = copy_demo(tmp_path / "faces", ["s001_1"])
    table = write_labels(tmp_path / "labels.csv", [row], header)
    with pytest.raises(BadInputError, match=remedy) as caught:
        import_dataset(store, settings, folder, name="refused", labels=table)
    assert caught.value.code == code
    assert store.datasets.list() == ()
    assert_nothing_half_written(store, settings)


def test_bare_numbers_with_a_meaning(store, settings, tmp_path):
    folder = copy_demo(tmp_path / "faces", ["s001_1", "s003_1"])
    table = write_labels(
        tmp_path / "t.csv", [("s001_1.jpg", "a", "1"), ("s003_1.jpg", "b", "0")], ("Bild", "Wer", "Was")
    )
    report = import_dataset(
        store,
        settings,
        folder,
        name="numbers",
        labels=table,
        mapping={"0": "male", "1": "female"},
        columns={"file": "Bild", "subject": "Wer", "gender": "Was"},
    )
    images = store.datasets.images(report.dataset.id)
    assert [(i.subject, i.label) for i in images] == [("a", -1), ("b", 1)]


def test_one_subject_and_one_gender(store, settings, tmp_path):
    report = import_dataset(store, settings, labelled_demo(tmp_path / "faces", ["s001_1", "s001_2"]), name="lonely")
    assert [p.code for p in report.problems] == ["one-subject", "one-gender"]
    assert all("; add " in p.sentence for p in report.problems)
    assert report.counts.images == 2


def test_limits_are_told_of_the_images_that_are_left(store, settings, tmp_path):
    """The table names two subjects of two genders, but of the man there is a broken file only."""
    folder = labelled_demo(tmp_path / "faces", ["s001_1", "s001_2", "s003_1"])
    (folder / "s003_1.jpg").write_text("gone")
    report = import_dataset(store, settings, folder, name="left")
    assert [p.code for p in report.problems] == ["not-an-image", "one-subject", "one-gender"]


def test_nothing_to_import(store, settings, tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    (folder / "a.jpg").write_text("no")
    (folder / "b.jpg").touch()
    with pytest.raises(BadInputError, match=r"so no data set was made\. The first problem: a\.jpg is not") as caught:
        import_dataset(store, settings, folder, name="nothing")
    assert caught.value.code == "nothing-imported"
    assert store.datasets.list() == ()
    assert kept_files(store) == set()
    assert_nothing_half_written(store, settings)


@pytest.mark.parametrize(
    ("make", "code", "remedy"),
    [
        (lambda path: None, "no-file", "nothing is there; check"),
        (lambda path: path.mkdir(), "no-images", "name a folder or an archive with JPEG"),
        (lambda path: path.write_text("x"), "not-an-archive", "pack or upload it again"),
        (lambda path: path.touch(), "not-an-archive", "pack or upload it again"),
    ],
)
def test_a_source_that_is_none(store, settings, tmp_path, make, code, remedy):
    make(tmp_path / "source")
    with pytest.raises(BadInputError, match=remedy) as caught:
        import_dataset(store, settings, tmp_path / "source", name="none")
    assert caught.value.code == code
    assert store.datasets.list() == ()
    assert_nothing_half_written(store, settings)


def test_an_unknown_format_lists_the_known_ones(store, settings, tmp_path):
    with pytest.raises(UnknownNameError, match=r"lfw, muct, london, .*, csv, folders, flat"):
        import_dataset(store, settings, labelled_demo(tmp_path / "f", ["s001_1"]), name="x", format="nobodys")


class StopError(Exception):
    pass


def what_it_gave(store: Store, name: str) -> dict[str, object]:
    """All of a data set but ids and times."""
    record = store.datasets.get(name)
    ids = {}
    images = []
    for image in store.datasets.images(record.id):
        ids[image.id] = image.name
        told = {one.name: getattr(image, one.name) for one in dataclasses.fields(image)}
        landmarks = told.pop("landmarks")
        images.append(
            {**told, "id": 0, "dataset_id": 0, "landmarks": None if landmarks is None else landmarks.tolist()}
        )
    pairs = [(one.fold, ids[one.first], ids[one.second], one.mated) for one in store.datasets.protocol(record.id)]
    same = dataclasses.replace(record, id=0, name="", created_at=datetime.min, quality=None)
    return {"record": same, "images": images, "problems": store.datasets.problems(record.id), "protocol": pairs}


def odd_folder(folder: Path) -> Path:
    """A stand-in with a protocol, and with everything that an import refuses or notes of an image."""
    make_stand_in("lfw", folder)
    ann = folder / "lfw-deepfunneled" / "Ann_Lee"
    PIL.Image.open(ann / "Ann_Lee_0002.jpg").convert("RGBA").save(ann / "Ann_Lee_0004.png")
    PIL.Image.open(ann / "Ann_Lee_0003.jpg").convert("L").save(ann / "Ann_Lee_0005.png")
    shutil.copy(ann / "Ann_Lee_0001.jpg", ann / "Ann_Lee_0006.jpg")
    (ann / "Ann_Lee_0003.jpg").write_bytes(b"no image")  # and two comparisons go with it
    return folder


LOST = {"not-an-image", "contradicting-copies", "converted", "protocol-incomplete"}


def count_decoded(monkeypatch) -> list[str]:
    decoded: list[str] = []
    decode = importing.decode_apart

    def counting(source, *, name, max_pixels):
        decoded.append(name)
        return decode(source, name=name, max_pixels=max_pixels)

    monkeypatch.setattr(importing, "decode_apart", counting)
    return decoded


@pytest.mark.parametrize("how", [KeyboardInterrupt, StopError, CancelledError])
@pytest.mark.parametrize("packed", [False, True])
def test_an_interrupted_import_goes_on_and_ends_as_without(store, settings, tmp_path, monkeypatch, how, packed):
    source = odd_folder(tmp_path / "faces")
    if packed:
        source = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", source))
    import_dataset(store, settings, source, name="whole")
    decoded = count_decoded(monkeypatch)
    for stop_at in (2, 7, 13):

        def interrupt(done: int, total: int, stage: str = "", /, *, at: int = stop_at) -> None:
            if done == at:
                raise how

        with pytest.raises(how):
            import_dataset(store, settings, source, name="cut", on_progress=interrupt)
        assert [one.name for one in store.datasets.list()] == ["whole"]
        assert [one.written_by for one in store.datasets.unfinished()] == [False]
    assert not settings.temporary.exists() or list(settings.temporary.iterdir()) == []
    import_dataset(store, settings, source, name="cut")
    assert len(decoded) == len(set(decoded)) == 15
    gave = what_it_gave(store, "cut")
    assert gave == what_it_gave(store, "whole")
    assert {one.code for one in gave["problems"]} >= LOST
    assert len(gave["protocol"]) == 6
    assert store.datasets.unfinished() == ()


def test_only_the_same_source_goes_on(store, settings, tmp_path, monkeypatch):
    folder = labelled_demo(tmp_path / "faces", THREE)

    def interrupt(done: int, total: int, stage: str = "", /) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_dataset(store, settings, folder, name="cut", on_progress=interrupt)
    os.utime(folder / "s003_1.jpg", (1, 1))
    decoded = count_decoded(monkeypatch)
    import_dataset(store, settings, folder, name="cut")
    assert len(decoded) == 3, "a file was touched since"
    store.datasets.collect_abandoned()
    assert store.datasets.unfinished() == (), "what was left of the other has no name to go by any more"


def test_what_is_discarded_leaves_nothing(store, settings, tmp_path):
    def interrupt(done: int, total: int, stage: str = "", /) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_dataset(store, settings, labelled_demo(tmp_path / "f", THREE), name="cut", on_progress=interrupt)
    assert len(kept_files(store)) == 2, "what can go on is no leftover"
    assert discard_import(store, "cut") == 2
    assert kept_files(store) == set()
    assert_nothing_half_written(store, settings)
    with pytest.raises(UnknownNameError, match="no interrupted import"):
        discard_import(store, "cut")


def interrupt_at_once(done: int, total: int, stage: str = "", /) -> None:
    raise KeyboardInterrupt


def test_what_another_name_has_left_is_not_discarded(store, settings, tmp_path):
    faces = labelled_demo(tmp_path / "f", THREE)
    for name in ("one", "other"):
        with pytest.raises(KeyboardInterrupt):
            import_dataset(store, settings, faces, name=name, on_progress=interrupt_at_once)
    assert discard_import(store, "one") == 1
    assert [(left.name, left.images) for left in store.datasets.unfinished()] == [("other", 1)]
    import_dataset(store, settings, faces, name="other")
    assert store.datasets.counts(store.datasets.get("other").id).images == 3


def test_an_import_under_way_is_not_discarded(store, settings, tmp_path):
    told: list[str] = []

    def discard(done: int, total: int, stage: str = "", /) -> None:
        with pytest.raises(BadInputError, match="is under way") as caught:
            discard_import(store, "busy")
        told.append(caught.value.code)

    faces = labelled_demo(tmp_path / "f", THREE)
    import_dataset(store, settings, faces, name="busy", on_progress=discard)
    assert told == ["import-under-way"] * 3
    assert store.datasets.counts(store.datasets.get("busy").id).images == 3

    def discard_silent(done: int, total: int, stage: str = "", /) -> None:
        assert discard_import(store, "silent", silent_for=timedelta(0)) == 0
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_dataset(store, settings, faces, name="silent", on_progress=discard_silent)
    assert store.datasets.unfinished() == ()


WRITING_AT_ONCE = (
    "from facepriv.store import datasets; datasets._BATCH_SECONDS = 0.0; from facepriv.cli import main; main()"
)
"""The command line, but each image is written as soon as it is done, so that kills leave something to go on with."""


@pytest.mark.fault
def test_killed_at_any_moment_it_goes_on_and_ends_as_without(store, settings, tmp_path):
    source = odd_folder(tmp_path / "faces")
    whole = import_dataset(store, settings, source, name="whole").counts.images
    # What is found in an image of known content would not be looked for again, and the import be over too soon.
    command = [sys.executable, "-c", WRITING_AT_ONCE, "import", str(source), "--name", "cut", "--no-quality"]
    environment = {**os.environ, **Settings(home=tmp_path / "elsewhere").environment()}
    random = np.random.default_rng(20)
    left_with = []
    for target in sorted({0, *random.integers(1, whole - 3, 5).tolist()}):
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and written(tmp_path / "elsewhere") < target:
            time.sleep(0.005)
        process.kill()
        process.wait()
        left_with.append(written(tmp_path / "elsewhere"))
    assert any(0 < images < whole for images in left_with), "nothing was interrupted"
    subprocess.run(command, env=environment, check=True, capture_output=True)
    with open_store(Settings(home=tmp_path / "elsewhere")) as cut:
        assert what_it_gave(cut, "cut") == what_it_gave(store, "whole")


def written(home: Path) -> int:
    """Count the images that an import has written so far."""
    if not (home / "facepriv.sqlite").exists():
        return 0
    try:
        return count_rows(Settings(home=home), ImageRow)
    except StoreError:  # just being made
        return 0


def test_a_file_that_cannot_be_read_any_more(store, settings, tmp_path):
    folder = labelled_demo(tmp_path / "faces", THREE)
    report = import_dataset(
        store, settings, folder, name="gone", on_progress=lambda *_: (folder / "s001_2.jpg").unlink(missing_ok=True)
    )
    problem = report.problems[0]
    assert problem.name == "s001_2.jpg"
    assert problem.code == "unreadable"
    assert "check that it is a file and may be read" in problem.sentence
    assert report.counts.images == 2


def test_metadata_stays_outside(store, settings, tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    face = PIL.Image.open(copy_demo(tmp_path / "raw", ["s001_1"]) / "s001_1.jpg")
    exif = PIL.Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x0112] = "Portrait of Erika Mustermann", "Photographer Name", 6
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    # Stored lying on its side, with the tag that says so.
    face.transpose(PIL.Image.Transpose.ROTATE_90).save(folder / "p_1.jpg", exif=exif, comment=b"Erika", quality=95)
    report = import_dataset(store, settings, folder, name="exif")
    (image,) = store.datasets.images(report.dataset.id)
    data = store.artifacts.get(image.artifact_sha256)
    assert image.failure is None, "the photo was not turned upright"
    assert (image.width, image.height) == face.size
    assert b"Erika" not in data
    assert b"Photographer" not in data
    stored = PIL.Image.open(io.BytesIO(data))
    assert dict(stored.getexif()) == {}
    assert stored.info == {}
    assert not any(b"Erika" in p.read_bytes() for p in settings.home.rglob("*") if p.is_file())


def test_the_demo_set(store, settings):
    report = import_demo(store, settings, images_per_subject=1)
    assert report.dataset.name == "demo"
    assert report.dataset.licence.startswith("CC-BY 4.0")
    assert report.counts.images == 60
    assert report.counts.subjects == 60
    assert report.counts.failures == {}
    assert report.counts.labels == {-1: 30, 1: 30}
    assert [p.code for p in report.problems] == ["no-mated"]
    assert_nothing_half_written(store, settings)


def test_the_rows_of_a_killed_import_go_with_the_next_one(store, settings, tmp_path):
    with contextlib.suppress(StoreError), store.datasets.importing(NewDataset(name="killed", source="", reader="flat")):
        set_columns(settings, DatasetRow, created_at=datetime(2020, 1, 1, tzinfo=UTC))
        import_dataset(store, settings, labelled_demo(tmp_path / "faces", ["s001_1"]), name="next")
        assert_nothing_half_written(store, settings)
    assert [record.name for record in store.datasets.list()] == ["next"]


def test_faces_found_before_are_not_looked_for_again(store: Store, settings: Settings, tmp_path: Path, monkeypatch):
    folder = copy_demo(tmp_path / "faces", THREE)
    face, other = (PIL.Image.open(folder / f"{name}.jpg") for name in ("s001_1", "s003_1"))
    pair = PIL.Image.new("RGB", (face.width + other.width, max(face.height, other.height)), "white")
    pair.paste(face, (0, 0))
    pair.paste(other, (face.width, 0))
    pair.save(folder / "pair.png")
    looked: list[int] = []

    def counting(pixels: np.ndarray):
        looked.append(1)
        return find_faces_turned(pixels)

    monkeypatch.setattr(importing, "find_faces_turned", counting)
    first = import_dataset(store, settings, folder, name="first").dataset
    assert len(looked) == 4
    again = import_dataset(store, settings, folder, name="again").dataset
    assert len(looked) == 4
    assert again.detector_fingerprint == first.detector_fingerprint == fingerprint(DETECTOR)
    for one, two in zip(store.datasets.images(first.id), store.datasets.images(again.id), strict=True):
        assert one.name == two.name
        assert one.box == two.box
        assert one.failure == two.failure
        assert one.failure_sentence == two.failure_sentence
        np.testing.assert_array_equal(one.landmarks, two.landmarks)
    assert [image.failure for image in store.datasets.images(again.id, failed=True)] == ["several-faces"]
    monkeypatch.setattr(importing, "fingerprint", lambda ref, _: "0" * 64)
    import_dataset(store, settings, folder, name="otherwise")
    assert len(looked) == 8, "what another detector found does not count"


def test_a_day_until_which_it_may_be_kept(store: Store, settings: Settings, tmp_path: Path):
    folder = copy_demo(tmp_path / "faces", THREE[:1])
    day = date.today() + timedelta(days=1)
    assert import_dataset(store, settings, folder, name="kept", retain_until=day).dataset.retain_until == day
    with pytest.raises(BadInputError, match="is past; name a day from today on"):
        import_dataset(store, settings, folder, name="late", retain_until=day - timedelta(days=2))
    assert [record.name for record in store.datasets.list()] == ["kept"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", STAND_INS)
def test_every_convention_is_imported_without_metadata_and_without_copies(store, settings, tmp_path, kind):
    folder = make_stand_in(kind, tmp_path / "unpacked")
    exif = PIL.Image.Exif()
    exif[0x013B], exif[0x0112] = "Photographer Name", 6
    found = sorted(read_folder(folder).images, key=lambda image: image.name)
    turned, copied = found[0].path, found[-1].path
    face = PIL.Image.open(turned)
    size = face.size
    face.transpose(PIL.Image.Transpose.ROTATE_90).save(turned, face.format, exif=exif, quality=95)
    shutil.copy(found[1].path, copied)
    report = import_dataset(store, settings, folder, name=kind)
    facts = FACTS[kind]
    assert report.dataset.reader == facts.reader
    assert report.dataset.identities == facts.identities
    assert report.counts.images == facts.images - 1
    assert report.counts.problems.keys() & {"duplicate-image", "contradicting-copies"}
    images = store.datasets.images(report.dataset.id)
    first = next(image for image in images if image.name == found[0].name)
    assert (first.width, first.height) == size, "the photo was not turned upright"
    assert {name for image in images for name in image.attributes} == facts.attributes
    for image in images:
        data = store.artifacts.get(image.artifact_sha256)
        assert b"Photographer" not in data
        assert dict(PIL.Image.open(io.BytesIO(data)).getexif()) == {}
    lost = report.counts.problems.get("protocol-incomplete", 0)
    assert len(store.datasets.protocol(report.dataset.id)) <= facts.pairs
    assert lost >= (len(store.datasets.protocol(report.dataset.id)) < facts.pairs)


@pytest.mark.slow
@pytest.mark.parametrize("kind", STAND_INS)
def test_every_convention_can_be_run_on(store, settings, tmp_path, kind):
    report = import_dataset(store, settings, make_stand_in(kind, tmp_path / "unpacked"), name=kind)
    spec = prepare_run(store, RunRequest(dataset=kind, method="colour-field", classifiers=["dlib-gender"], limit=3))
    if FACTS[kind].identities == "people":
        assert [one.name for one in spec.matchers] == usable_matchers()
    else:
        assert spec.matchers == ()
        with pytest.raises(BadInputError, match="matched") as caught:
            prepare_run(store, RunRequest(dataset=kind, method="colour-field", matchers=["sface"]))
        assert caught.value.code == "not-people"
    run = start_run(store, spec)
    assert report.counts.failures == {}
    run_worker(settings, job_id=run.job_id)
    result = store.runs.get(run.id).result
    assert result is not None
    assert result.judged == len(spec.image_ids)
    if not report.counts.labels.keys() - {None}:
        assert "no gender error can be computed" in " ".join(problem.sentence for problem in report.problems)
    assert bool(result.matching) == (FACTS[kind].identities == "people")
    assert result.failures.total == 0


def notes_of(report: ImportReport) -> dict[str, tuple[str, ...]]:
    """Return the names of the images by the code of what is told of them."""
    told: dict[str, tuple[str, ...]] = {}
    for problem in report.problems:
        told[problem.code] = (*told.get(problem.code, ()), *problem_names(problem))
    return told


def test_photos_on_their_side_are_stored_upright_told_and_counted(store: Store, settings: Settings, tmp_path: Path):
    folder = copy_demo(tmp_path / "faces", THREE)
    upright = PIL.Image.open(folder / "s001_2.jpg").convert("RGB")
    (folder / "s001_2.jpg").unlink()
    upright.transpose(PIL.Image.Transpose.ROTATE_90).save(folder / "s001_2.png")
    upright.transpose(PIL.Image.Transpose.ROTATE_180).save(folder / "s001_4.png")
    report = import_dataset(store, settings, folder, name="x")
    images = {image.name: image for image in store.datasets.images(report.dataset.id)}
    assert notes_of(report)["turned"] == ("s001_2.png", "s001_4.png")
    assert any("turned by 90 degrees clockwise" in problem.sentence for problem in report.problems)
    assert report.failures == ()
    stored = image_pixels(store, images["s001_2.png"])
    np.testing.assert_array_equal(stored, np.asarray(upright))
    assert (images["s001_2.png"].width, images["s001_2.png"].height) == upright.size
    again = import_dataset(store, settings, folder, name="again")
    assert notes_of(again) == notes_of(report)


@pytest.mark.parametrize("which", ["refuse", "middle", "largest"])
def test_which_of_several_faces_counts_is_said_once_for_a_data_set(
    which: str, store: Store, settings: Settings, tmp_path: Path
):
    folder = copy_demo(tmp_path / "faces", THREE)
    one = PIL.Image.open(folder / "s001_1.jpg").convert("RGB")
    large = PIL.Image.open(folder / "s003_1.jpg").convert("RGB").resize((one.width * 3 // 2, one.height * 3 // 2))
    group = PIL.Image.new("RGB", (2 * one.width + large.width, large.height))
    for image, left in ((large, 0), (one, large.width), (one, large.width + one.width)):
        group.paste(image, (left, 0))
    group.save(folder / "group.png")
    import_dataset(store, settings, folder, name="before")  # what was found then does not count for another choice
    report = import_dataset(store, settings, folder, name="x", several_faces=which)
    image = next(i for i in store.datasets.images(report.dataset.id) if i.name == "group.png")
    if which == "refuse":
        assert [problem.code for problem in report.failures] == ["several-faces"]
        assert "--several-faces middle or largest" in report.failures[0].sentence
        assert report.dataset.detector_fingerprint == fingerprint(DETECTOR)
    else:
        assert notes_of(report)["several-faces"] == ("group.png",)
        assert image.failure is None
        assert (image.box[2] <= large.width + 20) == (which == "largest")
        assert report.dataset.detector_fingerprint != fingerprint(DETECTOR)
    with pytest.raises(BadInputError) as caught:
        import_dataset(store, settings, folder, name="y", several_faces="left")
    assert caught.value.code == "bad-several-faces"


def test_images_inside_other_files_are_imported(store: Store, settings: Settings, tmp_path: Path):
    folder = copy_demo(tmp_path / "faces", (*THREE, "s003_2"))
    import pyarrow
    from pyarrow import parquet

    files = sorted(folder.glob("*.jpg"))
    rows = {
        "image": [{"bytes": file.read_bytes(), "path": file.name} for file in files],
        "gender": ["female", "female", "male", "male"],
        "subject": [file.stem[:4] for file in files],
    }
    shards = tmp_path / "hub" / "data"
    shards.mkdir(parents=True)
    parquet.write_table(pyarrow.table(rows), shards / "train-00000-of-00001.parquet")
    (tmp_path / "hub" / "README.md").write_text("A data set.")
    for path, told in ((tmp_path / "hub", {"document"}), (shards / "train-00000-of-00001.parquet", set())):
        report = import_dataset(store, settings, path, name=f"x{len(told)}")
        assert (report.counts.images, report.counts.subjects) == (4, 2)
        assert report.counts.labels == {-1: 2, 1: 2}
        assert {problem.code for problem in report.problems} == {"images-inside", *told}
        assert [image.name for image in store.datasets.images(report.dataset.id)] == [file.name for file in files]
    assert_nothing_half_written(store, settings)


def test_pairs_of_insightface_are_a_protocol_without_people(store: Store, settings: Settings, tmp_path: Path):
    import pickle

    folder = copy_demo(tmp_path / "faces", (*THREE, "s003_2"))
    one, two, three, four = (file.read_bytes() for file in sorted(folder.glob("*.jpg")))
    path = tmp_path / "lfw.bin"
    path.write_bytes(pickle.dumps(([one, two, one, three, three, four, two, four], [True, False, True, False])))
    report = import_dataset(store, settings, path, name="bin")
    assert report.counts.images == 4
    assert report.dataset.identities == "none"
    assert [pair.mated for pair in store.datasets.protocol(report.dataset.id)] == [True, False, True, False]
