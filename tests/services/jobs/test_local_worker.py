"""One worker for each data folder: however many are asked for, and only while it is needed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import filelock
import pytest

from facepriv.config import Settings
from facepriv.services.jobs.local_worker import ensure_worker, log_path, serve_local, worker_faults, worker_is_alive
from facepriv.store import open_store
from tests.finished_run import start_run
from tests.store_examples import add_dataset, spec_for
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.xdist_group("local-worker"),
    pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks into /proc"),
]
SPAWN = multiprocessing.get_context("spawn")


def workers_of(settings: Settings) -> list[int]:
    """Processes that serve, or ask to serve, a data folder."""
    wanted = f"FACEPRIV_HOME={settings.home}".encode()
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            environment = (process / "environ").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if command[1:4] == [b"-m", b"facepriv", b"worker"] and wanted in environment:
            found.append(int(process.name))
    return found


@pytest.fixture
def clean(settings: Settings):
    """No worker of the folder outlives the test."""
    yield
    for process in workers_of(settings):
        os.kill(process, signal.SIGKILL)


def ensure_at_once(home: Path, barrier) -> None:
    """Be a server: ask for a worker, and live until the test ends it."""
    settings = Settings(home=home)
    barrier.wait()
    ensure_worker(settings)
    ensure_worker(settings)
    threading.Event().wait()


@pytest.mark.usefixtures("clean")
@pytest.mark.slow
def test_one_worker_serves_however_many_are_asked_for(settings, store, small_spec):
    """Three servers start at once; one worker stays, takes up a run, and ends with the server that started it."""
    run = start_run(store, small_spec().model_copy(update={"method": "magic"}))
    barrier = SPAWN.Barrier(3)
    servers = [SPAWN.Process(target=ensure_at_once, args=(settings.home, barrier), daemon=True) for _ in range(3)]
    for server in servers:
        server.start()
    try:
        assert wait_until(lambda: store.runs.get(run.id).state == "failed")
        assert "no perturbation method called 'magic'" in store.runs.get(run.id).error
        assert wait_until(lambda: len(workers_of(settings)) == 1)
        assert worker_is_alive(settings)
        (worker,) = workers_of(settings)
        ensure_worker(settings)
        assert workers_of(settings) == [worker]
        assert store.runs.get(run.id).attempts == 1
    finally:
        for server in servers:
            server.kill()
            server.join()
    assert wait_until(lambda: not workers_of(settings))
    assert not worker_is_alive(settings)
    assert log_path(settings).stat().st_mode & 0o777 == 0o600
    assert log_path(settings).read_text().count("Another worker already serves this data folder.") >= 1


@pytest.mark.usefixtures("clean")
def test_the_worker_serves_the_database_of_the_settings(settings, new_postgresql):
    elsewhere = Settings(home=settings.home, workers=1, database=new_postgresql(migrated=True))
    with open_store(elsewhere) as store:
        run = store.runs.create(spec_for(store, add_dataset(store), method="magic"))
        ensure_worker(elsewhere)
        assert wait_until(lambda: store.runs.get(run).state == "failed")
        assert "no perturbation method called 'magic'" in store.runs.get(run).error
    assert not (settings.home / "facepriv.sqlite").exists()


@pytest.mark.usefixtures("clean")
def test_a_look_does_not_keep_a_worker_from_starting(settings):
    """Pages look whether a worker is alive; a look takes the lock for a moment, which must not count as a worker."""
    lock = filelock.FileLock(settings.home / "worker.lock")
    settings.home.mkdir()
    lock.acquire()
    ensure_by_hand = subprocess.Popen(
        [sys.executable, "-m", "facepriv", "worker", "--local", "--parent", str(os.getpid())],
        env={**os.environ, "FACEPRIV_HOME": str(settings.home)},
    )
    try:
        # Long enough for the worker to meet the lock, far shorter than it asks for its place.
        assert wait_until(lambda: workers_of(settings))
        time.sleep(1.0)
        lock.release()
        assert wait_until(lambda: worker_is_alive(settings))
        assert ensure_by_hand.poll() is None
    finally:
        ensure_by_hand.kill()
        ensure_by_hand.wait()


@pytest.mark.usefixtures("clean")
def test_a_process_has_only_one_worker_on_its_way(settings):
    """A worker takes seconds until it holds its place; whoever asks meanwhile, in whatever thread, starts no other."""
    with ThreadPoolExecutor(8) as sessions:
        list(sessions.map(lambda _: ensure_worker(settings), range(16)))
    assert len(workers_of(settings)) == 1
    assert worker_faults(settings) is None


@pytest.fixture
def broken(settings: Settings) -> Settings:
    """Settings under which a worker ends at its start: a cluster is asked for, but not which."""
    return settings.model_copy(update={"executor": "dask"})


@pytest.mark.usefixtures("clean")
@pytest.mark.slow
def test_a_worker_that_fails_at_its_start_is_not_started_again_at_once(broken, monkeypatch):
    monkeypatch.setattr("facepriv.services.jobs.local_worker.BACK_OFF_SECONDS", (0.0, 3600.0))

    def failed(times: int) -> bool:
        ensure_worker(broken)
        faults = worker_faults(broken)
        return faults is not None and faults.in_a_row == times and not faults.trying

    ensure_worker(broken)
    assert worker_faults(broken) is None
    assert wait_until(lambda: failed(2))
    for _ in range(3):
        ensure_worker(broken)
        assert not workers_of(broken)
    assert log_path(broken).read_text().count("Usage:") == 2
    assert worker_faults(broken).sentence == (
        "A worker was expected to start on this machine, but 2 workers in a row ended with a fault; correct what the "
        f"end of {log_path(broken)} tells."
    )
    # Another process's worker serves, so nothing is wrong any more.
    with filelock.FileLock(broken.home / "worker.lock"):
        assert worker_faults(broken) is None


@pytest.mark.fault
@pytest.mark.usefixtures("clean")
def test_a_worker_that_served_for_long_and_died_is_replaced_at_once(settings, monkeypatch):
    monkeypatch.setattr("facepriv.services.jobs.local_worker.SOON_SECONDS", 0.0)
    monkeypatch.setattr("facepriv.services.jobs.local_worker.BACK_OFF_SECONDS", (3600.0,))
    ensure_worker(settings)
    assert wait_until(lambda: worker_is_alive(settings))
    (first,) = workers_of(settings)
    os.kill(first, signal.SIGKILL)

    def replaced() -> bool:
        ensure_worker(settings)  # what was killed takes a moment to be gone
        return workers_of(settings) not in ([], [first])

    assert wait_until(replaced)
    assert worker_faults(settings) is None


def test_starting_a_worker_needs_none_of_what_it_works_with():
    """The dashboard and commands only start it; to import what computes takes seconds."""
    program = (
        "import sys, facepriv.services.jobs.following; sys.exit('facepriv.services.runs.execution' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_no_worker(settings):
    assert not worker_is_alive(settings)


def test_a_second_worker_does_not_serve(settings, monkeypatch):
    monkeypatch.setattr("facepriv.services.jobs.local_worker.START_SECONDS", 0.2)
    settings.home.mkdir()
    with filelock.FileLock(settings.home / "worker.lock"):
        assert worker_is_alive(settings)
        assert serve_local(settings, until_idle=True) is False
    assert serve_local(settings, until_idle=True) is True
    assert not worker_is_alive(settings)


def test_a_worker_whose_parent_is_another_process_ends_once_idle(settings, store, small_spec):
    run = start_run(store, small_spec().model_copy(update={"method": "magic"}))
    assert serve_local(settings, parent=os.getpid()) is True  # our parent is somebody else
    assert store.runs.get(run.id).state == "failed", "what waits is done first"
