"""A process of one's own answers, and is ended when it takes too long or too much."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from facepriv.child_process import ChildProcess
from tests.waiting import wait_until

MEMORY = 1 << 30


@pytest.fixture
def process() -> Iterator[ChildProcess]:
    process = ChildProcess("tests.obedient_process")
    yield process
    process.close()


def pid_of(process: ChildProcess, **said: object) -> int:
    answer, data = process.ask(said, b"abc", seconds=10, memory=MEMORY)
    assert data == b"cba"
    return answer["pid"]


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]


def test_one_process_answers_all(process: ChildProcess):
    assert not process.is_running
    assert pid_of(process) == pid_of(process, print=True) == pid_of(process)


def test_it_is_ended_when_it_takes_too_long_and_started_anew(process: ChildProcess):
    first = pid_of(process)
    with pytest.raises(TimeoutError):
        process.ask({"sleep": 600}, seconds=0.2, memory=MEMORY)
    assert not is_alive(first)
    assert pid_of(process) != first


def test_it_cannot_take_more_memory_than_allowed(process: ChildProcess):
    assert process.ask({"take": 2 * MEMORY}, seconds=10, memory=MEMORY)[0] == {"out_of_memory": True}
    assert "pid" in process.ask({"take": 2 * MEMORY}, seconds=10, memory=4 * MEMORY)[0]


def test_its_end_is_told(process: ChildProcess):
    with pytest.raises(EOFError):
        process.ask({"kill": True}, seconds=10, memory=MEMORY)
    assert pid_of(process)


def test_it_ends_with_its_owner():
    process = ChildProcess("tests.obedient_process")
    pid = pid_of(process)
    del process
    gc.collect()
    assert not is_alive(pid)


def test_a_fork_leaves_it_alone(process: ChildProcess):
    pid = pid_of(process)
    child = os.fork()
    if child == 0:
        process.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert pid_of(process) == pid


def test_it_does_not_outlive_whoever_is_killed():
    program = """
from facepriv.child_process import ChildProcess
process = ChildProcess("tests.obedient_process")
print(process.ask({}, seconds=10, memory=1 << 30)[0]["pid"], flush=True)
process.ask({"sleep": 600}, seconds=0.5, memory=1 << 30)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        pid = int(asking.stdout.readline())
        os.kill(asking.pid, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(pid), 10), "its own alarm ends it"
