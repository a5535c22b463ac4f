"""Decoding in a process of its own, so that no file holds a worker, takes all its memory, or takes it down."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from facepriv.child_process import ChildProcess, Said, answer_requests
from facepriv.errors import BadInputError
from facepriv.imaging.decode import Decoded, decode

SECONDS = 30.0
"""How long one image may take; the largest that are read take some seconds."""
BASE_BYTES, BYTES_A_PIXEL = 1 << 30, 64
"""Memory that one image may take: for libraries, and for every pixel that may be decoded."""
_process = ChildProcess("facepriv.imaging.decoder")


def decode_apart(data: bytes | Path, *, name: str, max_pixels: int, seconds: float = SECONDS) -> Decoded:
    """Return and raise what `facepriv.imaging.decode.decode` does.

    Raises BadInputError with code ``too-slow`` or ``too-much-memory`` too, where an image goes beyond a limit, and
    ``not-decodable`` where decoding it ended the process.
    """
    asked: Said = {"name": name, "max_pixels": max_pixels, "path": None}
    if isinstance(data, Path):
        asked["path"], data = os.fsencode(data.absolute()).hex(), b""
    try:
        said, pixels = _process.ask(asked, data, seconds=seconds, memory=BASE_BYTES + BYTES_A_PIXEL * max_pixels)
    except TimeoutError as error:
        raise _left_out(f"{name} took more than {seconds:g} seconds to decode", "too-slow") from error
    except EOFError as error:
        raise _left_out(f"{name} made the program fail that decodes it", "not-decodable") from error
    if said.get("out_of_memory"):
        raise _left_out(f"{name} needs more memory to be decoded than an image may take", "too-much-memory")
    if "code" in said:
        raise BadInputError(said["sentence"], code=said["code"])
    return Decoded(np.frombuffer(pixels, np.uint8).reshape(said["shape"]), tuple(said["notes"]))


def _left_out(reason: str, code: str) -> BadInputError:
    return BadInputError(f"{reason} and was left out; save it anew as JPEG or PNG.", code=code)


def _answer(said: Said, data: bytes) -> tuple[Said, bytes]:
    source = data if said["path"] is None else Path(os.fsdecode(bytes.fromhex(said["path"])))
    try:
        decoded = decode(source, name=said["name"], max_pixels=said["max_pixels"])
    except BadInputError as error:
        return {"code": error.code, "sentence": str(error)}, b""
    return {"shape": decoded.pixels.shape, "notes": decoded.notes}, np.ascontiguousarray(decoded.pixels).tobytes()


def main() -> None:
    """Be the process that decodes."""
    import cv2

    cv2.setNumThreads(1)
    answer_requests(_answer)


if __name__ == "__main__":
    main()
