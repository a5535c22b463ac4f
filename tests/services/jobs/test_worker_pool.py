"""Processes of the local pool: what they are started with, what a dead one takes along, and how they end."""

from __future__ import annotations

import gc
import os
import signal
import struct
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.services.jobs.process_start import THREAD_VARIABLES
from facepriv.services.jobs.worker_pool import LocalPool, ProcessLostError
from tests.services.runs.test_execution import is_alive
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPool]:
    with LocalPool(Settings(home=tmp_path_factory.mktemp("home"), workers=2)) as pool:
        yield pool


def environment_of_process() -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in THREAD_VARIABLES}


def blocked_signals() -> set[int]:
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def process_once_there(file: Path) -> int:
    """Return the id of the process as soon as a file is there."""
    while not file.exists():
        time.sleep(0.01)
    return os.getpid()


def kill_own_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_amid_the_answer() -> None:
    """Write the beginning of an answer, then kill the process."""
    (calls,) = (it for it in gc.get_objects() if isinstance(it, Connection) and it.readable and it.writable)
    os.write(calls.fileno(), struct.pack("!i", 1000) + b"the beginning")
    kill_own_process()


@pytest.mark.slow
def test_libraries_of_a_process_use_one_thread_each(pool: LocalPool):
    before = dict(os.environ)
    assert pool.submit(environment_of_process).result(60) == dict.fromkeys(THREAD_VARIABLES, "1")
    assert dict(os.environ) == before


def test_ctrl_c_reaches_no_process(pool: LocalPool):
    assert signal.SIGINT in pool.submit(blocked_signals).result(60)
    assert signal.SIGINT not in blocked_signals()


@pytest.mark.parametrize("die", [kill_own_process, die_amid_the_answer])
def test_a_dead_process_takes_only_its_own_call_along(pool: LocalPool, tmp_path: Path, die: Callable[[], None]):
    beside = pool.submit(process_once_there, tmp_path / "killed")
    waiting = [pool.submit(os.getpid) for _ in range(3)]
    with pytest.raises(ProcessLostError):
        pool.submit(die).result(60)
    (tmp_path / "killed").touch()
    survivor = beside.result(60)
    assert all(future.exception(60) is None for future in waiting)
    assert is_alive(survivor)
    assert pool.submit(os.getpid).result(60)


def test_processes_that_are_ended_at_once_leave_their_calls(tmp_path: Path):
    with LocalPool(Settings(home=tmp_path, workers=1)) as pool:
        process = pool.submit(os.getpid).result(60)
        for _ in range(2):
            pool.submit(process_once_there, tmp_path / "never")
        pool.end(at_once=True)
        assert wait_until(lambda: not is_alive(process))
        assert pool.submit(os.getpid).result(60) != process, "the next call starts new ones"
