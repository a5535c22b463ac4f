"""An ONNX graph that a user brought, opened and run in a process of its own with limits of time and memory.

ONNX Runtime runs whatever a graph says: a loop without end, or a tensor that needs all memory. Here that ends the
process, and whoever asked is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.child_process import ChildProcess, Said, answer_requests
from facepriv.errors import ModelUnavailableError

SECONDS = 60.0
"""How long opening a graph, or running it on one batch, may take."""
MEMORY = 4 << 30
"""Bytes that a graph may take beside its own size."""


class LimitError(ModelUnavailableError):
    """A graph took too long or too much memory, or ended its process."""


class ApartSession:
    """A graph in a process of its own; opened again after one that had to be ended.

    Raises ModelUnavailableError, when it is made, if the graph cannot be opened within the limits.
    """

    def __init__(self, graph: bytes, *, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self._graph = graph
        self._seconds, self._memory = seconds, memory + 3 * len(graph)
        self._process = ChildProcess("facepriv.weights.onnx_apart")
        self._open()

    def run(self, outputs: list[str], inputs: Mapping[str, NDArray[np.float32]]) -> list[NDArray[Any]]:
        """Return one output for one input of float32.

        Raises ModelUnavailableError if the graph cannot be run on it within the limits.
        """
        ((name, batch),), (output,) = inputs.items(), outputs
        if not self._process.is_running:
            self._open()
        asked = {"input": name, "shape": batch.shape, "output": output}
        said, data = self._ask(asked, np.ascontiguousarray(batch, np.float32).tobytes())
        return [np.frombuffer(data, said["type"]).reshape(said["shape"])]

    def _open(self) -> None:
        self._ask({"open": True}, self._graph)

    def _ask(self, asked: Said, data: bytes) -> tuple[Said, bytearray]:
        what = "opened" if "open" in asked else "run on a batch of images"
        try:
            said, answered = self._process.ask(asked, data, seconds=self._seconds, memory=self._memory)
        except TimeoutError as error:
            raise LimitError(
                f"The network could not be {what} within {self._seconds:g} seconds and was ended; export it without "
                "loops, or use a smaller one."
            ) from error
        except EOFError as error:
            raise LimitError(
                f"The network made the program that runs it fail when it was {what}; export it again, with an older "
                "opset if need be."
            ) from error
        if said.get("out_of_memory"):
            self._process.close()
            raise LimitError(
                f"The network needs more than {self._memory / (1 << 30):.1f} GiB of memory to be {what} and was ended; "
                "use a smaller one."
            )
        if "error" in said:
            raise ModelUnavailableError(said["error"])
        return said, answered


def main() -> None:
    """Be the process that opens and runs one graph."""
    from facepriv.weights.onnx_session import make_session

    session: Any = None

    def answer(said: Said, data: bytes) -> tuple[Said, bytes]:
        nonlocal session
        try:
            if "open" in said:
                session = make_session(data)
                return {}, b""
            batch = np.frombuffer(data, np.float32).reshape(said["shape"])
            (output,) = session.run([said["output"]], {said["input"]: batch})
        except Exception as error:  # ONNX Runtime's errors share no public base class
            text = f"{error} {error.__cause__ or ''}"
            if "alloc" in text.casefold():
                raise MemoryError from error
            return {"error": str(error)}, b""
        result = np.ascontiguousarray(output)
        if result.dtype.kind not in "fiub":
            return {"error": f"The output is of type {result.dtype}, not of numbers."}, b""
        return {"shape": result.shape, "type": result.dtype.str}, result.tobytes()

    answer_requests(answer)


if __name__ == "__main__":
    main()
