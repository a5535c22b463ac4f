"""A process of facepriv's own for what may go wrong: with limits of time and memory, and ended when it goes beyond.

Requests and answers are JSON followed by bytes, so that even a process that a file has taken over can say no more than
text and numbers.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

Said = dict[str, Any]
_LENGTH = struct.Struct("<Q")
_PART = 1 << 20


class ChildProcess:
    """A module that is run as a process when it is first asked, and anew after it was ended.

    Threads wait for their turn. A forked process starts its own.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._turn = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[Any, Any] | None = None
        self._started_by = 0

    @property
    def is_running(self) -> bool:
        """Whether there is a process that knows what it was told."""
        process = self._process
        return process is not None and self._started_by == os.getpid() and process.poll() is None

    def ask(self, said: Said, data: bytes | memoryview = b"", *, seconds: float, memory: int) -> tuple[Said, bytearray]:
        """Return an answer.

        Parameters
        ----------
        seconds
            How long it may take.
        memory
            How many bytes the process may take for it, beside what it takes when it has started.

        Raises
        ------
        TimeoutError
            If it takes longer; the process is ended.
        EOFError
            If the process has ended over it.
        """
        with self._turn:
            try:
                process = self._running()
                assert process.stdin is not None
                assert process.stdout is not None
                end = time.monotonic() + seconds
                with suppress(BrokenPipeError):  # which shows in the answer
                    _send(process.stdin, {**said, "_seconds": seconds, "_memory": memory}, data)
                return json.loads(_receive(process.stdout, end)), _receive(process.stdout, end)
            except BaseException:
                self.close()  # whatever it still says would be taken for the next answer
                raise

    def close(self) -> None:
        """End the process."""
        self._process = None
        end, self._end = self._end, None
        if end is not None:
            end()

    def _running(self) -> subprocess.Popen[bytes]:
        if not self.is_running:
            self.close()
            # In a session of its own, which Ctrl+C does not reach: it ends with its standard input.
            process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            self._process, self._started_by = process, os.getpid()
            self._end = weakref.finalize(self, _end, process, os.getpid())
        assert self._process is not None
        return self._process


def answer_requests(answer: Callable[[Said, bytes], tuple[Said, bytes | memoryview]]) -> None:
    """Be the process: answer requests until standard input ends.

    ``answer`` may raise MemoryError, which is answered by ``{"out_of_memory": true}``.
    """
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    own = _address_space()
    while head := source.read(_LENGTH.size):
        said = json.loads(source.read(*_LENGTH.unpack(head)))
        data = source.read(*_LENGTH.unpack(source.read(_LENGTH.size)))
        _limit_memory(own + said["_memory"] + len(data))
        # Should the process that asks be killed, nobody else ends this one.
        signal.alarm(int(said["_seconds"]) + 2)
        try:
            answered, result = answer(said, data)
        except MemoryError:
            answered, result = {"out_of_memory": True}, b""
        signal.alarm(0)
        _send(target, answered, result)


def _end(process: subprocess.Popen[bytes], started_by: int) -> None:
    if started_by != os.getpid():
        return  # a forked process must not end its parent's
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()


def _send(stream: IO[bytes], said: Said, data: bytes | memoryview) -> None:
    for part in (json.dumps(said).encode(), data):
        stream.write(_LENGTH.pack(len(part)))
        stream.write(part)
    stream.flush()


def _receive(stream: IO[bytes], end: float) -> bytearray:
    (size,) = _LENGTH.unpack(_read(stream.fileno(), _LENGTH.size, end))
    return _read(stream.fileno(), size, end)


def _read(handle: int, size: int, end: float) -> bytearray:
    """Read so many bytes until a time; raises TimeoutError, or EOFError where they end before."""
    data = bytearray(size)
    view, place = memoryview(data), 0
    while place < size:
        if not select.select([handle], [], [], max(0.0, end - time.monotonic()))[0]:
            raise TimeoutError
        came = os.readv(handle, [view[place : place + _PART]])
        if not came:
            raise EOFError
        place += came
    return data


def _address_space() -> int:
    """Return the bytes of addresses that this process has taken, where the system tells."""
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _limit_memory(most: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
