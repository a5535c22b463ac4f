"""Runs on real models: the same whatever the number of processes and interruptions, and ended in good order."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from facepriv.config import Settings
from facepriv.imaging.acquire import acquire
from facepriv.imaging.png import decode_png
from facepriv.measures.loaded_models import get_classifier
from facepriv.perturb.base import score_face
from facepriv.schemas.requests import RunRequest
from facepriv.schemas.runs import RunSpec
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.jobs.worker import run_worker
from facepriv.services.jobs.worker_pool import LocalPool, Pace
from facepriv.services.runs import execution as worker
from facepriv.services.runs.execution import PERTURBING
from facepriv.services.runs.perturbing import PerturbTask, list_measures, perturb
from facepriv.services.runs.preparing import prepare_run
from facepriv.services.runs.process import RunInProcess, RunJob
from facepriv.services.runs.scores import compute_scores
from facepriv.store import ImageRecord, JobStore, RunRecord, Store
from tests.finished_run import FAST, METHOD, SIX, Finished, copy_demo, labelled_demo, start_run
from tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("finished-run")
SPAWN = multiprocessing.get_context("spawn")
SLOW = {"eps": 0.001}
"""Parameters under which an image takes longer than any test waits."""


def rows_of(store: Store, run_id: int) -> list[dict]:
    """What a run keeps of every image, but for the run's number and the time it took."""
    rows = []
    for record in store.runs.run_images(run_id):
        row = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
        for array in ("trajectory", "after_landmarks"):
            row[array] = None if row[array] is None else row[array].tolist()
        rows.append({key: value for key, value in row.items() if key not in ("run_id", "seconds")})
    return rows


def result_of(run: RunRecord) -> dict:
    assert run.result is not None, run.error
    return run.result.model_dump(mode="json", exclude={"seconds"})


def children() -> set[int]:
    return {process.pid for process in multiprocessing.active_children() if process.pid is not None}


def interrupt_after(images: int, error: type[BaseException] = KeyboardInterrupt):
    def report(run_id: int, stage: str, done: int, total: int) -> None:
        if stage == PERTURBING and done >= images:
            raise error

    return report


class TestFinished:
    """What a complete run holds."""

    def test_every_image_was_turned(self, finished: Finished):
        result = finished.run.result
        assert result.images == 6
        assert result.judged == 6
        assert result.subjects == 4
        assert result.gender_error["dlib-gender"].before.all == 0.0
        assert result.gender_error["dlib-gender"].after.all == 1.0
        assert result.flipped.all == 1.0
        assert result.failures.total == 0
        assert result.seconds > 0

    def test_every_model_judged(self, finished: Finished):
        assert {*finished.run.result.gender_error} == {"dlib-gender", "levi-hassner"}
        assert {*finished.run.result.matching} == {"dlib-resnet", "sface"}
        for phases in finished.run.result.matching.values():
            assert phases.before.mated == 2
            assert phases.before.non_mated == 13
            assert phases.cross.mated == 4
            assert phases.cross.non_mated == 26
            assert phases.before.failed == phases.after.failed == phases.cross.failed == 0

    def test_scores_are_those_of_the_stored_files(self, finished: Finished):
        """Scored here once more, with the face found anew, as whoever has the files would."""
        store, guide = finished.store, get_classifier("dlib-gender")
        scores = compute_scores(store, finished.run)
        for record in store.runs.run_images(finished.run.id):
            face = acquire(decode_png(store.artifacts.get(record.artifact_sha256)), several="largest")
            assert score_face(guide, face) == pytest.approx(scores[record.image_id][guide.name, "after"], abs=1e-6)
            assert record.file_score == scores[record.image_id][guide.name, "after"]
            assert record.trajectory[0] == pytest.approx(scores[record.image_id][guide.name, "before"], abs=0.5)
            assert len(record.trajectory) == record.updates + 1

    def test_effort_adds_up(self, finished: Finished):
        rows = finished.store.runs.run_images(finished.run.id)
        result = finished.run.result
        assert result.evaluations_total == sum(row.evaluations for row in rows)
        assert result.updates.all.mean == pytest.approx(np.mean([row.updates for row in rows]))
        assert result.psnr_db.mean == pytest.approx(np.mean([row.psnr_db for row in rows]))

    def test_candidates_are_other_people(self, finished: Finished):
        images = {image.id: image for image in finished.store.datasets.images(finished.run.dataset_id)}
        for row in finished.store.runs.run_images(finished.run.id):
            assert images[row.candidate_image_id].subject != images[row.image_id].subject
            assert images[row.candidate_image_id].label == -images[row.image_id].label

    @pytest.mark.slow
    def test_two_processes_give_the_same_as_one(self, finished: Finished):
        again = start_run(finished.store, finished.run.spec)
        run_worker(finished.settings.model_copy(update={"workers": 2}), job_id=again.job_id)
        assert rows_of(finished.store, again.id) == rows_of(finished.store, finished.run.id)
        assert compute_scores(finished.store, finished.store.runs.get(again.id)) == compute_scores(
            finished.store, finished.run
        )
        assert result_of(finished.store.runs.get(again.id)) == result_of(finished.run)

    @pytest.mark.slow
    def test_an_interrupted_run_goes_on_and_ends_with_the_same(self, finished: Finished):
        store = finished.store
        run = start_run(store, finished.run.spec)
        with pytest.raises(KeyboardInterrupt):
            run_worker(finished.settings, job_id=run.job_id, on_progress=interrupt_after(2))
        waiting = store.runs.get(run.id)
        assert waiting.state == "waiting"
        assert waiting.owner is None
        assert waiting.attempts == 0
        seconds = {row.image_id: row.seconds for row in store.runs.run_images(run.id)}
        assert 2 <= len(seconds) < len(SIX)

        seen = []
        run_worker(
            finished.settings, job_id=run.job_id, on_progress=lambda _, stage, done, total: seen.append((stage, done))
        )
        assert seen[0] == (PERTURBING, len(seconds))
        after = {row.image_id: row.seconds for row in store.runs.run_images(run.id)}
        # A row done anew would have taken another time.
        assert {image: after[image] for image in seconds} == seconds
        assert rows_of(store, run.id) == rows_of(store, finished.run.id)
        assert result_of(store.runs.get(run.id)) == result_of(finished.run)


@pytest.mark.slow
def test_cancelling_ends_the_run_and_its_processes_only(store, settings, small_spec):
    run = start_run(store, small_spec(parameters=SLOW))
    other = SPAWN.Process(target=time.sleep, args=(60,))
    other.start()
    before, during, asked = children(), set(), []

    def cancel_soon(run_id: int, stage: str, done: int, total: int) -> None:
        during.update(children() - before)
        if during and not asked:
            assert store.jobs.cancel(store.runs.job_id(run_id)) == "running"
            asked.append(time.monotonic())

    try:
        run_worker(settings, job_id=run.job_id, on_progress=cancel_soon)
        ended = store.runs.get(run.id)
        assert ended.state == "cancelled"
        assert ended.result is None
        assert ended.error is None
        assert time.monotonic() - asked[0] < 10
        assert during
        assert wait_until(lambda: not children() & during)
        assert other.is_alive()
    finally:
        other.kill()
        other.join()


def test_images_that_cannot_be_used_are_counted_not_dropped(store, settings, tmp_path):
    """One subject, of whom there is no candidate, and a picture of nobody: the run completes and says so."""
    folder = labelled_demo(tmp_path / "faces", ["s001_1", "s001_2"])
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    PIL.Image.fromarray(noise).save(folder / "s001_3.png")
    with (folder / "labels.csv").open("a") as stream:
        stream.write("s001_3.png,s001,female\n")
    import_dataset(store, settings, folder, name="lonely")
    spec = prepare_run(
        store,
        RunRequest(
            dataset="lonely",
            method=METHOD,
            parameters={**FAST, "candidates": "any"},
            classifiers=[],
            matchers=["sface"],
        ),
    )
    run = start_run(store, spec)
    run_worker(settings, job_id=run.job_id)
    result = store.runs.get(run.id).result
    assert result is not None, store.runs.get(run.id).error
    assert result.images == 3
    assert result.judged == 0
    assert result.failures.by_reason == {"no-candidate": 2, "no-face": 1}
    assert [(item.name, item.stage) for item in result.failures.items] == [
        ("s001_1.jpg", "perturb"),
        ("s001_2.jpg", "perturb"),
        ("s001_3.png", "acquire-before"),
    ]
    assert all("add images of other subjects" in item.sentence for item in result.failures.items[:2])
    assert result.gender_confusion["dlib-gender"].before.female == {"male": 0, "female": 2, "failed": 1}
    assert result.gender_confusion["dlib-gender"].after.female == {"male": 0, "female": 0, "failed": 3}
    assert result.matching["sface"].before.mated == 1
    assert result.matching["sface"].cross.failed == 3


@pytest.mark.slow
def test_a_jury_that_only_judges_is_in_the_result(store, settings, small_spec):
    run = start_run(store, small_spec(("s001_1", "s003_1"), jury=("levi-hassner",)))
    run_worker(settings, job_id=run.job_id)
    result = store.runs.get(run.id).result
    assert list(result.jury.jurors) == ["levi-hassner"]
    for phase, errors in result.jury.majority:
        assert errors.all.value == getattr(result.gender_error["levi-hassner"], phase).all
        assert errors.all.low is None, "two people are too few for an interval"


def test_subjects_without_a_label(store, settings, tmp_path):
    folder = copy_demo(tmp_path / "faces", ["s001_1", "s003_1"])
    import_dataset(store, settings, folder, name="unlabelled")
    spec = prepare_run(
        store, RunRequest(dataset="unlabelled", method=METHOD, parameters={"eps": 0.3}, classifiers=[], matchers=[])
    )
    run = start_run(store, spec)
    run_worker(settings, job_id=run.job_id)
    result = store.runs.get(run.id).result
    assert result is not None, store.runs.get(run.id).error
    assert result.images == 2
    assert result.judged == 2
    assert result.failures.total == 0
    error = result.gender_error["dlib-gender"]
    assert error.before.all is error.after.all is None
    # Without a label, the side to leave is the guide's own verdict.
    assert result.flipped.all == 1.0
    assert result.flipped.male is None
    assert result.flipped.female is None
    for scores in compute_scores(store, store.runs.get(run.id)).values():
        assert scores["dlib-gender", "before"] * scores["dlib-gender", "after"] < 0


def changed(spec: RunSpec, **fields) -> RunSpec:
    return spec.model_copy(update=fields)


def test_a_run_that_cannot_begin_fails_with_a_sentence(store, settings, small_spec):
    spec = small_spec()
    other = spec.guide.model_copy(update={"version": "000000000000"})
    for wrong, sentence in (
        (changed(spec, classifiers=(other,)), "made with dlib-gender of version 000000000000"),
        (
            changed(spec, detector=spec.detector.model_copy(update={"version": "1"})),
            "made with dlib-hog-68 of version 1",
        ),
        (changed(spec, method="magic"), "There is no perturbation method called 'magic'"),
        (changed(spec, parameters={"eps": 7}), "The parameter eps of algorithm1 cannot be 7"),
    ):
        run = start_run(store, wrong)
        before = children()
        run_worker(settings, job_id=run.job_id)
        failed = store.runs.get(run.id)
        assert failed.state == "failed"
        assert failed.result is None
        assert sentence in failed.error
        assert children() <= before  # no new one; one of an earlier test may end meanwhile


def damage(store: Store, image: ImageRecord) -> None:
    store.artifacts.path(image.artifact_sha256).write_bytes(b"other bytes")


@pytest.mark.slow
def test_a_damaged_file_fails_its_image_only(store, settings, small_spec, finished: Finished, capfd):
    names = {image.id: image.name for image in finished.store.datasets.images(finished.run.dataset_id)}
    candidates = {names[row.candidate_image_id] for row in finished.store.runs.run_images(finished.run.id)}
    spec = small_spec(SIX, matchers=["sface"])
    damaged = next(i for i in store.datasets.images(spec.dataset.id) if i.name not in candidates)
    damage(store, damaged)
    run = start_run(store, spec)
    run_worker(settings, job_id=run.job_id)
    result = store.runs.get(run.id).result
    assert result is not None, store.runs.get(run.id).error
    (item,) = result.failures.items
    assert item.image_id == damaged.id
    assert item.stage == "perturb"
    assert item.reason == "unreadable-artifact"
    assert "restore the data folder from a backup" in item.sentence
    assert result.images == 6
    assert result.judged == 5
    assert result.flipped.all == 1.0
    assert result.matching["sface"].before.failed > 0
    logged = capfd.readouterr().err
    assert f"Image {damaged.id} could not be perturbed: StoreError" in logged
    assert "An image could not be measured: StoreError" in logged
    assert damaged.subject not in logged


def test_only_damaged_files_fail_the_run_with_a_sentence(store, settings, small_spec):
    spec = small_spec()
    for image in store.datasets.images(spec.dataset.id):
        damage(store, image)
    run = start_run(store, spec)
    run_worker(settings, job_id=run.job_id)
    failed = store.runs.get(run.id)
    assert failed.state == "failed"
    assert failed.result is None
    assert "None of 3 images could be perturbed" in failed.error
    assert "restore the data folder from a backup" in failed.error


def test_an_unexpected_error_at_one_image_is_told_without_its_text(store, settings, small_spec, monkeypatch, caplog):
    spec = small_spec(matchers=["sface"])
    images = store.datasets.images(spec.dataset.id)
    run = RunInProcess(RunJob(spec=spec, images=images), store.artifacts)

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError(images[0].name)

    monkeypatch.setattr(run, "method", broken)
    perturbed = perturb(run, PerturbTask(images[0].id, 0, unknown=list_measures(spec)))
    done = perturbed.image
    assert done.failure == "unexpected-error"
    assert done.failure_stage == "perturb"
    assert done.artifact_sha256 is None
    assert "unexpected ZeroDivisionError" in done.failure_sentence
    assert {phase: set(vectors) for phase, vectors in perturbed.measures.items()} == {
        "before": {"score:dlib-gender", "template:sface"}
    }
    assert "ZeroDivisionError at" in caplog.text
    assert images[0].name not in caplog.text + done.failure_sentence


def test_a_wish_to_cancel_while_scores_are_compared_is_heard_and_the_lease_kept(
    store, settings, small_spec, monkeypatch
):
    """Comparing would go on for long: beats renew the lease meanwhile, and nobody waits for it once it is cancelled."""
    run = start_run(store, small_spec())
    leases, comparing, released = [], threading.Event(), threading.Event()

    def long(*_: object, **__: object) -> None:
        comparing.set()
        assert released.wait(60)

    monkeypatch.setattr(worker, "run_result", long)
    unpatched = JobStore.heartbeat

    def heartbeat(self: JobStore, job_id: int, *given: object, **more: object) -> bool:
        wanted = unpatched(self, job_id, *given, **more)
        if comparing.is_set():
            leases.append(store.runs.summary(run.id).lease_until)
            if len(leases) == 6:
                assert store.jobs.cancel(job_id) == "running"
        return wanted

    monkeypatch.setattr(JobStore, "heartbeat", heartbeat)
    quick = Pace(heartbeat_seconds=0.02, report_seconds=0.0)
    try:
        with LocalPool(settings, quick) as pool:
            run_worker(settings, job_id=run.job_id, pool=pool)
        assert store.runs.get(run.id).state == "cancelled"
    finally:
        released.set()
    assert len(leases) == 7
    assert leases == sorted(set(leases)), "each beat renewed the lease"


class Listener(LocalPool):
    """A pool that notes which images it is handed."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.items: list[object] = []

    def submit(self, function, /, *given):
        self.items += given[-1]
        return super().submit(function, *given)

    def unknown(self) -> Counter[str]:
        """Measures of untouched images that were not known, by name."""
        return Counter(measure.name for item in self.items for measure in item.unknown)


@pytest.mark.slow
def test_a_second_run_computes_no_template_or_score_of_an_untouched_image_again(store, settings, small_spec, tmp_path):
    """By content: another method, another data set with the same images, or the same run once more."""
    spec = small_spec(matchers=["sface"])
    images = len(spec.image_ids)
    import_dataset(store, settings, labelled_demo(tmp_path / "again", ("s001_1", "s003_1", "s003_2")), name="again")
    same = prepare_run(
        store, RunRequest(dataset="again", method=METHOD, parameters=FAST, classifiers=[], matchers=["sface"])
    )
    other = changed(same, parameters={**same.parameters, "eps": 0.2})
    for wanted, unknown in (
        (spec, {"score:dlib-gender": images, "template:sface": images}),
        (other, {}),
        (same, {}),
    ):
        run = start_run(store, wanted)
        with Listener(settings) as pool:
            run_worker(settings, job_id=run.job_id, pool=pool)
        assert store.runs.get(run.id).state == "complete", store.runs.get(run.id).error
        assert pool.unknown() == Counter(unknown)


def test_a_worker_clears_away_leftovers_at_its_start_and_while_idle(store, settings, monkeypatch):
    def leave() -> Path:
        path = store.artifacts.path(store.artifacts.put(os.urandom(100)))
        os.utime(path, (1, 1))
        return path

    first, later, young = leave(), [], store.artifacts.path(store.artifacts.put(b"just put"))

    def stop(idle: float) -> bool:
        if not later:
            assert not first.exists()
            later.append(leave())
            later.append(time.monotonic() + 20)
        return not later[0].exists() or time.monotonic() > later[1]

    monkeypatch.setattr("facepriv.services.jobs.worker.POLL_SECONDS", 0.01)
    monkeypatch.setattr("facepriv.services.jobs.worker.COLLECT_SECONDS", 0.05)
    run_worker(settings, should_stop=stop)
    assert not later[0].exists()
    assert young.exists()


def test_an_unexpected_error_ends_the_run_but_not_the_worker(store, settings, small_spec, caplog):
    spec = small_spec()
    # The second run fails for a reason of its own, quickly: what matters is that it was taken up.
    wrong = changed(spec, method="magic")
    first, second = start_run(store, spec), start_run(store, wrong)

    def broken(run_id: int, stage: str, done: int, total: int) -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        assert run_worker(settings, until_idle=True, on_progress=broken) == 2
    failed = store.runs.get(first.id)
    assert failed.state == "failed"
    assert "an unexpected ZeroDivisionError" in failed.error
    assert "report it" in failed.error
    assert f"Run {first.id} stopped unexpectedly" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert store.runs.get(second.id).state == "failed"


@pytest.mark.slow
def test_a_run_that_another_worker_took_over_is_left_to_it(store, settings, small_spec):
    run = start_run(store, small_spec())

    def taken_over(run_id: int, stage: str, done: int, total: int) -> None:
        owner = store.runs.get(run_id).owner
        if owner != "other":
            store.jobs.heartbeat(store.runs.job_id(run_id), owner, stage, done, total, lease_seconds=-1.0)
            assert store.jobs.claim("other", only=store.runs.job_id(run_id)) is not None

    run_worker(settings, job_id=run.job_id, on_progress=taken_over)
    now = store.runs.get(run.id)
    assert now.state == "running"
    assert now.owner == "other"
    assert now.error is None
    assert store.runs.run_images(run.id) == ()


def test_only_the_run_asked_for_is_taken_up(store, settings, small_spec):
    spec = changed(small_spec(), method="magic")
    first, second = start_run(store, spec), start_run(store, spec)
    assert run_worker(settings, job_id=second.job_id) == 1
    assert store.runs.get(first.id).state == "waiting"
    assert store.runs.get(second.id).state == "failed"
    assert run_worker(settings, job_id=second.job_id) == 0


@pytest.mark.fault
def test_processes_that_end_at_whatever_they_do_fail_the_run_with_a_sentence(store, settings, small_spec):
    run = start_run(store, small_spec(("s001_1", "s001_2", "s003_1", "s003_2", "s006_1"), parameters=SLOW))
    before = children()

    def kill_one(run_id: int, stage: str, done: int, total: int) -> None:
        for process in children() - before:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    run_worker(settings, job_id=run.job_id, on_progress=kill_one)
    failed = store.runs.get(run.id)
    assert failed.state == "failed"
    assert "lost again and again" in failed.error
    assert "FACEPRIV_WORKERS=1" in failed.error


def worker_process(settings: Settings, *options: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **settings.environment(), "FACEPRIV_WORKERS": "2"}
    return subprocess.Popen([sys.executable, "-m", "facepriv", "worker", *options], env=environment)


def below(process: int) -> set[int]:
    """All processes below one, from /proc."""
    found = set()
    for listing in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, listing.read_text().split()):
            found |= {child} | below(child)
    return found


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


def pool_of(process: int) -> set[int]:
    """Processes below one that compute, which is known by the many threads and libraries they have."""
    return {p for p in below(process) if is_alive(p) and "dlib" in Path(f"/proc/{p}/maps").read_text()}


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks into /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_is_ended_takes_its_processes_along(store, settings, small_spec, how):
    run = start_run(store, small_spec(parameters=SLOW))
    process = worker_process(settings, "--until-idle")
    try:
        assert wait_until(lambda: len(pool_of(process.pid)) == 2, 60)
        computing = pool_of(process.pid)
        process.send_signal(how)
        process.wait(20)
        assert wait_until(lambda: not any(map(is_alive, computing)))
        # Told to stop, it gives the run back; killed, it cannot, and the run is taken up when its lease has ended.
        assert store.runs.get(run.id).state == ("waiting" if how == signal.SIGTERM else "running")
    finally:
        process.kill()
        process.wait()


def test_nothing_of_a_run_is_left_in_temporary_places(finished: Finished):
    assert not finished.settings.temporary.exists() or not any(finished.settings.temporary.iterdir())
    assert list(finished.settings.artifacts.rglob(".tmp-*")) == []
