"""A process that does what it is told, for `tests.test_child_process`."""

from __future__ import annotations

import os
import signal
import time

from facepriv.child_process import Said, answer_requests


def answer(said: Said, data: bytes) -> tuple[Said, bytes]:
    if "print" in said:
        os.write(1, b"printed by a library")
    if "take" in said:
        bytes(said["take"])
    if "kill" in said:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(said.get("sleep", 0))
    return {"pid": os.getpid()}, data[::-1]


if __name__ == "__main__":
    answer_requests(answer)
