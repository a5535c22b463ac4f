"""A user's ONNX graph: checked before it is opened, then run on crops by one thread of a process of its own.

ONNX Runtime is trusted to run the graph's operators and no code of the graph's own. So only its own operators are
accepted, all weights must be in the file, and its size has a limit. What operators may take of time and memory is
limited by their process.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError, ModelUnavailableError
from facepriv.own_models.description import NetworkInput, NetworkModel
from facepriv.own_models.stored import NETWORK, OwnModel
from facepriv.weights.files import require
from facepriv.weights.instances import SharedModel
from facepriv.weights.onnx_apart import ApartSession, LimitError
from facepriv.wording import some

MAX_BYTES = 1_000_000_000
MAX_OPEN = 16
"""Own models that a process keeps open."""
DOMAINS = frozenset(["", "ai.onnx", "ai.onnx.ml", "com.microsoft"])
"""Of operators that ONNX Runtime brings; those of others would need a library of theirs."""


@dataclass(frozen=True, eq=False)
class Network:
    """An open graph."""

    session: Any
    input_name: str
    """Name of the input for the crops."""
    output_name: str
    batch_size: int | None
    """Images at a time; None for any number."""
    before_softmax: str | None
    """Name of the value that the output is the softmax of, if it is."""

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the outputs ``(n, k)`` for prepared inputs ``(n, ...)``, n > 0.

        Raises ModelUnavailableError if the graph cannot be run on them.
        """
        if self.batch_size is None:
            return self._outputs(batch)
        rows = []
        for start in range(0, len(batch), self.batch_size):
            part = batch[start : start + self.batch_size]
            # A graph of a fixed number of images gets the last one again where there are fewer.
            filled = np.concatenate([part, np.repeat(part[-1:], self.batch_size - len(part), axis=0)])
            rows.append(self._outputs(filled)[: len(part)])
        return np.concatenate(rows)

    def _outputs(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        try:
            (output,) = self.session.run([self.output_name], {self.input_name: batch})
        except LimitError:
            raise
        except Exception as error:  # whatever a graph may be wrong in
            raise ModelUnavailableError(
                f"The network cannot be run on inputs of shape {batch.shape}; correct size and layout in its YAML, or "
                "export it so that it takes any number of images."
            ) from error
        array = np.asarray(output)
        if array.ndim == 0 or len(array) != len(batch) or not np.issubdtype(array.dtype, np.floating):
            raise ModelUnavailableError(
                f"The output {self.output_name} should be one row of numbers for each of {len(batch)} images, but its "
                f"shape is {array.shape} and its type {array.dtype}; name another output in the YAML."
            )
        return array.reshape(len(batch), -1).astype(np.float64)


def prepare_input(crops: NDArray[np.float32], wanted: NetworkInput) -> NDArray[np.float32]:
    """Return crops ``(n, size, size, 3)`` RGB 0..255 in the layout, colours and scale that a network reads."""
    shape = (3, 1, 1) if wanted.layout == "NCHW" else (3,)
    mean, std = (np.array(each, dtype=np.float32).reshape(shape) for each in (wanted.mean, wanted.std))
    batch = crops if wanted.colours == "RGB" else crops[..., ::-1]
    batch = batch.transpose(0, 3, 1, 2) if wanted.layout == "NCHW" else batch
    result: NDArray[np.float32] = np.subtract(batch, mean, order="C", dtype=np.float32)
    result /= std
    return result


@lru_cache(MAX_OPEN)
def shared_network(own: OwnModel) -> SharedModel[Network]:
    """Return the process's one session of an own network, opened at first use after a check of the weights' hash."""
    description = own.description
    assert isinstance(description, NetworkModel)
    (weight,) = (weight for weight in own.card.weights if weight.name == NETWORK)

    def open_checked() -> Network:
        return open_network(require(weight, "facepriv model add FILE.yaml --replace"), description)

    return SharedModel(open_checked)


def open_network(path: Path, description: NetworkModel) -> Network:
    """Check a graph and open it.

    Raises BadInputError with code ``model-network`` if it is not an acceptable graph, or not the one described.
    """
    import onnx

    size = path.stat().st_size
    if size > MAX_BYTES:
        raise _error(f"The ONNX file may have {MAX_BYTES:,} bytes at most, but has {size:,}.")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # the parser's errors share no base class
        raise _error("The file cannot be read as an ONNX graph; export it again.") from error
    graph = model.graph
    if not graph.node:
        raise _error("The ONNX file has no operators; export the network again.")
    _refuse_foreign(model)
    input_name, batch_size = _find_input(graph, description.input)
    output_name = _find_output(graph, description.output.name)
    softmax = next((node for node in graph.node if output_name in node.output and node.op_type == "Softmax"), None)
    if output_name not in _names(graph.output):
        graph.output.append(onnx.helper.make_empty_tensor_value_info(output_name))
    inputs = [value for value in graph.input if value.name == input_name or value.name in _names(graph.initializer)]
    del graph.input[:]
    graph.input.extend(inputs)
    try:
        session = ApartSession(model.SerializeToString())
    except LimitError as error:
        raise _error(str(error)) from error
    except ModelUnavailableError as error:
        raise _error(
            "ONNX Runtime cannot open the ONNX graph; export the network again, with an older opset if need be."
        ) from error
    return Network(session, input_name, output_name, batch_size, None if softmax is None else softmax.input[0])


def _refuse_foreign(model: Any) -> None:
    """Raise an error if weights are in other files, or operators need code of their own."""
    import onnx
    from onnx.external_data_helper import uses_external_data

    parts = [part for whole in (model.graph, *model.functions) for part in _parts(whole)]
    if any(isinstance(part, onnx.TensorProto) and uses_external_data(part) for part in parts):
        raise _error(
            "The ONNX file must hold all its weights, but some are in another file; write one file with "
            "onnx.save_model(model, FILE, save_as_external_data=False)."
        )
    own = {function.domain for function in model.functions}
    foreign = {part.domain for part in parts if isinstance(part, onnx.NodeProto)} - DOMAINS - own
    if foreign:
        raise _error(
            f"The network may use ONNX Runtime's own operators only, but some are of {some(sorted(foreign))}; export "
            "it without them."
        )


def _parts(message: Any) -> Iterator[Any]:
    """Yield a part of a graph and all parts inside it: operators, their attributes, weights, inner graphs."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from _parts(part)


def _names(values: Any) -> set[str]:
    return {value.name for value in values}


def _find_input(graph: Any, wanted: NetworkInput) -> tuple[str, int | None]:
    """Return the input's name and its number of images, after a check of its type and shape."""
    from onnx import NodeProto, TensorProto

    # Some exporters also declare weights as inputs, or values that nothing reads.
    used = {name for part in _parts(graph) if isinstance(part, NodeProto) for name in part.input}
    inputs = {v.name: v for v in graph.input if v.name in used and v.name not in _names(graph.initializer)}
    name = wanted.name if wanted.name is not None else next(iter(inputs), "")
    if name not in inputs:
        raise _error(f"The graph has no input called {name!r}; its inputs are {some(list(inputs))}.")
    if len(inputs) > 1:
        raise _error(f"The graph must read one image only, but it has the inputs {some(list(inputs))}.")
    tensor = inputs[name].type.tensor_type
    if tensor.elem_type != TensorProto.FLOAT:
        raise _error(f"The input {name} must be float32, but is {TensorProto.DataType.Name(tensor.elem_type)}.")
    # A dimension that has a name only, or nothing at all, takes any number.
    shape = [dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None for dim in tensor.shape.dim]
    edge = wanted.size
    expected = [3, edge, edge] if wanted.layout == "NCHW" else [edge, edge, 3]
    if len(shape) != 4 or any(size not in (None, other) for size, other in zip(shape[1:], expected, strict=True)):
        raise _error(
            f"For layout {wanted.layout} and size {edge} the input {name} must have the shape {('N', *expected)}, but "
            f"has {tuple('any' if size is None else size for size in shape)}; correct size or layout."
        )
    return name, shape[0]


def _find_output(graph: Any, wanted: str | None) -> str:
    outputs = [value.name for value in graph.output]
    if wanted is None:
        if len(outputs) != 1:
            raise _error(f"The graph has the outputs {some(outputs)}; name one of them under output.name.")
        return str(outputs[0])
    if not any(wanted in node.output for node in graph.node):
        raise _error(f"The graph has no value called {wanted!r}; its outputs are {some(outputs)}.")
    return wanted


def _error(sentence: str) -> BadInputError:
    return BadInputError(sentence, code="model-network")
