"""Decoding in a process of its own, with limits of time and memory, so that no file holds or takes down a worker.

The process is started as ``python -m facepriv.imaging.decoder`` when the first image comes, and again after one over
which it had to be ended. Requests and answers are JSON followed by bytes: should a file take the process over, what it
says is still only text and pixels.
"""

from __future__ import annotations

import atexit
import json
import os
import resource
import select
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from facepriv.errors import BadInputError
from facepriv.imaging.decode import Decoded, decode

SECONDS = 30.0
"""How long one image may take; the largest that are read take some seconds."""
BASE_BYTES, BYTES_A_PIXEL = 1 << 30, 64
"""Memory that one image may take: for libraries, and for every pixel that may be decoded."""
_LENGTH = struct.Struct("<Q")
_PART = 1 << 20


class Decoder:
    """A process that decodes one image after the other; threads wait for their turn."""

    def __init__(self, seconds: float = SECONDS, *, base_bytes: int = BASE_BYTES) -> None:
        self._seconds = seconds
        self._base_bytes = base_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._started_by = 0
        self._turn = threading.Lock()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None or self._started_by != os.getpid():
            return  # a forked process must not end its parent's
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def decode(self, data: bytes | Path, *, name: str, max_pixels: int) -> Decoded:
        """Return and raise what `facepriv.imaging.decode.decode` does.

        Raises BadInputError with code ``too-slow`` or ``too-much-memory`` too, where an image goes beyond a limit, and
        ``not-decodable`` where decoding it ended the process.
        """
        with self._turn:
            try:
                return self._decode(data, name, max_pixels)
            except BadInputError as error:
                if error.code in ("too-slow", "too-much-memory", "not-decodable"):
                    self.close()
                raise
            except BaseException:
                self.close()  # whatever it still says would be taken for the answer about the next image
                raise

    def _decode(self, data: bytes | Path, name: str, max_pixels: int) -> Decoded:
        try:
            process = self._started()
            assert process.stdin is not None
            end = time.monotonic() + self._seconds
            most = self._base_bytes + BYTES_A_PIXEL * max_pixels
            asked = {"name": name, "max_pixels": max_pixels, "most": most, "path": None}
            if isinstance(data, Path):
                asked["path"] = os.fsencode(data.absolute()).hex()
            _send(process.stdin, asked, b"" if isinstance(data, Path) else data)
            said, pixels = self._receive(process, end)
        except TimeoutError as error:
            raise _left_out(f"{name} took more than {self._seconds:g} seconds to decode", "too-slow") from error
        except (EOFError, BrokenPipeError) as error:
            raise _left_out(f"{name} made the program fail that decodes it", "not-decodable") from error
        if said["code"] == "memory":
            reason = f"{name} needs more memory to be decoded than an image may take"
            raise _left_out(reason, "too-much-memory")
        if said["code"]:
            raise BadInputError(said["sentence"], code=said["code"])
        return Decoded(np.frombuffer(pixels, np.uint8).reshape(said["shape"]), tuple(said["notes"]))

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._started_by != os.getpid() or self._process.poll() is not None:
            self.close()
            self._started_by = os.getpid()
            # Not in the group that Ctrl+C reaches: it ends with its standard input.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "facepriv.imaging.decoder"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        return self._process

    def _receive(self, process: subprocess.Popen[bytes], end: float) -> tuple[dict[str, Any], bytearray]:
        assert process.stdout is not None
        handle = process.stdout.fileno()

        def part() -> bytearray:
            (size,) = _LENGTH.unpack(_read(handle, _LENGTH.size, end))
            return _read(handle, size, end)

        said = json.loads(part())
        return said, part()


_shared = Decoder()
atexit.register(_shared.close)


def decode_apart(data: bytes | Path, *, name: str, max_pixels: int) -> Decoded:
    """Decode by the one `Decoder` of this process; returns and raises what its method does."""
    return _shared.decode(data, name=name, max_pixels=max_pixels)


def _left_out(reason: str, code: str) -> BadInputError:
    return BadInputError(f"{reason} and was left out; save it anew as JPEG or PNG.", code=code)


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


def _send(stream: IO[bytes], said: dict[str, Any], data: bytes | memoryview = b"") -> None:
    for part in (json.dumps(said).encode(), data):
        stream.write(_LENGTH.pack(len(part)))
        stream.write(part)
    stream.flush()


def _answer(said: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes | memoryview]:
    source = data if said["path"] is None else Path(os.fsdecode(bytes.fromhex(said["path"])))
    try:
        decoded = decode(source, name=said["name"], max_pixels=said["max_pixels"])
    except BadInputError as error:
        return {"code": error.code, "sentence": str(error)}, b""
    except MemoryError:
        return {"code": "memory"}, b""
    pixels = np.ascontiguousarray(decoded.pixels)
    return {"code": "", "shape": pixels.shape, "notes": decoded.notes}, pixels.tobytes()


def _address_space() -> int:
    """Return the bytes of addresses that this process has taken, where the system tells."""
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def main() -> None:
    """Answer requests until standard input ends."""
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    import cv2

    cv2.setNumThreads(1)
    own = _address_space()
    while head := source.read(_LENGTH.size):
        said = json.loads(source.read(*_LENGTH.unpack(head)))
        data = source.read(*_LENGTH.unpack(source.read(_LENGTH.size)))
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = own + said["most"] + len(data)
        resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
        _send(target, *_answer(said, data))


if __name__ == "__main__":
    main()
