"""ONNX graphs, opened to run on one thread: parallelism comes from processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facepriv.errors import ModelUnavailableError


def make_session(graph: Path | bytes) -> Any:
    """Open an ONNX graph, given by file or bytes, on one thread of the processor.

    Raises ModelUnavailableError if it is no graph that ONNX Runtime can open.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # for who had imported it before facepriv
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # some graphs warn of each weight they do not use
    source = str(graph) if isinstance(graph, Path) else graph
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no public base class
        raise ModelUnavailableError(
            "The weights should be an ONNX graph, but ONNX Runtime cannot open them; use the file that the model's "
            "authors publish."
        ) from error
