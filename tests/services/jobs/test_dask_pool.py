"""The same work on a Dask cluster of processes on loopback: same bytes, and nothing is lost with a worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.errors import FaceprivError
from facepriv.schemas.requests import RunRequest
from facepriv.services.datasets.importing import import_dataset
from facepriv.services.jobs.dask_pool import DaskPool
from facepriv.services.jobs.worker import run_worker
from facepriv.services.jobs.worker_pool import Pace, make_pool
from facepriv.services.runs.execution import EMBEDDING, LEARNING, PERTURBING
from facepriv.services.runs.preparing import prepare_run
from facepriv.services.runs.scores import compute_scores
from facepriv.store import Store, open_store
from tests.finished_run import SIX, Finished, labelled_demo, start_run
from tests.services import plugins
from tests.services.runs.test_execution import result_of, rows_of
from tests.services.runs.test_learning import copy_people
from tests.waiting import wait_until

pytest.importorskip("distributed", reason="the package distributed is not installed")
pytestmark = [pytest.mark.xdist_group("finished-run"), pytest.mark.slow]


@dataclass
class Cluster:
    """A scheduler and workers, each a process of its own."""

    scheduler: subprocess.Popen[bytes]
    address: str
    folder: Path
    nanny: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_worker(self) -> subprocess.Popen[bytes]:
        number = len(self.workers)
        with (self.folder / f"worker-{number}.log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_worker", self.address, self.nanny, *WORKER],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(self.folder / "plugins"), *sys.path])},
                stdout=log,
                stderr=log,
            )
        self.workers.append(worker)
        return worker


WORKER = ["--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1", "--memory-limit", "0"]


@contextmanager
def running_cluster(folder: Path, nanny: str = "--no-nanny") -> Iterator[Cluster]:
    """Start a scheduler and two workers, which see the environment of this moment; a nanny replaces one that dies."""
    plugins.install(folder / "plugins")
    found = folder / "scheduler.json"
    command = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(found)]
    with (folder / "scheduler.log").open("wb") as log:
        scheduler = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_scheduler", *command], cwd=folder, stdout=log, stderr=log
        )
    made = Cluster(scheduler, "", folder, nanny)
    try:
        # The scheduler makes the file first and writes into it afterwards: there is a moment when it is empty.
        assert wait_until(lambda: found.exists() and found.read_text().endswith("}"), 60), (
            folder / "scheduler.log"
        ).read_text()
        made.address = json.loads(found.read_text())["address"]
        made.add_worker()
        made.add_worker()
        yield made
    finally:
        for process in (*made.workers, scheduler):
            process.terminate() if nanny == "--nanny" else process.kill()
            process.wait(30)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


def on(cluster: Cluster, settings: Settings) -> Settings:
    return settings.model_copy(update={"executor": "dask", "scheduler": cluster.address})


def test_a_cluster_gives_the_same_bytes_as_a_pool(finished: Finished, cluster: Cluster):
    store, settings = finished.store, on(cluster, finished.settings)
    assert isinstance(make_pool(settings), DaskPool)
    run = start_run(store, finished.run.spec)
    seen: list[tuple[str, int, int]] = []
    run_worker(settings, job_id=run.job_id, on_progress=lambda _, stage, done, total: seen.append((stage, done, total)))
    record = store.runs.get(run.id)
    assert result_of(record) == result_of(finished.run)
    assert rows_of(store, run.id) == rows_of(store, finished.run.id)
    assert compute_scores(store, record) == compute_scores(store, finished.run)
    assert (PERTURBING, 6, 6) in seen
    assert {stage for stage, *_ in seen} >= {PERTURBING, EMBEDDING}
    store.runs.delete(run.id)


@pytest.mark.slow
def test_database_artifacts_and_processes_elsewhere(
    finished: Finished, tmp_path: Path, new_postgresql, bucket_url: str
):
    """PostgreSQL, an object store, and a cluster that does not know the database: the same bytes as in one folder."""
    faces = labelled_demo(tmp_path / "faces", SIX)
    with running_cluster(tmp_path) as cluster:
        settings = on(cluster, Settings(home=tmp_path / "home", database=new_postgresql(), artifacts_url=bucket_url))
        with open_store(settings) as store:
            dataset = import_dataset(store, settings, faces, name="six").dataset
            given = {name: getattr(finished.run.spec, name) for name in ("image_sha256", "method", "parameters")}
            spec = prepare_run(
                store,
                RunRequest(
                    dataset="six",
                    method=given["method"],
                    parameters=given["parameters"],
                    classifiers=["levi-hassner"],
                    matchers=["dlib-resnet", "sface"],
                ),
            )
            assert {name: getattr(spec, name) for name in given} == given
            run = start_run(store, spec)
            run_worker(settings, job_id=run.job_id)
            record = store.runs.get(run.id)
            assert record.result is not None, record.error
            names = {image.id: image.name for image in store.datasets.images(dataset.id)}
            before = {image.id: image.name for image in finished.store.datasets.images(finished.run.dataset_id)}
            assert files(store, run.id, names) == files(finished.store, finished.run.id, before)
            figures = {"matching", "gender_error", "gender_scores", "updates", "evaluations", "psnr_db", "ssim"}
            assert record.result.model_dump(include=figures) == finished.run.result.model_dump(include=figures)
    assert not (tmp_path / "home" / "artifacts").exists()
    assert not (tmp_path / "home" / "facepriv.sqlite").exists()


def files(store: Store, run_id: int, names: dict[int, str]) -> dict[str, str | None]:
    return {names[row.image_id]: row.artifact_sha256 for row in store.runs.run_images(run_id)}


@pytest.mark.fault
def test_workers_that_die_mid_run_are_replaced_without_loss(finished: Finished, cluster: Cluster):
    """One of two is killed, then the other as well, which takes the job's only copy along; a new one goes on."""
    store, settings = finished.store, on(cluster, finished.settings)
    run = start_run(store, finished.run.spec)
    killed = []

    def kill(run_id: int, stage: str, done: int, total: int) -> None:
        if stage == PERTURBING and done in (1, 2) and len(killed) < done:
            victim = next(worker for worker in cluster.workers if worker.poll() is None)
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            killed.append(victim)
            if len(killed) == 2:
                cluster.add_worker()

    run_worker(settings, job_id=run.job_id, on_progress=kill)
    cluster.add_worker()
    assert len(killed) == 2
    record = store.runs.get(run.id)
    assert record.state == "complete", record.error
    assert record.attempts == 1, record.error
    assert result_of(record) == result_of(finished.run)
    assert rows_of(store, run.id) == rows_of(store, finished.run.id)
    store.runs.delete(run.id)


@pytest.mark.fault
@pytest.mark.slow
def test_an_image_that_kills_every_worker_is_given_up_and_no_other(tmp_path: Path, monkeypatch):
    """The cluster tries it elsewhere by itself, and nannies start new workers; what was beside it is not blamed."""
    with running_cluster(tmp_path, "--nanny") as cluster:
        monkeypatch.syspath_prepend(str(cluster.folder / "plugins"))
        settings = on(cluster, Settings(home=tmp_path / "home"))
        with open_store(settings) as store:
            images = learners(store, settings, tmp_path)
            given = {"learning": False, "deadly": (str(images[1]),)}
            spec = prepare_run(
                store, RunRequest(dataset="people", method=plugins.NAME, parameters=given, classifiers=[], matchers=[])
            )
            run = start_run(store, spec)
            run_worker(settings, job_id=run.job_id)
            record = store.runs.get(run.id)
            assert record.result is not None, record.error
            assert [i.image_id for i in record.result.failures.items if i.reason == "process-lost"] == [images[1]]
            assert record.result.judged == len(images) - 1


def learners(store: Store, settings: Settings, folder: Path) -> list[int]:
    dataset = import_dataset(store, settings, copy_people(folder / "people", slice(0, 6), slice(0, 6)), name="people")
    return [image.id for image in store.datasets.images(dataset.dataset.id)]


@pytest.mark.slow
def test_steps_of_learning_are_told_through_the_scheduler(tmp_path: Path, cluster: Cluster, monkeypatch):
    monkeypatch.syspath_prepend(str(cluster.folder / "plugins"))
    settings = on(cluster, Settings(home=tmp_path / "home"))
    with open_store(settings) as store:
        learners(store, settings, tmp_path)
        given = {"pause": 0.2}
        spec = prepare_run(
            store, RunRequest(dataset="people", method=plugins.NAME, parameters=given, classifiers=[], matchers=[])
        )
        seen = []
        run = start_run(store, spec)
        with DaskPool(settings, Pace(heartbeat_seconds=0.1)) as pool:
            run_worker(settings, job_id=run.job_id, pool=pool, on_progress=lambda _, *told: seen.append(told))
        assert store.runs.get(run.id).state == "complete", store.runs.get(run.id).error
    assert any(0 < done < total for stage, done, total in seen if stage == LEARNING), seen


@pytest.mark.slow
def test_cancelling_is_heard_while_the_cluster_computes(tmp_path: Path, cluster: Cluster, monkeypatch):
    monkeypatch.syspath_prepend(str(cluster.folder / "plugins"))
    settings = on(cluster, Settings(home=tmp_path / "home"))
    with open_store(settings) as store:
        learners(store, settings, tmp_path)
        given = {"learning": False, "wait": 5.0}
        spec = prepare_run(
            store, RunRequest(dataset="people", method=plugins.NAME, parameters=given, classifiers=[], matchers=[])
        )
        run = start_run(store, spec)
        asked = []

        def cancel(run_id: int, stage: str, done: int, total: int) -> None:
            if not asked:
                asked.append(time.monotonic())
                store.jobs.cancel(store.runs.job_id(run_id))

        run_worker(settings, job_id=run.job_id, on_progress=cancel)
        record = store.runs.get(run.id)
        assert record.state == "cancelled"
        assert not store.runs.images_done(run.id), "nothing waited for the images under way"


def test_a_scheduler_that_is_not_there_gets_a_sentence(finished: Finished, monkeypatch):
    monkeypatch.setattr("facepriv.services.jobs.dask_pool.CONNECT_SECONDS", 0.5)
    settings = finished.settings.model_copy(update={"executor": "dask", "scheduler": "tcp://127.0.0.1:9"})
    missing = r"scheduler was expected at tcp://127.0.0.1:9, but it cannot be"
    with DaskPool(settings) as pool, pytest.raises(FaceprivError, match=missing):
        _ = pool.width
