"""What leaves: perturbed images with a manifest that tells of every image, readable again by an import."""

from __future__ import annotations

import csv
import hashlib
import io
import stat
from pathlib import PurePosixPath

import numpy as np
import PIL.Image
import pytest

from facepriv.errors import BadInputError, StoreError, UnknownNameError
from facepriv.imaging.png import encode_png
from facepriv.schemas.requests import RunRequest
from facepriv.schemas.runs import RunDocument, RunSpec
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.jobs.worker import run_worker
from facepriv.services.releases.export import COLUMNS, export_run, file_names, result_json, run_document
from facepriv.services.runs.preparing import prepare_run
from facepriv.store import Store
from facepriv.types import Actor
from tests.actors import TESTER
from tests.finished_run import FAST, METHOD, Finished, candidates_of, labelled_demo, start_run

pytestmark = pytest.mark.xdist_group("finished-run")


def manifest_of(folder):
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def exported(finished: Finished, tmp_path):
    folder = tmp_path / "deep" / "out"
    return folder, export_run(finished.store, finished.run.id, folder, actor=TESTER)


def test_what_is_written(finished: Finished, exported):
    folder, report = exported
    assert report.images == 6
    assert report.without == 0
    assert report.folder == folder
    assert {p.name for p in folder.iterdir()} == {"images", "manifest.csv", "run.json"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(list((folder / "images").iterdir())) == 6


def test_the_manifest_tells_of_every_image(finished: Finished, exported):
    folder, _ = exported
    rows = manifest_of(folder)
    assert tuple(rows[0]) == COLUMNS
    images = {image.name: image for image in finished.store.datasets.images(finished.run.dataset_id)}
    records = {r.image_id: r for r in finished.store.runs.run_images(finished.run.id)}
    assert [row["source"] for row in rows] == list(images)
    for row in rows:
        image = images[row["source"]]
        record = records[image.id]
        data = (folder / row["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"] == record.artifact_sha256
        assert row["subject"] == image.subject
        assert row["gender"] == {1: "male", -1: "female"}[image.label]
        assert row["perturbed"] == "true"
        assert row["success"] == "true"
        assert row["failure"] == ""
        assert int(row["updates"]) == record.updates
        picture = PIL.Image.open(io.BytesIO(data))
        assert picture.format == "PNG"
        assert picture.mode == "RGB"
        assert picture.size == (image.width, image.height)
        assert picture.info == {}


def test_the_result_lies_beside(finished: Finished, exported):
    folder, _ = exported
    text = (folder / "run.json").read_text(encoding="utf-8")
    document = RunDocument.model_validate_json(text)
    assert document == run_document(finished.store, finished.run.id)
    assert text == result_json(finished.store, finished.run.id)
    assert RunSpec.model_validate(document.spec.model_dump()) == finished.run.spec
    assert (
        document.model_dump(exclude={"run_id", "created_at", "finished_at", "spec"}) == finished.run.result.model_dump()
    )


def test_an_export_can_be_imported_with_the_same_labels(exported, store, settings):
    folder, _ = exported
    report = import_dataset(store, settings, folder, name="again")
    assert report.dataset.reader == "csv"
    assert [problem.name for problem in report.problems] == ["run.json"]
    assert report.failures == ()
    rows = {row["file"]: row for row in manifest_of(folder)}
    images = store.datasets.images(report.dataset.id)
    assert {image.name for image in images} == rows.keys()
    for image in images:
        row = rows[image.name]
        assert image.subject == row["subject"]
        assert image.label == {"male": 1, "female": -1}[row["gender"]]
        # Stored pixels were lossless already, so their files are the very same.
        assert image.artifact_sha256 == row["sha256"]


def test_the_access_log_keeps_a_line(finished: Finished, exported):
    line = finished.store.access.list(actor="tester", limit=1)[0]
    assert line.action == "run-exported"
    assert line.subject == f"run {finished.run.id}"


def test_a_folder_that_holds_something_is_refused(finished: Finished, exported):
    folder, _ = exported
    before = sorted(folder.rglob("*"))
    lines = len(finished.store.access.list(actor="other"))
    with pytest.raises(BadInputError, match="there is something in it; name another one") as caught:
        export_run(finished.store, finished.run.id, folder, actor=Actor("other", "python"))
    assert caught.value.code == "folder-not-empty"
    with pytest.raises(BadInputError, match="name another one"):
        export_run(finished.store, finished.run.id, folder / "run.json", actor=Actor("other", "python"))
    assert sorted(folder.rglob("*")) == before
    assert len(finished.store.access.list(actor="other")) == lines


def test_an_empty_folder_will_do(finished: Finished, tmp_path):
    assert export_run(finished.store, finished.run.id, tmp_path, actor=TESTER).images == 6


def test_a_place_that_cannot_be_written_to(finished: Finished, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadInputError, match="name another one") as caught:
        export_run(finished.store, finished.run.id, tmp_path / "file" / "out", actor=TESTER)
    assert caught.value.code == "cannot-write"


def test_unknown_and_unfinished_runs(finished: Finished, store: Store, small_spec, tmp_path):
    with pytest.raises(UnknownNameError, match="There is no run 999"):
        export_run(finished.store, 999, tmp_path / "out", actor=TESTER)
    waiting = start_run(store, small_spec())
    with pytest.raises(BadInputError, match="is waiting; wait for it, or choose one") as caught:
        export_run(store, waiting.id, tmp_path / "out", actor=TESTER)
    assert caught.value.code == "run-not-complete"
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_images_without_a_version_and_an_export_cut_short(store, settings, tmp_path):
    """Men have no other man here, so with candidates of the same gender the one man fails."""
    names = ["s001_1", "s002_1", "s003_1"]
    import_dataset(store, settings, labelled_demo(tmp_path / "faces", names), name="few")
    spec = prepare_run(
        store,
        RunRequest(
            dataset="few", method=METHOD, parameters={**FAST, "candidates": "same"}, classifiers=[], matchers=[]
        ),
    )
    run = start_run(store, spec)
    run_worker(settings, job_id=run.job_id)
    folder = tmp_path / "out"
    report = export_run(store, run.id, folder, actor=TESTER)
    assert report.images == 2
    assert report.without == 1
    (row,) = [row for row in manifest_of(folder) if row["perturbed"] == "false"]
    assert row["source"] == "s003_1.jpg"
    assert row["file"] == ""
    assert row["sha256"] == ""
    assert row["failure"] == "no-candidate"
    again = import_dataset(store, settings, folder, name="again")
    assert again.counts.images == 2
    assert [p.code for p in again.problems] == ["no-file-name", "annotation", "no-mated", "one-gender"]

    # The second file is damaged: nothing of the first may stay.
    sha256 = store.runs.run_images(run.id)[1].artifact_sha256
    assert sha256 is not None
    store.artifacts.path(sha256).write_bytes(b"damaged")
    (tmp_path / "empty").mkdir()
    for target in (tmp_path / "cut", tmp_path / "empty"):
        with pytest.raises(StoreError, match="is damaged"):
            export_run(store, run.id, target, actor=TESTER)
    assert not (tmp_path / "cut").exists()
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.parametrize(
    ("given", "files"),
    [
        (["002_03.jpg", "x/002_03.jpg"], ["002_03.png", "x/002_03.png"]),
        (["x/y/a.b.jpg", "../../etc/passwd", "/abs/a.jpg", "a/./b.png"], ["x/y/a.b", "etc/passwd", "abs/a", "a/b"]),
        (["subject01.sad", "subject01.happy", "1.ppm.bz2"], ["subject01.sad", "subject01.happy", "1"]),
        # Only true clashes get a number, and never the name that another image has by itself.
        (["a.jpg", "a.png", "A.JPG", "a-2.jpg", "b.jpg"], ["a", "a-3", "A-4", "a-2", "b"]),
        (["jose\u0301.jpg", "jos\u00e9.png"], ["jose\u0301", "jos\u00e9-2"]),
        (["a.jpg", "a.png/1.jpg"], ["a-2", "a.png/1"]),
        ([".", "..", "x/.."], ["image", "image-2", "x"]),
    ],
)
def test_files_keep_the_images_names(given, files):
    assert file_names(given) == [name if name.endswith(".png") else f"{name}.png" for name in files]


def test_long_names_are_cut_and_stay_apart(tmp_path):
    given = [f"{'ü' * 120}{end}.jpeg" for end in ("", "a", "b")]
    names = file_names(given)
    assert len(set(names)) == 3
    for name in names:
        (tmp_path / name).write_bytes(encode_png(np.zeros((4, 4, 3), np.uint8)))
        assert name.startswith("ü" * 100)


def test_an_exported_file_is_called_like_its_image(finished: Finished, exported):
    for row in manifest_of(exported[0]):
        assert row["file"] == f"images/{PurePosixPath(row['source']).with_suffix('.png')}"


def test_terms_of_use_keep_images_back(finished: Finished, tmp_path, with_terms):
    """Those of s003 too, who agreed: they hold part of the face of s002, who did not."""
    assert candidates_of(finished) == {"s001": {"s006"}, "s002": {"s006"}, "s003": {"s002"}, "s006": {"s001"}}
    with_terms(frozenset(["s001", "s003", "s006"]))
    report = export_run(finished.store, finished.run.id, tmp_path / "out", actor=TESTER)
    assert report.images == 3
    assert report.without == 0
    assert report.withheld == 3
    assert report.note == "3 images left out, as the terms of use ask: Only some people may be shown."
    assert {row["subject"] for row in manifest_of(tmp_path / "out")} == {"s001", "s006"}
    assert len(list((tmp_path / "out" / "images").iterdir())) == 3
    with_terms(frozenset())
    with pytest.raises(BadInputError, match="let none of these images out") as caught:
        export_run(finished.store, finished.run.id, tmp_path / "none", actor=TESTER)
    assert caught.value.code == "terms-of-use"
    assert not (tmp_path / "none").exists()
