"""A user's ONNX graph: looked through before it is opened, then run on crops by one thread of the processor.

Trusted is ONNX Runtime: it runs the graph's operators and no code of the graph's own. So only its own operators are
taken, all weights must be in the file, and its size has a limit.
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
from facepriv.own_models.description import NetworkClassifier, NetworkInput, NetworkMatcher
from facepriv.own_models.stored import NETWORK, OwnModel
from facepriv.types import WeightFile
from facepriv.weights.deepface_clients import make_session
from facepriv.weights.files import require
from facepriv.weights.instances import SharedModel
from facepriv.wording import some

MAX_BYTES = 1_000_000_000
MAX_OPEN = 16
"""Own models that a process keeps open."""
DOMAINS = frozenset(["", "ai.onnx", "ai.onnx.ml", "com.microsoft"])
"""Of operators that ONNX Runtime brings; those of others would need a library of theirs."""


@dataclass(frozen=True, eq=False)
class Network:
    """A graph that is open."""

    session: Any
    read: str
    """Name of the input that crops go into."""
    given: str
    """Name of the output that is taken."""
    batch: int | None
    """Images that it takes at a time; None for any number."""
    before_softmax: str | None
    """Name of the value that the output is the softmax of, if it is."""

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        """Run it on prepared inputs ``(n, ...)``, n > 0; return ``(n, k)``.

        Raises
        ------
        ModelUnavailableError
            If it cannot be run on them.
        """
        if self.batch is None:
            return self._outputs(batch)
        rows = []
        for start in range(0, len(batch), self.batch):
            part = batch[start : start + self.batch]
            # A graph of a fixed number of images gets the last one again where there are fewer.
            filled = np.concatenate([part, np.repeat(part[-1:], self.batch - len(part), axis=0)])
            rows.append(self._outputs(filled)[: len(part)])
        return np.concatenate(rows)

    def _outputs(self, batch: NDArray[np.float32]) -> NDArray[np.float64]:
        try:
            (output,) = self.session.run([self.given], {self.read: batch})
        except Exception as error:  # ONNX Runtime's errors share no public base class
            raise ModelUnavailableError(
                f"A network of your own cannot be run on inputs of shape {batch.shape}: correct size and layout in its "
                "YAML, or write it so that it takes any number of images."
            ) from error
        array = np.asarray(output)
        if array.ndim == 0 or len(array) != len(batch) or not np.issubdtype(array.dtype, np.floating):
            raise ModelUnavailableError(
                f"One row of numbers for each of {len(batch)} images was expected of the output {self.given}, but its "
                f"shape is {array.shape} and its type {array.dtype}; name another output in the YAML."
            )
        return array.reshape(len(batch), -1).astype(np.float64)


def prepare_input(crops: NDArray[np.float32], wanted: NetworkInput) -> NDArray[np.float32]:
    """Turn crops ``(n, size, size, 3)`` RGB 0..255 into what a network reads."""
    shape = (3, 1, 1) if wanted.layout == "NCHW" else (3,)
    mean, std = (np.array(each, dtype=np.float32).reshape(shape) for each in (wanted.mean, wanted.std))
    batch = crops if wanted.colours == "RGB" else crops[..., ::-1]
    batch = batch.transpose(0, 3, 1, 2) if wanted.layout == "NCHW" else batch
    result: NDArray[np.float32] = np.subtract(batch, mean, order="C", dtype=np.float32)
    result /= std
    return result


def shared_network(own: OwnModel) -> SharedModel[Network]:
    """Return the process's one session of an own network, opened at first use from weights that have their hash."""
    description = own.description
    assert isinstance(description, NetworkClassifier | NetworkMatcher)
    (weight,) = (one for one in own.card.weights if one.name == NETWORK)
    return _shared(own.folder, own.card.version, weight, description)


@lru_cache(MAX_OPEN)
def _shared(
    folder: Path, version: str, weight: WeightFile, description: NetworkClassifier | NetworkMatcher
) -> SharedModel[Network]:
    def open_checked() -> Network:
        return open_network(require(weight, "facepriv model add FILE.yaml --replace"), description)

    return SharedModel(open_checked)


def open_network(path: Path, description: NetworkClassifier | NetworkMatcher) -> Network:
    """Look through a graph and open it.

    Raises
    ------
    BadInputError
        With code ``model-network`` if it is no graph that can be taken, or not the one described.
    """
    import onnx

    size = path.stat().st_size
    if size > MAX_BYTES:
        raise _bad(f"An ONNX file of at most {MAX_BYTES:,} bytes was expected, but this has {size:,}.")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # whatever the parser stumbles over
        raise _bad("An ONNX graph was expected, but the file cannot be read as one; export it again.") from error
    graph = model.graph
    if not graph.node:
        raise _bad("An ONNX graph was expected, but the file holds no operator; export the network again.")
    _refuse_foreign(model)
    read, batch = _input(graph, description.input)
    given = _output(graph, description.output.name)
    softmax = next((node for node in graph.node if given in node.output and node.op_type == "Softmax"), None)
    if given not in {value.name for value in graph.output}:
        graph.output.append(onnx.helper.make_empty_tensor_value_info(given))
    kept = [value for value in graph.input if value.name == read or value.name in _names(graph.initializer)]
    del graph.input[:]
    graph.input.extend(kept)
    try:
        session = make_session(model.SerializeToString())
    except ModelUnavailableError as error:
        raise _bad(
            "An ONNX graph that ONNX Runtime can open was expected, but it cannot open this one; export the network "
            "again, with an older opset if need be."
        ) from error
    return Network(session, read, given, batch, None if softmax is None else softmax.input[0])


def _refuse_foreign(model: Any) -> None:
    """Refuse weights in other files, and operators that would need code of their own."""
    from onnx.external_data_helper import uses_external_data

    if any(uses_external_data(tensor) for tensor in _tensors(model)):
        raise _bad(
            "An ONNX file that holds all its weights was expected, but some are in a file beside it; write it as one "
            "file, with onnx.save_model(model, FILE, save_as_external_data=False)."
        )
    own = {function.domain for function in model.functions}
    foreign = {node.domain for graph in _graphs(model) for node in graph.node} - DOMAINS - own
    foreign |= {node.domain for function in model.functions for node in function.node} - DOMAINS - own
    if foreign:
        raise _bad(
            f"Operators of ONNX Runtime's own were expected, but some are of {some(sorted(foreign))}, which would need "
            "a library of their own; export the network without them."
        )


def _graphs(model: Any) -> Iterator[Any]:
    """Return the graph and all graphs inside its operators."""
    left = [model.graph]
    for function in model.functions:
        left += _inner(function)
    while left:
        graph = left.pop()
        yield graph
        left += _inner(graph)


def _inner(graph: Any) -> list[Any]:
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    single = [attribute.g for attribute in attributes if attribute.HasField("g")]
    return single + [one for attribute in attributes for one in attribute.graphs]


def _tensors(model: Any) -> Iterator[Any]:
    parts = [*_graphs(model), *model.functions]
    for part in parts:
        yield from getattr(part, "initializer", ())
        for sparse in getattr(part, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for node in part.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                yield from attribute.tensors


def _names(values: Any) -> set[str]:
    return {value.name for value in values}


def _input(graph: Any, wanted: NetworkInput) -> tuple[str, int | None]:
    """Find the input and how many images it takes at a time; check its type and shape."""
    from onnx import TensorProto

    # Some exporters also declare weights as inputs, or values that nothing reads.
    used = {name for one in [graph, *_inner(graph)] for node in one.node for name in node.input}
    fed = {v.name: v for v in graph.input if v.name in used and v.name not in _names(graph.initializer)}
    name = wanted.name if wanted.name is not None else next(iter(fed), "")
    if name not in fed:
        raise _bad(f"An input called {name!r} was expected, but the graph's are {some(list(fed))}; name one of them.")
    if len(fed) > 1:
        raise _bad(f"A graph that reads one image was expected, but it has the inputs {some(list(fed))}.")
    tensor = fed[name].type.tensor_type
    if tensor.elem_type != TensorProto.FLOAT:
        raise _bad(f"An input of float32 was expected, but {name} is of {TensorProto.DataType.Name(tensor.elem_type)}.")
    # A dimension that is only named, or nothing at all, takes any number.
    found = [one.dim_value if one.HasField("dim_value") and one.dim_value > 0 else None for one in tensor.shape.dim]
    edge = wanted.size
    shape = [3, edge, edge] if wanted.layout == "NCHW" else [edge, edge, 3]
    fits = len(found) == 4 and all(have in (None, want) for have, want in zip(found[1:], shape, strict=True))
    if not fits:
        raise _bad(
            f"An input of shape {('N', *shape)} was expected for layout {wanted.layout} and size {edge}, but that of "
            f"{name} is {tuple('any' if one is None else one for one in found)}; correct size or layout."
        )
    return name, found[0]


def _output(graph: Any, wanted: str | None) -> str:
    if wanted is None:
        if len(graph.output) != 1:
            raise _bad(
                f"The graph has the outputs {some([one.name for one in graph.output])}; name the one to take under "
                "output.name."
            )
        return str(graph.output[0].name)
    if not any(wanted in node.output for node in graph.node):
        raise _bad(
            f"A value called {wanted!r} was expected in the graph, but there is none; its outputs are "
            f"{some([one.name for one in graph.output])}."
        )
    return wanted


def _bad(sentence: str) -> BadInputError:
    return BadInputError(sentence, code="model-network")
