"""Fitted maps as ONNX graphs, so that production can apply them without Python.

The map's own code is traced: it is called with arrays that write down what is done with them. A graph takes

- ``rows``: (n, d) float32 templates,
- ``drawn``: (n, k) float64, what `FittedProtection.draw` returns for their subjects, where the protection is keyed,
- ``men``: (n, 1) float64, 1 for men and 0 for women, where labels are told at enrolment,

and returns ``protected``: (n, d) float32. Without a key and without draws it is the map of probes (`export_probe_map`).
Nothing of the key is in the file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from facepriv.errors import BadInputError
from facepriv.exported_files import open_private
from facepriv.protect.base import FittedProtection
from facepriv.protect.draws import LEAST_KEY_BYTES

_OPSET = 17
_IR_VERSION = 9
_OPERATIONS: dict[Any, str] = {
    np.add: "Add",
    np.subtract: "Sub",
    np.multiply: "Mul",
    np.true_divide: "Div",
    np.matmul: "MatMul",
    np.maximum: "Max",
    np.minimum: "Min",
    np.sqrt: "Sqrt",
    np.greater: "Greater",
    np.greater_equal: "GreaterOrEqual",
    np.less: "Less",
    np.less_equal: "LessOrEqual",
}
_LEAST_LENGTH = 1e-12


class _Graph:
    """The nodes and constants written down so far."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(np.shape(value)), name))
        return name

    def node(self, operation: str, *inputs: Any, **attributes: Any) -> _Traced:
        from onnx import helper

        names = [one.name if isinstance(one, _Traced) else self.constant(one) for one in inputs]
        name = f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, names, [name], **attributes))
        return _Traced(self, name)


class _Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """Stands for an array of float64 whose values are not known yet."""

    def __init__(self, graph: _Graph, name: str) -> None:
        self.graph, self.name = graph, name

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options or function not in _OPERATIONS:
            return NotImplemented
        inputs = tuple(one if isinstance(one, _Traced) else np.asarray(one, dtype=np.float64) for one in inputs)
        return self.graph.node(_OPERATIONS[function], *inputs)

    def __array_function__(self, function: Any, types: Any, given: Any, options: Any) -> Any:
        if function is np.where and not options:
            condition, *values = given
            return self.graph.node(
                "Where",
                condition,
                *(one if isinstance(one, _Traced) else np.asarray(one, np.float64) for one in values),
            )
        if function is np.take_along_axis and options == {"axis": 1}:
            return self.graph.node("GatherElements", *given, axis=1)
        return NotImplemented

    def sum(self, *, axis: int, keepdims: bool) -> _Traced:
        """Return the sums along an axis."""
        return self.graph.node("ReduceSum", self, np.array([axis], dtype=np.int64), keepdims=int(keepdims))

    def astype(self, dtype: Any) -> _Traced:
        """Return the values in another type."""
        from onnx import helper

        return self.graph.node("Cast", self, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def export_onnx(fitted: FittedProtection, path: Path | str) -> None:
    """Write the map of records; with what was drawn and who is a man as further inputs, where it needs them.

    Raises BadInputError with code ``not-exportable`` if the protection computes its map by functions that are not known
    here.
    """

    def build(graph: _Graph, rows: _Traced) -> tuple[Any, list[tuple[str, int]]]:
        inputs: list[tuple[str, int]] = []
        drawn: Any = None
        if fitted.card.keyed:
            width = fitted.draw(np.array(["somebody"]), key=bytes(LEAST_KEY_BYTES)).shape[1]
            inputs.append(("drawn", width))
            drawn = _Traced(graph, "drawn")
        men: Any = None
        if fitted.card.label_at_enrolment == "label":
            inputs.append(("men", 1))
            men = _Traced(graph, "men")
        return fitted.protection.map_rows(fitted.arrays, rows, drawn, men), inputs  # type: ignore[arg-type]

    _export(fitted, path, build)


def export_probe_map(fitted: FittedProtection, path: Path | str) -> None:
    """Write the map of probes, which the card asks for where it says "mapped"; else the graph returns what it is given.

    Raises BadInputError as `export_onnx` does.
    """

    def build(graph: _Graph, rows: _Traced) -> tuple[Any, list[tuple[str, int]]]:
        if fitted.card.probes == "as they are":
            return rows, []
        return fitted.protection.map_probe_rows(fitted.arrays, rows), []  # type: ignore[arg-type]

    _export(fitted, path, build)


def _export(
    fitted: FittedProtection,
    path: Path | str,
    build: Callable[[_Graph, _Traced], tuple[Any, list[tuple[str, int]]]],
) -> None:
    from onnx import TensorProto, checker, helper

    graph = _Graph()
    try:
        given = _Traced(graph, "rows")
        mapped, inputs = build(graph, given.astype(np.float64))
        if not isinstance(mapped, _Traced):
            raise TypeError("the map does not depend on its rows")
    except (TypeError, AttributeError, ValueError) as error:
        raise BadInputError(
            f"The map of {fitted.card.name} cannot be written as ONNX; apply it from its .npz file instead.",
            code="not-exportable",
        ) from error
    if fitted.metric == "cosine":
        mapped = mapped / np.maximum(np.sqrt((mapped * mapped).sum(axis=1, keepdims=True)), _LEAST_LENGTH)
    protected = mapped.astype(np.float32)
    graph.nodes.append(helper.make_node("Identity", [protected.name], ["protected"]))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            fitted.card.name,
            [
                helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", fitted.width]),
                *(helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n", width]) for name, width in inputs),
            ],
            [helper.make_tensor_value_info("protected", TensorProto.FLOAT, ["n", fitted.width])],
            graph.constants,
        ),
        producer_name="facepriv",
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    checker.check_model(model)
    with open_private(Path(path), "wb") as stream:
        stream.write(model.SerializeToString(deterministic=True))
