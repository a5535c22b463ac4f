"""The process that decodes, over which images of some names do what they are called."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from facepriv.imaging import decoder
from facepriv.imaging.decode import Decoded, decode

HARM = {
    "too-slow": lambda: time.sleep(600),
    "too-much-memory": lambda: bytes(3 << 30),
    "not-decodable": lambda: os.kill(os.getpid(), signal.SIGSEGV),
}


def misbehave(data: bytes | Path, *, name: str, max_pixels: int) -> Decoded:
    if name in HARM:
        HARM[name]()
    return decode(data, name=name, max_pixels=max_pixels)


if __name__ == "__main__":
    decoder.decode = misbehave
    decoder.main()
