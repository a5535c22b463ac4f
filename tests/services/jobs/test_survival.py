"""Runs over kills, full disks and locked databases: finished images stay, nothing is done twice, reasons are told."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.schemas.requests import RunRequest
from facepriv.schemas.runs import RunSpec
from facepriv.services.datasets.importing import import_dataset, import_demo
from facepriv.services.jobs.presence import Presence
from facepriv.services.jobs.worker import run_worker
from facepriv.services.jobs.worker_pool import LocalPool
from facepriv.services.releases.export import export_run
from facepriv.services.runs.execution import EMBEDDING, PERTURBING, SUMMING_UP
from facepriv.services.runs.preparing import prepare_run
from facepriv.services.runs.scores import compute_scores
from facepriv.store import MAX_LOSSES, RunRecord, Store, open_store, sqlite
from facepriv.store.folder_artifacts import LEAST_FREE_BYTES
from tests.actors import TEST
from tests.finished_run import METHOD, SIX, labelled_demo, start_run
from tests.services import plugins
from tests.services.runs.test_execution import SPAWN, pool_of, result_of, rows_of, worker_process
from tests.store.tampering import locked_database
from tests.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks into /proc")]


@pytest.fixture
def deadly(store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunSpec]:
    """Give the spec of a run whose process is killed at the named images, each time."""
    monkeypatch.syspath_prepend(plugins.install(tmp_path / "plugins"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "plugins"), *sys.path]))

    def make(places: tuple[int, ...], **parameters: object) -> RunSpec:
        dataset = import_dataset(store, settings, labelled_demo(tmp_path / "faces", SIX), name="six").dataset
        images = store.datasets.images(dataset.id)
        victims = tuple(str(images[place].id) for place in places)
        given = {"learning": False, "deadly": victims, **parameters}
        return prepare_run(
            store, RunRequest(dataset="six", method=plugins.NAME, parameters=given, classifiers=[], matchers=["sface"])
        )

    return make


def test_an_image_that_kills_its_process_costs_itself_only(store, settings, deadly):
    spec = deadly((1,))
    run = start_run(store, spec)
    run_worker(settings.model_copy(update={"workers": 2}), job_id=run.job_id)
    result = store.runs.get(run.id).result
    assert result is not None, store.runs.get(run.id).error
    (failed,) = (item for item in result.failures.items if item.reason == "process-lost")
    assert failed.image_id == spec.image_ids[1]
    assert "leave the image out" in failed.sentence
    assert result.judged == 5
    log = [line.text for line in store.jobs.log(store.runs.job_id(run.id))]
    assert sum("A process that computes was lost" in line for line in log) >= LocalPool.max_crashes
    without = start_run(store, deadly_free(spec))
    run_worker(settings, job_id=without.job_id)
    others = [row for row in rows_of(store, without.id) if row["image_id"] != failed.image_id]
    assert [row for row in rows_of(store, run.id) if row["image_id"] != failed.image_id] == others


def deadly_free(spec: RunSpec) -> RunSpec:
    return spec.model_copy(update={"parameters": {**spec.parameters, "deadly": []}})


def test_a_run_whose_worker_is_lost_again_and_again_fails_with_its_log(store, settings, deadly):
    """The worker itself is killed each time before anything is finished."""
    run = start_run(store, deadly((), wait=60.0))
    for _ in range(MAX_LOSSES):
        process = worker_process(settings)
        assert wait_until(lambda: store.runs.get(run.id).state == "running", 60)
        process.kill()
        process.wait()
        with Presence(settings) as presence:
            assert store.jobs.claim("nobody", only=0, gone=presence.gone(store.jobs.owners())) is None
    failed = store.runs.get(run.id)
    assert failed.state == "failed"
    assert failed.attempts == MAX_LOSSES
    assert "lost 3 times in a row" in (failed.error or "")
    log = [line.text for line in store.jobs.log(store.runs.job_id(run.id))]
    assert [line.split(",")[0] for line in log[:-1]] == ["Taken up", "Its worker was lost without a word"] * MAX_LOSSES
    assert log[-1] == f"Failed: {failed.error}"


@contextlib.contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_fails_the_run_which_goes_on_once_there_is_room(store, settings, small_spec):
    spec = small_spec(SIX, matchers=["sface"])
    expected = start_run(store, spec)
    run_worker(settings, job_id=expected.job_id)
    files = [store.artifacts.get(row.artifact_sha256) for row in store.runs.run_images(expected.id)]
    originals = [store.artifacts.get(image.artifact_sha256) for image in store.datasets.images(spec.dataset.id)]
    store.runs.delete(expected.id)
    room = sum(map(len, originals)) + sum(map(len, files[:4])) + 60_000 + LEAST_FREE_BYTES
    with small_disk(settings.artifacts, room // 1024):
        for data in originals:
            store.artifacts.put(data)
        run = start_run(store, spec)
        run_worker(settings, job_id=run.job_id)
        failed = store.runs.get(run.id)
        assert failed.state == "failed"
        assert "There is no space left for the artifact folder" in failed.error
        kept = store.runs.run_images(run.id)
        assert 0 < len(kept) < 6
        subprocess.run(["mount", "-o", "remount,size=100m", settings.artifacts], check=True)
        assert store.jobs.resume(store.runs.job_id(run.id)) == "waiting"
        run_worker(settings, job_id=run.job_id)
        done = store.runs.get(run.id)
        assert done.result is not None, done.error
        again = {row.image_id: row for row in store.runs.run_images(run.id)}
        assert [again[row.image_id].seconds for row in kept] == [row.seconds for row in kept], "none was done twice"
        assert [store.artifacts.get(row.artifact_sha256) for row in again.values()] == files


def test_a_locked_database_is_waited_for(store, settings, small_spec, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 1)
    run = start_run(store, small_spec(SIX, matchers=[]))
    done = threading.Event()

    def lock() -> None:
        wait_until(lambda: len(store.runs.images_done(run.id)) >= 2, 60)
        with locked_database(settings):
            time.sleep(3)
        done.set()

    thread = threading.Thread(target=lock)
    thread.start()
    run_worker(settings, job_id=run.job_id)
    thread.join()
    assert done.is_set()
    record = store.runs.get(run.id)
    assert record.state == "complete", record.error
    assert record.attempts == 1, record.error


# Kills of workers: at named points between two commits, then at random

POINTS = {
    "before the first image": (PERTURBING, 0),
    "between two images": (PERTURBING, 2),
    "before unknown measures are computed": (EMBEDDING, 0),
    "before the result is stored": (SUMMING_UP, 1),
}
"""Stage and steps done at which a worker is killed."""
RANDOM_KILLS = 10


def work_until(settings: Settings, job_id: int, point: tuple[str, int]) -> None:
    """Be the worker of a job, and kill this process at a point."""

    def kill(number: int, stage: str, done: int, total: int) -> None:
        if (stage, done) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    run_worker(settings, job_id=job_id, on_progress=kill)


def assert_same(store: Store, run: RunRecord, whole: RunRecord) -> None:
    assert result_of(run) == result_of(whole)
    assert rows_of(store, run.id) == rows_of(store, whole.id)
    assert compute_scores(store, run) == compute_scores(store, whole)


def test_kills_between_commits_change_nothing(store, settings, small_spec):
    """One worker after the other is killed at the next point; no image that was kept is done twice."""
    spec = small_spec(SIX, matchers=["sface"])
    run = start_run(store, spec)
    kept: dict[int, float] = {}
    for name, point in POINTS.items():
        process = SPAWN.Process(target=work_until, args=(settings, run.job_id, point))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, name
        assert store.runs.get(run.id).state == "running", name
        seconds = {row.image_id: row.seconds for row in store.runs.run_images(run.id)}
        assert kept.items() <= seconds.items(), name
        kept = seconds
    whole = start_run(store, spec)
    run_worker(settings, job_id=run.job_id)
    run_worker(settings, job_id=whole.job_id)
    again = store.runs.get(run.id)
    assert again.attempts == len(POINTS) + 1
    assert_same(store, again, store.runs.get(whole.id))


@pytest.fixture(scope="module")
def sixty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with 60 demo faces of 60 people."""
    home = tmp_path_factory.mktemp("sixty") / "home"
    settings = Settings(home=home, workers=2)
    with open_store(settings) as store:
        import_demo(store, settings, images_per_subject=1)
    return home


def exported(store: Store, run: RunRecord, folder: Path) -> dict[str, bytes]:
    """Every perturbed image, as an export writes it."""
    report = export_run(store, run.id, folder, actor=TEST)
    return {path.name: path.read_bytes() for path in sorted(report.folder.rglob("*.png"))}


@pytest.mark.slow
def test_kills_at_random_change_nothing(sixty: Path, tmp_path: Path) -> None:
    """Workers and their processes are killed at random; the run comes to the same bytes, and nothing is done twice.

    Where workers are killed again and again before they finish anything the run fails, as it should, and is resumed.
    """
    settings = Settings(home=sixty, workers=2)
    rng = random.Random(2026)
    with open_store(settings) as store:
        request = RunRequest(dataset="demo", method=METHOD, matchers=["sface"], limit=6 * RANDOM_KILLS)
        spec = prepare_run(store, request)
        whole = start_run(store, spec)
        run_worker(settings, job_id=whole.job_id)
        run = start_run(store, spec)
        killed, kept = Counter[str](), dict[int, float]()
        worker = worker_process(settings)
        while killed.total() < RANDOM_KILLS:
            images = len(store.runs.images_done(run.id)) + rng.choice([0, 0, 1])
            wait_until(partial(has_done, store, run.id, images), 30)
            time.sleep(rng.uniform(0.0, 3.0))
            seconds = {row.image_id: row.seconds for row in store.runs.run_images(run.id)}
            assert kept.items() <= seconds.items(), "an image was done twice"
            kept = seconds
            process = rng.random() < 0.4 and wait_until(partial(pool_of, worker.pid), 30) and min(pool_of(worker.pid))
            os.kill(process or worker.pid, signal.SIGKILL)
            killed["process" if process else "worker"] += 1
            if not process:
                worker.wait()
                worker = worker_process(settings)
            go_on(store, run.id)
        assert store.runs.get(run.id).state != "complete", "all kills came before its end"
        try:
            # The last kill may have been one too many, which the next worker tells.
            assert wait_until(lambda: not go_on(store, run.id) and store.runs.get(run.id).state == "complete", 400)
        finally:
            worker.kill()
            worker.wait()
        assert min(killed["process"], killed["worker"]) > 0
        again, whole = store.runs.get(run.id), store.runs.get(whole.id)
        assert_same(store, again, whole)
        assert exported(store, again, tmp_path / "a") == exported(store, whole, tmp_path / "b")


def go_on(store: Store, run_id: int) -> bool:
    """Resume the run if it has failed because its workers were lost; return whether it had."""
    run = store.runs.get(run_id)
    if run.state != "failed":
        return False
    assert "lost 3 times in a row" in (run.error or "")
    store.jobs.resume(store.runs.job_id(run_id))
    return True


def has_done(store: Store, run_id: int, images: int) -> bool:
    return len(store.runs.images_done(run_id)) >= images


@pytest.mark.slow
def test_four_workers_and_two_readers_share_one_database(sixty: Path) -> None:
    """Every run is done once, every image once, and nobody meets a lock."""
    settings = Settings(home=sixty, workers=1)
    with open_store(settings) as store:
        dataset = store.datasets.get("demo")
        spec = prepare_run(
            store, RunRequest(dataset=dataset.id, method="colour-field", classifiers=[], matchers=[], limit=3)
        )
        ids = [store.runs.create(spec) for _ in range(12)]
        log = sixty.parent / "workers.log"
        with log.open("wb") as out:
            workers = [
                subprocess.Popen(
                    [sys.executable, "-m", "facepriv", "worker", "--until-idle"],
                    env={**os.environ, **settings.environment()},
                    stderr=out,
                    stdout=out,
                )
                for _ in range(4)
            ]
            stop = threading.Event()
            with ThreadPoolExecutor(2) as dashboards:
                looks = [dashboards.submit(look_on, settings, stop) for _ in range(2)]
                codes = [worker.wait(240) for worker in workers]
                stop.set()
                assert min(look.result() for look in looks) > 10
        assert codes == [0] * 4, log.read_text()
        assert "locked" not in log.read_text()
        runs = [store.runs.get(number) for number in ids]
        assert {run.state for run in runs} == {"complete"}
        assert {run.attempts for run in runs} == {1}
        assert len({run.owner for run in runs}) >= 2, "they shared the work"
        assert len({tuple(row.artifact_sha256 for row in store.runs.run_images(run.id)) for run in runs}) == 1


def look_on(settings: Settings, stop: threading.Event) -> int:
    """Read what a dashboard reads, again and again; return how often."""
    looks = 0
    with open_store(settings) as store:
        while not stop.is_set():
            for run in store.runs.list(limit=50):
                store.runs.summary(run.id)
            store.jobs.log(store.runs.job_id(store.runs.list(limit=1)[0].id))
            looks += 1
    return looks
