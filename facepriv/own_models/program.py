"""A user's program that reads images and answers in JSON, one line for each.

For every image it gets a line ``{"id": 1, "image": "FOLDER/1.png"}`` and must answer, in the same order, with a line
that repeats the id. The images lie in a folder of their own that only the user may read and that is removed after
the call, whatever happens. No shell takes part, the program sees three variables of the environment, and what it
writes to standard error goes nowhere: it might name files or faces.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import math
import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from facepriv.config import get_settings
from facepriv.errors import ModelUnavailableError
from facepriv.own_models.description import CommandModel
from facepriv.own_models.network import MAX_OPEN
from facepriv.own_models.stored import DESCRIPTION, OwnModel
from facepriv.scratch import temporary_folder
from facepriv.weights.files import require
from facepriv.weights.instances import SharedModel

MAX_LINE_BYTES = 4_000_000
MAX_IMAGES = 256
"""Images that lie in the folder at once."""
ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
CLOSE_SECONDS = 2.0
MEMORY_BYTES = 16 << 30
"""Memory that each process of a program may take for data, where the system can limit that."""

Answer = dict[str, Any]


class Program:
    """A program of the user's: started for each call, or once if it stays open."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        stays_open: bool,
        timeout_seconds: float,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._name = name
        self._command = list(command)
        self._stays_open = stays_open
        self._timeout = timeout_seconds
        self._memory_bytes = memory_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._started_by = 0
        self._rest = b""

    def ask(self, pngs: Sequence[bytes]) -> list[Answer]:
        """Return the answers for images, in order.

        Raises ModelUnavailableError if it cannot be started, fails, takes too long, or does not answer as it should.
        """
        answers: list[Answer] = []
        for start in range(0, len(pngs), MAX_IMAGES):
            answers += self._ask(pngs[start : start + MAX_IMAGES])
        return answers

    def close(self) -> None:
        """End the program if it is open: close its input, then kill it after `CLOSE_SECONDS`."""
        process, self._process, self._rest = self._process, None, b""
        if process is None or self._started_by != os.getpid():
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(CLOSE_SECONDS)
        _kill(process)

    def _ask(self, pngs: Sequence[bytes]) -> list[Answer]:
        with temporary_folder(get_settings().temporary, "command-") as folder:
            lines = []
            for number, png in enumerate(pngs, start=1):
                path = folder.absolute() / f"{number}.png"
                path.write_bytes(png)
                lines.append(json.dumps({"id": number, "image": str(path)}).encode() + b"\n")
            try:
                return self._talk(lines) if self._stays_open else self._run_once(lines, folder)
            except BaseException:
                self._abandon()
                raise

    def _talk(self, lines: Sequence[bytes]) -> list[Answer]:
        if self._started_by != os.getpid():
            # A forked process must not use its parent's program.
            self._process, self._rest = None, b""
        if self._process is None or self._process.poll() is not None:
            self._process, self._rest = self._start(subprocess.PIPE), b""
        process = self._process
        assert process.stdin is not None
        answers = []
        for number, line in enumerate(lines, start=1):
            try:
                process.stdin.write(line)
                process.stdin.flush()
            except OSError as error:
                raise self._error("it ended before it had answered") from error
            answers.append(self._answer(self._line(process), number))
        return answers

    def _run_once(self, lines: Sequence[bytes], folder: Path) -> list[Answer]:
        requests = folder / "requests.jsonl"
        requests.write_bytes(b"".join(lines))
        with requests.open("rb") as stream:
            process = self._process = self._start(stream)
        self._rest = b""
        answers = [self._answer(self._line(process), number) for number in range(1, len(lines) + 1)]
        if self._read(process, time.monotonic() + self._timeout) or self._rest.strip():
            raise self._error("it wrote more than one line for each image")
        try:
            status = process.wait(self._timeout)
        except subprocess.TimeoutExpired as error:
            raise self._error(f"it did not end within {self._timeout:g} s of its last answer") from error
        if status != 0:
            raise self._error(f"it ended with exit status {status}")
        self._abandon()
        return answers

    def _start(self, stdin: int | IO[bytes]) -> subprocess.Popen[bytes]:
        self._started_by = os.getpid()
        atexit.register(self.close)
        try:
            process = subprocess.Popen(
                self._command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=ENVIRONMENT,
                start_new_session=True,
            )
        except OSError as error:
            raise self._error(f"it cannot be started: {error.strerror}") from error
        if hasattr(resource, "prlimit"):
            with contextlib.suppress(OSError):  # it may have ended already
                resource.prlimit(process.pid, resource.RLIMIT_DATA, (self._memory_bytes, self._memory_bytes))
        return process

    def _line(self, process: subprocess.Popen[bytes]) -> bytes:
        """Wait for the next line."""
        end = time.monotonic() + self._timeout
        while b"\n" not in self._rest:
            if len(self._rest) > MAX_LINE_BYTES:
                raise self._error(f"it wrote a line of more than {MAX_LINE_BYTES:,} bytes")
            if not self._read(process, end):
                raise self._error("it ended before it had answered")
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _read(self, process: subprocess.Popen[bytes], end: float) -> bool:
        """Read output, waiting for some until ``end``; return False at its end."""
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(max(0.0, end - time.monotonic())):
                raise self._error(f"it gave no answer within {self._timeout:g} s")
        part = os.read(process.stdout.fileno(), 65_536)
        self._rest += part
        return bool(part)

    def _answer(self, line: bytes, number: int) -> Answer:
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise self._error("it wrote a line that is not JSON") from error
        if not isinstance(answer, dict) or answer.get("id") != number:
            raise self._error(f"the answer does not have the id {number}")
        return answer

    def _abandon(self) -> None:
        process, self._process, self._rest = self._process, None, b""
        if process is not None:
            _kill(process)

    def _error(self, problem: str) -> ModelUnavailableError:
        return ModelUnavailableError(
            f"The command of {self._name} should answer one line of JSON for each image, but {problem}; try it with: "
            f"facepriv model check {self._name}"
        )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and all that it started, and close its streams."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


@lru_cache(MAX_OPEN)
def shared_program(own: OwnModel) -> SharedModel[Program]:
    """Return the process's one program of an own command, whose files are checked at first use."""
    description = own.description
    assert isinstance(description, CommandModel)

    def make() -> Program:
        for file in own.card.weights:
            if file.name != DESCRIPTION:
                require(file, "facepriv model add FILE.yaml --replace")
        return Program(
            description.name,
            description.command,
            stays_open=description.stays_open,
            timeout_seconds=description.timeout_seconds,
        )

    return SharedModel(make)


def get_number(answer: Answer, key: str) -> float | None:
    """Return the finite number that an answer has under a key; None where there is none."""
    value = answer.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
