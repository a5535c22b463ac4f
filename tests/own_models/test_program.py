"""Programs are run without a shell, answer in time and in order, and leave no file behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from facepriv.errors import ModelUnavailableError
from facepriv.imaging.png import encode_crops
from facepriv.own_models.program import Program

READ = """
import json, os, sys, time
for number, line in enumerate(sys.stdin):
    request = json.loads(line)
    {do}
"""
ANSWER = (
    'print(json.dumps({"id": request["id"], "score": os.path.getsize(request["image"]), "pid": os.getpid()}), '
    "flush=True)"
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def program(tmp_path, home):
    made = []

    def make(do=ANSWER, *, stays_open=False, timeout=20.0, code=None, arguments=()):
        file = tmp_path / "program.py"
        file.write_text(READ.replace("{do}", do) if code is None else code)
        made.append(
            Program(
                "test-command",
                [sys.executable, str(file), *arguments],
                stays_open=stays_open,
                timeout_seconds=timeout,
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def pngs():
    return encode_crops(np.random.default_rng(0).uniform(-9, 300, (3, 5, 4, 3)).astype(np.float32))


@pytest.mark.parametrize("stays_open", [False, True])
def test_answers_come_in_order_and_files_go(program, pngs, home, stays_open):
    made = program(stays_open=stays_open)
    first, second = made.ask(pngs), made.ask(pngs[:1])
    assert [one["score"] for one in first] == [len(png) for png in pngs]
    assert (first[0]["pid"] == second[0]["pid"]) is stays_open
    assert list((home / "tmp").iterdir()) == []


def test_sees_no_environment_of_ours_and_no_shell_reads_arguments(program, pngs, monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET", "password")
    tell = 'print(json.dumps({"id": request["id"], "env": sorted(os.environ), "argv": sys.argv[1:]}))'
    (answer,) = program(tell, arguments=["$(touch hacked)", "a b"]).ask(pngs[:1])
    assert set(answer["env"]) <= {"PATH", "LANG", "LC_ALL", "LC_CTYPE"}
    assert answer["argv"] == ["$(touch hacked)", "a b"]


def test_images_are_named_by_numbers_and_closed_to_others(program, pngs):
    tell = (
        'folder = os.path.dirname(request["image"]); print(json.dumps({"id": request["id"], '
        '"name": os.path.basename(request["image"]), "mode": os.stat(folder).st_mode & 0o777}))'
    )
    answers = program(tell).ask(pngs)
    assert [(one["name"], one["mode"]) for one in answers] == [("1.png", 0o700), ("2.png", 0o700), ("3.png", 0o700)]


@pytest.mark.parametrize("stays_open", [False, True])
@pytest.mark.parametrize(
    ("do", "sentence"),
    [
        ("time.sleep(60)", "it gave no answer within 0.7 s"),
        ("sys.exit(3)", "it ended before it had answered"),
        ('print("hello", flush=True)', "a line that is not JSON"),
        ('print(json.dumps({"id": 7}), flush=True)', "the answer does not have the id 1"),
        ('print("[]", flush=True)', "the answer does not have the id 1"),
        ('print("x" * 5_000_000, flush=True)', "a line of more than 4,000,000 bytes"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_files_go(program, pngs, home, do, sentence, stays_open, capfd):
    made = program(
        f"print('face of somebody', file=sys.stderr); {do}", timeout=0.7 if "sleep" in do else 20, stays_open=stays_open
    )
    with pytest.raises(ModelUnavailableError) as caught:
        made.ask(pngs)
    assert sentence in str(caught.value)
    assert list((home / "tmp").iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_exit_status_and_further_lines_count(program, pngs):
    with pytest.raises(ModelUnavailableError, match="exit status 5"):
        program(code=READ.replace("{do}", ANSWER) + "\nsys.exit(5)").ask(pngs)
    with pytest.raises(ModelUnavailableError, match="more than one line for each image"):
        program(code=READ.replace("{do}", ANSWER) + "\nprint(1)").ask(pngs)


def test_a_program_that_is_not_there_is_told(home, pngs):
    with pytest.raises(ModelUnavailableError, match="it cannot be started: No such file"):
        Program("gone", ["/no/such/program"], stays_open=False, timeout_seconds=1).ask(pngs)


def test_a_program_that_was_killed_is_started_anew(program, pngs):
    made = program(stays_open=True)
    (first,) = made.ask(pngs[:1])
    os.kill(first["pid"], signal.SIGKILL)
    time.sleep(0.2)
    (second,) = made.ask(pngs[:1])
    assert second["pid"] != first["pid"]


def test_what_it_started_ends_with_it(program, pngs, tmp_path):
    start = (
        'import subprocess; child = subprocess.Popen(["sleep", "60"]); '
        'open(sys.argv[1], "w").write(str(child.pid)); time.sleep(60)'
    )
    pid_file = tmp_path / "pid"
    with pytest.raises(ModelUnavailableError):
        program(start, timeout=1.5, arguments=[str(pid_file)]).ask(pngs)
    child = int(pid_file.read_text())
    time.sleep(0.2)
    with pytest.raises(ProcessLookupError):
        _alive(child)


def _alive(pid):
    """Raise ProcessLookupError for a process that has ended, a zombie included."""
    os.kill(pid, 0)
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    if state == "Z":
        raise ProcessLookupError(pid)


def test_closing_ends_it(program, pngs):
    made = program(stays_open=True)
    (answer,) = made.ask(pngs[:1])
    made.close()
    with pytest.raises(ProcessLookupError):
        _alive(answer["pid"])


@pytest.mark.parametrize("stays_open", [False, True])
def test_it_may_take_so_much_memory_and_no_more(tmp_path, home, pngs, stays_open):
    file = tmp_path / "program.py"
    file.write_text(READ.replace("{do}", "taken = bytearray(300 << 20); " + ANSWER))
    options = {"stays_open": stays_open, "timeout_seconds": 20.0}
    for allowed, answers in ((200 << 20, False), (2 << 30, True)):
        greedy = Program("greedy", [sys.executable, str(file)], memory_bytes=allowed, **options)
        try:
            if answers:
                assert len(greedy.ask(pngs[:1])) == 1
            else:
                with pytest.raises(ModelUnavailableError, match="it ended before it had answered"):
                    greedy.ask(pngs[:1])
        finally:
            greedy.close()
