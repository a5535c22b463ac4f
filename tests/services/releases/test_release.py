"""What a policy releases: every image under its own name, and nothing that tells which were perturbed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from facepriv.errors import BadInputError
from facepriv.imaging.png import decode_png
from facepriv.measures.stored_faces import stored_pixels
from facepriv.policy.selection import choose_actions
from facepriv.schemas.requests import RunRequest
from facepriv.services.jobs.worker import run_worker
from facepriv.services.releases.export import MANIFEST, UNFINISHED_SUFFIX
from facepriv.services.releases.release import (
    COLUMNS,
    KEY_SUFFIX,
    SAME_TIME,
    STOPPED,
    ReleaseReport,
    plan_release,
    read_key,
    stream_release,
    write_release,
)
from facepriv.services.runs.preparing import prepare_run
from tests.actors import TESTER
from tests.finished_run import Finished, candidates_of, start_run

pytestmark = pytest.mark.xdist_group("finished-run")
KEY = bytes(range(32))


def release(finished: Finished, folder: Path, p: float = 0.5, **options: object) -> ReleaseReport:
    given = {"select_by": "image", "actor": TESTER, **options}
    return write_release(finished.store, {finished.run.id: p}, folder, **given)  # type: ignore[arg-type]


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def chunks(png: bytes) -> list[bytes]:
    """Kinds of a PNG's chunks but those of the pixels."""
    kinds, at = [], 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        kinds.append(png[at + 4 : at + 8])
        at += 12 + length
    return [kind for kind in kinds if kind != b"IDAT"]


def test_every_image_is_there_as_the_key_says(finished: Finished, tmp_path: Path) -> None:
    folder = tmp_path / "release"
    done = release(finished, folder, key=KEY)
    store, run = finished.store, finished.run
    images = store.datasets.images(run.dataset_id, ids=run.spec.image_ids)
    actions = choose_actions("image", [i.source_sha256 for i in images], [i.subject for i in images], KEY, [0.5])
    assert 0 < actions.sum() < len(images)
    for image, action in zip(images, actions, strict=True):
        record = store.runs.run_image(run.id, image.id)
        wanted = record.artifact_sha256 if action else image.artifact_sha256
        name = Path(image.name).with_suffix(".png").as_posix()
        released = decode_png((folder / "images" / name).read_bytes())
        np.testing.assert_array_equal(released, stored_pixels(store.artifacts, wanted))
    assert done.images == 6
    assert done.perturbed == int(actions.sum())
    assert done.not_perturbable == 0
    assert done.left_out == 0
    assert done.warnings == ()
    assert store.access.list(limit=1)[0].action == "policy-exported"
    kept = store.releases.list(dataset_id=run.dataset_id, limit=1)[0]
    assert kept.about == f"run {run.id}"
    assert kept.policy == f"50.0 % of run {run.id}, drawn by image"
    assert kept.items == 6
    assert kept.manifest_sha256 == hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    assert kept.released_by == TESTER.name


def test_nothing_tells_which_images_were_perturbed(finished: Finished, tmp_path: Path) -> None:
    folder = tmp_path / "release"
    done = release(finished, folder)
    with (folder / MANIFEST).open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS == ("file", "subject", "sha256")
    found = files(folder)
    assert set(found) == {MANIFEST, *(row["file"] for row in rows)}
    # In the data set's order, whatever was chosen.
    images = finished.store.datasets.images(finished.run.dataset_id, ids=finished.run.spec.image_ids)
    assert [row["subject"] for row in rows] == [image.subject for image in images]
    pictures = [folder / row["file"] for row in rows]
    assert {path.stat().st_mtime for path in pictures} == {SAME_TIME}
    assert len({tuple(chunks(path.read_bytes())) for path in pictures}) == 1
    assert not any(done.key_file.read_text().split('"key": "')[1][:64].encode() in data for data in found.values())


def test_the_key_lies_apart_and_is_for_its_owner(finished: Finished, tmp_path: Path) -> None:
    folder = tmp_path / "release"
    done = release(finished, folder, key=KEY)
    assert done.key_file == tmp_path / f"release{KEY_SUFFIX}"
    assert stat.S_IMODE(done.key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    content = json.loads(done.key_file.read_text())
    assert content["shares"] == {str(finished.run.id): 0.5}
    assert read_key(done.key_file) == KEY


def test_the_same_key_gives_the_same_release_and_a_greater_share_only_adds(finished: Finished, tmp_path: Path) -> None:
    first, again, more = (tmp_path / name for name in ("first", "again", "more"))
    done = release(finished, first)
    release(finished, again, key=read_key(done.key_file))
    release(finished, more, p=0.9, key=read_key(done.key_file))
    assert files(first) == files(again)
    untouched = files_of_originals(finished, tmp_path)
    for name, data in files(more).items():
        if name != MANIFEST and data == untouched[name]:
            assert files(first)[name] == untouched[name]


def files_of_originals(finished: Finished, tmp_path: Path) -> dict[str, bytes]:
    release(finished, tmp_path / "none", p=0.0)
    return files(tmp_path / "none")


def test_whole_subjects_are_released_alike(finished: Finished, tmp_path: Path) -> None:
    untouched = files_of_originals(finished, tmp_path)
    done = release(finished, tmp_path / "subjects", select_by="subject", key=KEY)
    with (tmp_path / "subjects" / MANIFEST).open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    found = files(tmp_path / "subjects")
    changed: dict[str, set[bool]] = {}
    for row in rows:
        changed.setdefault(row["subject"], set()).add(found[row["file"]] != untouched[row["file"]])
    assert all(len(fates) == 1 for fates in changed.values())
    assert done.perturbed == sum(found[row["file"]] != untouched[row["file"]] for row in rows)


def test_what_cannot_be_released_gets_one_sentence_and_leaves_nothing(finished: Finished, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "note.txt").write_text("mine")
    with pytest.raises(BadInputError, match="new or empty folder"):
        release(finished, taken)
    assert not (tmp_path / f"taken{KEY_SUFFIX}").exists()
    with pytest.raises(BadInputError, match="must not lie in the folder"):
        release(finished, tmp_path / "in", key_file=tmp_path / "in" / "key.json")
    there = tmp_path / "there.json"
    there.write_text("{}")
    with pytest.raises(BadInputError, match="that file exists"):
        release(finished, tmp_path / "out", key_file=there)
    with pytest.raises(BadInputError, match="new file for the key"):
        release(finished, tmp_path / "out", key_file=tmp_path / "missing" / "key.json")
    with pytest.raises(BadInputError, match="must not lie in the folder"):
        release(finished, tmp_path / "in", key_file=tmp_path / "elsewhere" / ".." / "in" / "key.json")
    with pytest.raises(BadInputError, match="At least one run"):
        write_release(finished.store, {}, tmp_path / "out", select_by="image", actor=TESTER)
    with pytest.raises(BadInputError):
        release(finished, tmp_path / "out", p=1.5)
    for name in ("in", "out"):
        assert not (tmp_path / name).exists()
    with pytest.raises(BadInputError, match="key file of an earlier release"):
        read_key(there)
    with pytest.raises(BadInputError, match="key file of an earlier release"):
        read_key(tmp_path / "nowhere")


@pytest.mark.slow
def test_runs_on_other_images_are_refused(finished: Finished, tmp_path: Path) -> None:
    spec = prepare_run(
        finished.store,
        RunRequest(dataset="six", method="mixing", limit=4, classifiers=["dlib-gender"], matchers=["sface"]),
    )
    other = start_run(finished.store, spec)
    with pytest.raises(BadInputError, match=f"run {other.id} is waiting"):
        write_release(finished.store, {other.id: 0.5}, tmp_path / "a", select_by="image", actor=TESTER)
    run_worker(finished.settings, job_id=other.job_id)
    shares = {finished.run.id: 0.5, other.id: 0.5}
    with pytest.raises(BadInputError, match="on other images"):
        write_release(finished.store, shares, tmp_path / "a", select_by="image", actor=TESTER)
    finished.store.runs.delete(other.id)


def test_terms_of_use_keep_images_back(finished: Finished, tmp_path: Path, with_terms) -> None:
    """Those of s003 too, whose versions hold part of the face of s002; chosen by the key or not, so nothing tells."""
    assert candidates_of(finished)["s003"] == {"s002"}
    with_terms(frozenset(["s001", "s003", "s006"]))
    for key in (KEY, bytes(32)):
        folder = tmp_path / key.hex()
        done = release(finished, folder, key=key)
        assert done.images == 3
        assert done.left_out == 0
        assert done.withheld == 3
        assert done.warnings == ("3 images left out, as the terms of use ask: Only some people may be shown.",)
        assert {name.partition("/")[2][:4] for name in files(folder) if name.startswith("images/")} == {"s001", "s006"}
    untouched = release(finished, tmp_path / "untouched", p=0.0)
    assert untouched.images == 5
    assert untouched.withheld == 1
    with_terms(frozenset())
    with pytest.raises(BadInputError) as caught:
        release(finished, tmp_path / "none")
    assert caught.value.code == "terms-of-use"
    assert not (tmp_path / "none").exists()


def test_an_archive_holds_what_a_folder_does_and_not_the_key(finished: Finished, tmp_path: Path) -> None:
    release(finished, tmp_path / "folder", key=KEY)
    done = release(finished, tmp_path / "all.zip", key=KEY, verdict="Not attacked yet.")
    assert done.target == tmp_path / "all.zip"
    assert done.key_file == tmp_path / f"all.zip{KEY_SUFFIX}"
    assert [stat.S_IMODE(file.stat().st_mode) for file in (done.target, done.key_file)] == [0o600, 0o600]
    with zipfile.ZipFile(done.target) as archive:
        assert {entry.filename: archive.read(entry) for entry in archive.infolist()} == files(tmp_path / "folder")
        assert len({entry.date_time for entry in archive.infolist()}) == 1
    newest, before = finished.store.releases.list(limit=2)
    assert newest.verdict == "Not attacked yet."
    assert newest.manifest_sha256 == before.manifest_sha256


def test_an_archive_is_the_same_however_often_it_is_sent(finished: Finished) -> None:
    planned = plan_release(finished.store, {finished.run.id: 0.5}, select_by="image", key=KEY)
    first, second = (b"".join(stream_release(finished.store, planned, verdict="", actor=TESTER)) for _ in range(2))
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.testzip() is None
        assert KEY.hex() not in first.decode("latin-1")
        assert archive.namelist()[-1] == MANIFEST


def test_who_stops_taking_an_archive_is_in_the_log_and_no_release_is_kept(finished: Finished) -> None:
    store = finished.store
    before = len(store.releases.list())
    planned = plan_release(store, {finished.run.id: 0.5}, select_by="image", key=KEY)
    pieces = stream_release(store, planned, verdict="", actor=TESTER)
    next(pieces)
    next(pieces)
    pieces.close()
    assert len(store.releases.list()) == before
    line = store.access.list(limit=1)[0]
    assert line.action == STOPPED
    assert line.subject == f"run {finished.run.id}"
    assert line.detail == "after 1 of 6 images"


def test_an_archive_that_cannot_be_written_leaves_no_key(finished: Finished, tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_bytes(b"mine")
    with pytest.raises(BadInputError) as caught:
        release(finished, tmp_path / "all.zip")
    assert caught.value.code == "file-exists"
    assert (tmp_path / "all.zip").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["all.zip"]


def test_what_a_killed_process_left_of_an_archive_is_written_over(finished: Finished, tmp_path: Path) -> None:
    (tmp_path / f"all.zip{UNFINISHED_SUFFIX}").write_bytes(b"half an archive, longer than nothing")
    done = release(finished, tmp_path / "all.zip", key=KEY)
    with zipfile.ZipFile(done.target) as archive:
        assert archive.testzip() is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.zip", f"all.zip{KEY_SUFFIX}"]
