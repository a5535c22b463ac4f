"""A purge takes everything, keeps what others have too, and finds what is left."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from facepriv.config import Settings
from facepriv.errors import StoreError, UnknownNameError
from facepriv.schemas.requests import DemoSource, ImportRequest
from facepriv.schemas.runs import LearnFrom
from facepriv.scratch import IMPORT, temporary_folder
from facepriv.services.datasets.import_jobs import KIND, list_imports
from facepriv.services.jobs.deletion import discard, list_deleted
from facepriv.services.jobs.submit import submit
from facepriv.services.jobs.worker import run_worker
from facepriv.services.upkeep.orphans import collect_orphans
from facepriv.services.upkeep.purging import plan_purge, purge
from facepriv.store import DatasetRecord, Store, open_store
from facepriv.store.artifacts import IDENTITY
from facepriv.store.measures import Measured
from facepriv.store.records import NewDataset
from facepriv.store.rows import (
    AuditRow,
    ImageRow,
    LearningRow,
    LogLineRow,
    MeasureRow,
    ProblemRow,
    RunImageRow,
    RunRow,
    RunSourceRow,
    ShareRow,
    TrashRow,
)
from facepriv.store.trash import RESTORABLE_FOR
from facepriv.types import Actor
from tests.actors import ADA, EVE
from tests.store.tampering import count_rows, set_columns
from tests.store_examples import (
    audit_spec,
    contents_of,
    create,
    learning,
    measured_of,
    put_images,
    result_for,
    run_image,
    spec_for,
)

HELD = (
    ImageRow,
    ProblemRow,
    RunRow,
    AuditRow,
    RunImageRow,
    LogLineRow,
    LearningRow,
    RunSourceRow,
    MeasureRow,
    ShareRow,
)


def claim(store: Store, run: int) -> None:
    assert store.jobs.claim("w1", only=store.runs.job_id(run)) is not None


def work_on(store: Store, run: int, content: bytes, **changes) -> None:
    """Do a run that leaves the first image perturbed and of the others nothing."""
    claim(store, run)
    ids = store.runs.get(run).spec.image_ids
    for position, image_id in enumerate(ids):
        sha256 = store.artifacts.put(content) if position == 0 else None
        image = run_image(image_id, position, artifact_sha256=sha256, **changes)
        store.runs.save_image(run, "w1", image, measured_of(image))
    store.runs.finish(run, "w1", result_for(len(ids)))


def derive_from(store: Store, mine: DatasetRecord, theirs: DatasetRecord) -> tuple[list[int], list[int]]:
    """Everything that a data set can be used for; gives the numbers of runs and audits."""
    lender = store.datasets.images(mine.id)[0].id
    own, lent = store.runs.create(spec_for(store, mine)), store.runs.create(spec_for(store, theirs))
    work_on(store, own, b"perturbed")
    work_on(store, lent, b"perturbed with its candidate", candidate_image_id=lender)
    source = LearnFrom(source="dataset", dataset=mine.ref)
    taught = store.runs.create(spec_for(store, theirs, learn_from=source))
    claim(store, taught)
    store.runs.save_learning(taught, "w1", learning(0, store.artifacts.put(b"learnt", ".npz"), source="dataset"))
    store.jobs.fail(store.runs.job_id(taught), "w1", "It broke.")
    audits = [store.audits.create(audit_spec(store, mine)), store.audits.create(audit_spec(store, theirs, run_id=lent))]
    perturbed = store.runs.run_image(own, store.runs.get(own).spec.image_ids[0]).artifact_sha256
    hashes = [*(image.artifact_sha256 for image in store.datasets.images(mine.id)), perturbed]
    store.measures.save([Measured(sha256, "template:sface", "0" * 64, np.ones(3)) for sha256 in hashes])
    return [own, lent, taught], audits


def test_everything_goes_but_what_another_data_set_has_too(store: Store, settings: Settings):
    mine = create(store, "mine", put_images(store, b"one", b"two", b"of both"))
    theirs = create(store, "theirs", put_images(store, b"of both", b"theirs"))
    runs, audits = derive_from(store, mine, theirs)
    plan = plan_purge(store, mine.id)
    assert plan.images == 3
    assert list(plan.runs) == runs
    assert list(plan.audits) == audits
    assert plan.files == 5
    assert plan.sentences == (
        f"This deletes the data set 'mine': 3 images, 3 runs ({', '.join(map(str, runs))}), 2 audits "
        f"({', '.join(map(str, audits))}), 5 files.",
        "1 file stays because the data set 'theirs' contains the same images.",
    )
    assert store.runs.count() == 3, "a plan touches nothing"
    report = purge(store, settings, mine.id, actor=ADA)
    assert report.complete
    assert report.sentences[:3] == (
        "Deleted the data set 'mine': 3 images, 3 runs, 2 audits.",
        "5 files deleted. A scan of all files found 0 of 5 remaining.",
        "1 file stays because the data set 'theirs' contains the same images.",
    )
    assert contents_of(store) == {b"of both", b"theirs"}
    left = {row: count for row in HELD if (count := count_rows(settings, row))}
    assert left == {ImageRow: 2, MeasureRow: 1}, "what is measured of the image of both stays"
    line, begun = store.access.list()
    assert begun.action == "purge-begun"
    assert line.actor == "ada"
    assert line.action == "dataset-purged"
    assert line.subject == f"dataset {mine.id}"
    assert line.detail == "3 images, 3 runs, 2 audits; 0 files of 5 left"
    with pytest.raises(UnknownNameError, match="no data set"):
        purge(store, settings, mine.id, actor=ADA)


def test_what_was_deleted_before_goes_too_without_delay(store: Store, settings: Settings):
    """Nothing of a person waits for a day because somebody deleted a run of them the moment before."""
    mine = create(store, "mine", put_images(store, b"one", b"two", b"of both"))
    theirs = create(store, "theirs", put_images(store, b"of both", b"theirs"))
    runs, audits = derive_from(store, mine, theirs)
    for run in runs:
        discard(store, "run", run, ADA)
    discard(store, "audit", audits[0], ADA)
    assert list(plan_purge(store, mine.id).runs) == runs
    report = purge(store, settings, mine.id, actor=ADA, cancel=True)
    assert report.complete
    assert (report.runs, report.audits, len(report.remaining)) == (3, 2, 0)
    assert contents_of(store) == {b"of both", b"theirs"}
    left = {row: count for row in (*HELD, TrashRow) if (count := count_rows(settings, row))}
    assert left == {ImageRow: 2, MeasureRow: 1}
    assert list_deleted(store) == ()


def test_a_day_after_its_deletion_a_run_goes_with_its_files(store: Store, settings: Settings):
    mine = create(store, "mine", put_images(store, b"one", b"two"))
    run = store.runs.create(spec_for(store, mine))
    work_on(store, run, b"perturbed")
    discard(store, "run", run, ADA)
    collect_orphans(store, settings)
    assert contents_of(store) == {b"one", b"two", b"perturbed"}
    set_columns(settings, TrashRow, deleted_at=datetime.now(UTC) - RESTORABLE_FOR)
    collect_orphans(store, settings)
    assert contents_of(store) == {b"one", b"two"}
    assert count_rows(settings, RunRow) == 0


def test_shares_go_and_what_officers_said_stays(store: Store, settings: Settings):
    mine = create(store, "family album", put_images(store, b"one", b"two"))
    theirs = create(store, "theirs", put_images(store, b"theirs"))
    runs, audits = derive_from(store, mine, theirs)
    kept = store.runs.create(spec_for(store, theirs))
    officer = store.users.add("ada", "officer", password_hash="a hash")
    token = store.sessions.open(officer.id)
    until = datetime(2100, 1, 1, tzinfo=UTC)
    for run_id, audit_id in ((runs[0], None), (None, audits[0]), (runs[1], audits[1]), (kept, None)):
        store.shares.add(run_id=run_id, audit_id=audit_id, expires_at=until, shared_by="eve", officer_id=officer.id)
    about = f"run {runs[0]}, audit {audits[0]}"
    for said in ({"text": "Why half?"}, {"text": "Fine by me.", "decision": "accepted", "sha256": "5e" * 32}):
        store.remarks.add(run_id=runs[0], audit_id=audits[0], about=about, author="ada", **said)
    assert plan_purge(store, mine.id).sentences[1] == ("It also ends 3 shares of its results; officers' remarks stay.")
    assert purge(store, settings, mine.id, actor=EVE).complete
    assert [share.run_id for share in store.shares.list()] == [kept]
    comment, signed = store.remarks.list()
    for one in (comment, signed):
        assert one.run_id is None
        assert one.audit_id is None
        assert one.about == about
        assert one.author == "ada"
    assert comment.text == "Why half?"
    assert comment.sha256 is None
    assert signed.text == "Fine by me."
    assert signed.decision == "accepted"
    assert signed.sha256 == "5e" * 32
    assert store.users.list() == (officer,)
    assert store.sessions.holder(token) is not None
    content = (settings.home / "facepriv.sqlite").read_bytes()
    for trace in ("family album", *(hashlib.sha256(image).hexdigest() for image in (b"one", b"two"))):
        assert trace.encode() not in content, trace


def test_work_under_way_is_named_and_refused(store: Store, settings: Settings):
    mine = create(store, "mine", put_images(store, b"one"))
    run = store.runs.create(spec_for(store, mine))
    claim(store, run)
    assert plan_purge(store, mine.id).sentences[-1] == f"Not possible yet: run {run} is still active."
    with pytest.raises(StoreError, match=f"while run {run} on it is being worked on; cancel and try again"):
        purge(store, settings, mine.id, actor=ADA)
    assert contents_of(store) == {b"one"}
    assert store.access.list() == ()


def heed(settings: Settings, run: int) -> None:
    """Work on a run as a worker that asks now and then whether it is to stop."""
    with open_store(settings) as store:
        while not store.jobs.heartbeat(store.runs.job_id(run), "w1", "perturbing", 0, 1):
            time.sleep(0.1)
        store.jobs.mark_cancelled(store.runs.job_id(run), "w1")


def test_work_under_way_is_cancelled_and_waited_for(store: Store, settings: Settings):
    mine = create(store, "mine", put_images(store, b"one"))
    held, waiting = (store.runs.create(spec_for(store, mine)) for _ in range(2))
    claim(store, held)
    worker = threading.Thread(target=heed, args=(settings, held))
    worker.start()
    report = purge(store, settings, mine.id, actor=ADA, cancel=True)
    worker.join()
    assert report.complete
    assert report.runs == 2
    assert store.runs.count() == 0, f"nor is run {waiting} there"


def leave_unsaved(store: Store, settings: Settings) -> tuple[str, str]:
    """What a process leaves that is stopped before its image's row is written, and one that is killed as it writes."""
    sha256 = store.artifacts.put(b"perturbed, and never saved")
    half_written = settings.artifacts / sha256[:2] / ".tmp-killed"
    half_written.write_bytes(b"half of a perturbed face")
    return f"{sha256}.png", half_written.name


def test_images_that_a_cancelled_run_had_not_saved_go_too(store: Store, settings: Settings):
    mine = create(store, "mine", put_images(store, b"one"))
    run = store.runs.create(spec_for(store, mine))
    claim(store, run)
    leave_unsaved(store, settings)
    worker = threading.Thread(target=heed, args=(settings, run))
    worker.start()
    report = purge(store, settings, mine.id, actor=ADA, cancel=True)
    worker.join()
    assert report.complete
    assert report.removed == 1
    assert report.collected == 2
    assert report.unclaimed == ()
    assert any(sentence.startswith("Also deleted 2 unused files") for sentence in report.sentences)
    assert [path.name for path in settings.artifacts.rglob("*") if path.is_file()] == [IDENTITY]


def test_unsaved_images_may_remain_while_another_run_is_under_way(store: Store, settings: Settings):
    (image,) = put_images(store, b"one")
    assert image.artifact_sha256 is not None
    os.utime(store.artifacts.path(image.artifact_sha256), (1, 1))  # imported long ago: no run can have just put it
    mine, theirs = create(store, "mine", [image]), create(store, "theirs", put_images(store, b"theirs"))
    cancelled, held = (store.runs.create(spec_for(store, one)) for one in (mine, theirs))
    claim(store, cancelled)
    claim(store, held)
    left = leave_unsaved(store, settings)
    store.jobs.mark_cancelled(store.runs.job_id(cancelled), "w1")
    report = purge(store, settings, mine.id, actor=ADA)
    assert not report.complete
    assert report.remaining == ()
    assert report.collected == 0
    assert report.unclaimed == left
    assert (
        "2 unused files may belong to this data set but could not be deleted, because running work or the disk holds "
        "them." in report.sentences
    )
    assert "Run `facepriv collect` once no work is active." in report.sentences
    assert store.access.list()[0].detail == "1 image, 1 run, 0 audits; 0 files of 1 left, and 2 without a row"
    store.jobs.fail(store.runs.job_id(held), "w1", "It broke.")
    collected = collect_orphans(store, settings)
    assert collected.removed == 2
    assert collected.left == 0
    assert contents_of(store) == {b"theirs"}


@pytest.mark.parametrize(("executor", "told"), [("processes", False), ("dask", True)])
def test_processes_elsewhere_may_leave_files_after_the_scan(
    store: Store, settings: Settings, executor: Literal["processes", "dask"], told: bool
):
    mine = create(store, "mine", put_images(store, b"one"))
    store.runs.create(spec_for(store, mine))
    report = purge(store, settings.model_copy(update={"executor": executor}), mine.id, actor=ADA)
    assert report.complete
    assert any("Cluster processes may continue" in sentence for sentence in report.sentences) is told


def test_what_work_under_way_may_need_remains_and_is_told(store: Store, settings: Settings):
    mine = create(store, "mine", put_images(store, b"one", b"two"))
    with store.datasets.importing(NewDataset(name="coming", source="", reader="")) as importing:
        (image,) = put_images(store, b"one")  # put, and its row not written yet
        report = purge(store, settings, mine.id, actor=ADA)
        assert not report.complete
        assert report.removed == 0
        assert len(report.remaining) == 2
        assert "0 files deleted. A scan of all files found 2 of 2 remaining." in report.sentences
        assert any("Run `facepriv collect` once no work is active." in sentence for sentence in report.sentences)
        importing.add(image)
    assert collect_orphans(store, settings).removed == 1
    assert contents_of(store) == {b"one"}


def test_copies_that_a_killed_import_left_go_and_those_of_a_running_one_are_told(store: Store, settings: Settings):
    upload = b"a photo as it came"
    image = dataclasses.replace(*put_images(store, b"one"), source_sha256=hashlib.sha256(upload).hexdigest())
    mine = create(store, "mine", [image])
    left = settings.temporary / "tmpabc" / "unpacked"
    left.mkdir(parents=True)
    (left / "photo.jpg").write_bytes(upload)
    (left / "other.jpg").write_bytes(b"another's photo")
    with temporary_folder(settings.temporary, IMPORT) as folder:
        (folder / "photo.jpg").write_bytes(upload)
        (folder / "other.jpg").write_bytes(b"another's photo")
        report = purge(store, settings, mine.id, actor=ADA)
        assert report.remaining == (str(folder / "photo.jpg"),)
    assert not report.complete
    assert report.collected == 2
    assert not left.exists()


SCORE_ONE = """
from facepriv.own_models.program import Program
from facepriv.store.records import NewDataset
Program("slow", ["/bin/sh", "-c", "cat > /dev/null"], stays_open=True, timeout_seconds=60).ask([b"a crop of a face"])
"""
"""Waits for an answer that never comes; the program ends with it."""


def test_images_that_a_killed_call_of_a_command_left_go_too(store: Store, settings: Settings):
    mine, theirs = (create(store, name, put_images(store, name.encode())) for name in ("mine", "theirs"))
    environment = {**os.environ, "FACEPRIV_HOME": str(settings.home)}
    with subprocess.Popen([sys.executable, "-c", SCORE_ONE], env=environment) as scoring:
        end = time.monotonic() + 60
        while not list(settings.temporary.glob("command-*/1.png")):
            assert scoring.poll() is None
            assert time.monotonic() < end, "the call did not begin"
            time.sleep(0.05)
        report = purge(store, settings, mine.id, actor=ADA)
        assert not report.complete
        assert [Path(file).name for file in report.unclaimed] == ["1.png"]
        scoring.kill()
    report = purge(store, settings, theirs.id, actor=ADA)
    assert report.complete
    assert report.collected == 1
    assert report.unclaimed == ()
    assert list(settings.temporary.iterdir()) == []


def test_a_file_that_cannot_be_removed_keeps_no_other(store: Store, settings: Settings):
    images = put_images(store, b"one", b"two", b"three")
    mine = create(store, "mine", images)
    stuck = store.artifacts.path(min(str(image.artifact_sha256) for image in images))
    stuck.unlink()
    (stuck / "inside").mkdir(parents=True)  # what cannot be unlinked
    report = purge(store, settings, mine.id, actor=ADA)
    assert report.refused is not None
    assert "cannot be written to" in report.refused
    assert not report.complete
    assert len(contents_of(store)) == 0
    assert store.datasets.list() == ()


@pytest.mark.slow
def test_an_ended_import_is_forgotten_with_its_data_set(settings: Settings, store: Store):
    request = ImportRequest(name="demo", source=DemoSource())
    job = submit(store, settings, request, Actor("ada", "dashboard"))
    run_worker(settings, kinds=KIND, job_id=job.id)
    (record,) = store.datasets.list()
    assert [one.record.dataset_id for one in list_imports(store, settings)] == [record.id]
    assert purge(store, settings, record.id, actor=ADA).complete
    assert list_imports(store, settings) == ()
    assert not any((settings.home / "imports").iterdir())
