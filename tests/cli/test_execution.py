"""Queueing, following, resuming and doing work by the command line."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from facepriv.config import Settings
from facepriv.services.jobs.local_worker import ensure_worker
from facepriv.store import Store, open_store
from facepriv.store.runs import RunStore
from tests.cli.terminal import PAPER, Terminal, assert_one_sentence, assert_usage, write_faces
from tests.services.jobs.test_local_worker import workers_of
from tests.services.runs.test_learning import copy_people
from tests.waiting import wait_until

pytestmark = [pytest.mark.xdist_group("cli"), pytest.mark.slow]
QUICK = (*PAPER, "--set", "eps=0.3", "--set", "candidates=opposite", "--matcher", "sface")
SLOW = (*PAPER, "--set", "eps=0.001", "--matcher", "sface")


@pytest.fixture
def few(tmp_path: Path) -> Terminal:
    """A terminal on an installation with one data set, where no command starts a worker by itself."""
    terminal = Terminal(tmp_path / "home")
    terminal.environment["FACEPRIV_AUTO_WORKER"] = "false"
    assert terminal("import", write_faces(tmp_path / "faces"), "--name", "few").code == 0
    return terminal


def settings(terminal: Terminal) -> Settings:
    return Settings(home=terminal.home, workers=1)


def test_what_is_queued_waits_for_a_worker_and_is_done_by_one(few: Terminal) -> None:
    said = few("perturb", "few", *QUICK, "--no-wait")
    assert said.code == 0
    assert said.out == "Run 1 waits for a worker. Follow it with: facepriv follow 1\n"
    assert "Run 1 has no log yet" in few("log", "1").out
    assert not workers_of(settings(few))
    assert few("worker", "--until-idle").code == 0
    followed = few("follow", "1")
    assert followed.code == 0
    assert followed.out == "Run 1 is complete.\n"
    lines = few.json("log", "1")["lines"]
    assert [line["text"] for line in lines] == ["Taken up, attempt 1.", "Complete."]
    assert lines[0]["owner"] == lines[1]["owner"]


def test_the_number_of_what_is_queued_is_json_on_demand(few: Terminal, tmp_path: Path) -> None:
    assert few.json("perturb", "few", *QUICK, "--no-wait") == {"schema": "facepriv.queued/1", "run_id": 1}
    crowd = copy_people(tmp_path / "crowd", slice(0, 5), slice(0, 5))
    assert few("import", crowd, "--name", "crowd").code == 0
    file = tmp_path / "audit.json"
    said = few("audit", "crowd", "--no-wait", "--json", file)
    assert said.out == "Audit 1 waits for a worker. Follow it with: facepriv follow --audit 1\n", said.err
    assert json.loads(file.read_text()) == {"schema": "facepriv.queued/1", "audit_id": 1}


@pytest.mark.parametrize("state", ["waiting", "running", "cancelled"])
def test_an_interrupt_cancels_only_what_the_command_itself_resumed(few: Terminal, monkeypatch, state: str) -> None:
    few("perturb", "few", *QUICK, "--no-wait")
    with open_store(settings(few)) as store:
        if state == "running":
            assert store.jobs.claim("somewhere:1:ab", only=store.runs.job_id(1)) is not None
        elif state == "cancelled":
            store.jobs.cancel(store.runs.job_id(1))
        looks = []
        look = RunStore.summary

        def look_thrice(self: RunStore, number: int):
            looks.append(number)
            if len(looks) == 3:  # the command's own, the first of following, and the next
                signal.raise_signal(signal.SIGINT)
            return look(self, number)

        monkeypatch.setattr(RunStore, "summary", look_thrice)
        said = few("resume", "1")
        monkeypatch.undo()
        assert said.code != 0
        assert len(looks) == 3
        run = store.runs.get(1)
        assert run.state == state
        assert run.cancel_requested == (state == "cancelled")
        resumed = [line.subject for line in store.access.list(action="run-resumed")]
        assert resumed == (["run 1"] if state == "cancelled" else [])
        assert ("Run 1 cancelled. " in said.err) == (state == "cancelled")


def test_resuming_what_is_under_way_tells_its_state(few: Terminal) -> None:
    few("perturb", "few", *QUICK, "--no-wait")
    assert few("resume", "1", "--no-wait").out.startswith("Run 1 waits for a worker. ")
    with open_store(settings(few)) as store:
        store.jobs.claim("somewhere:1:ab", only=store.runs.job_id(1))
    assert few("resume", "1", "--no-wait").out.startswith("Run 1 is running. ")


def test_a_cancelled_run_is_resumed(few: Terminal) -> None:
    few("perturb", "few", *QUICK, "--no-wait")
    assert few("cancel", "1").out == "Run 1 is cancelled.\n"
    assert_one_sentence(few("follow", "2"), "There is no run 2")
    assert few("follow", "1").out == "Run 1 is cancelled.\n"
    assert few("resume", "1", "--no-wait").code == 0
    assert few("worker", "--run", "1").code == 0
    assert few("resume", "1").err.splitlines()[-1].startswith("Error: Run 1 is complete; there is nothing")
    with open_store(settings(few)) as store:
        assert [line.action for line in store.access.list()][:2] == ["run-resumed", "run-cancelled"]


def test_computing_from_here(few: Terminal) -> None:
    """With an executor the command does the work itself."""
    said = few("perturb", "few", *QUICK, "--executor", "processes")
    assert said.code == 0, said.err
    assert "Run 1" in said.out
    assert not workers_of(settings(few))


def test_wrong_usage(few: Terminal) -> None:
    assert_usage(few("follow"), "Name a run, or an audit with --audit")
    assert_usage(few("cancel", "1", "--audit", "1"), "Name a run, or an audit with --audit")
    assert_usage(few("perturb", "few", "--executor", "magic"), "Expected processes or dask, got 'magic'")
    assert_usage(few("worker", "--executor", "dask"), "needs the address of a scheduler")


def seconds_to_cancel(terminal: Terminal, store: Store) -> float:
    """Cancel run 1 from another terminal and put it back; gives the time from the wish to its end, by the log."""

    def running() -> bool:
        ensure_worker(settings(terminal))  # the command's own ends once nothing waits
        return store.runs.get(1).state == "running"

    assert wait_until(running, 60)
    assert terminal("cancel", "1").code == 0
    assert wait_until(lambda: store.runs.get(1).state == "cancelled", 30)
    asked, cancelled = store.jobs.log(store.runs.job_id(1))[-2:]
    assert asked.text == "Asked to cancel."
    assert cancelled.text == "Cancelled."
    assert terminal("resume", "1", "--no-wait").code == 0
    return (cancelled.at - asked.at).total_seconds()


@pytest.mark.fault
def test_a_command_that_is_killed_leaves_its_run_to_the_worker(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "home")
    assert terminal("import", write_faces(tmp_path / "faces"), "--name", "few").code == 0
    command = terminal.start("perturb", "few", *SLOW)
    try:
        with open_store(settings(terminal)) as store:
            assert wait_until(lambda: store.runs.count(states=["running"]) == 1, 60)
            owner = store.runs.get(1).owner
            command.send_signal(signal.SIGKILL)
            command.wait()
            beaten = store.runs.get(1).lease_until
            assert wait_until(lambda: store.runs.get(1).lease_until > beaten, 30), "the worker lives on"
            assert store.runs.get(1).owner == owner
            # And within two seconds it heeds another terminal's wish; of three, since others use the machine as well.
            assert min(seconds_to_cancel(terminal, store) for _ in range(3)) < 2
    finally:
        for process in workers_of(settings(terminal)):
            os.kill(process, signal.SIGKILL)
        command.kill()


def test_the_log_is_json_on_demand(few: Terminal) -> None:
    few("perturb", "few", *QUICK, "--no-wait")
    few("cancel", "1")
    found = json.loads(few("log", "1", "--json", "-").out)
    assert found["schema"] == "facepriv.log/1"
    assert found["run_id"] == 1
    assert found["lines"][0]["text"] == "Cancelled."
    assert found["lines"][0]["owner"] is None
