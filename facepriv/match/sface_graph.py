"""SFace's published graph, for many faces in one pass and at ONNX Runtime's full speed; the same templates come out.

The file holds the weights as whole numbers in blocks, which ONNX Runtime would turn into floats at every pass, and
parametric rectifiers, which cost it twice the time of all convolutions: they take the layers out of the order of
channels in which convolutions are fast. Rectifiers and convolutions of one point keep it (ADR 0042).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

INPUT, TEMPLATE = "data", "fc1"


def make_graph(path: Path) -> bytes:
    """Return the graph in a file of OpenCV Zoo's, SFace with or without weights in blocks, rewritten.

    Inputs ``(n, 3, 112, 112)`` RGB 0..255; raw templates ``(n, 128)``.
    """
    import onnx
    from onnx import numpy_helper

    graph = (model := onnx.load(str(path))).graph
    constants = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
    nodes: list[Any] = []
    for node in graph.node:
        (output,) = node.output
        if node.op_type == "DequantizeLinear":
            constants[output] = _dequantised(node, *(constants[name] for name in node.input))
        elif node.op_type == "Reshape" and set(node.input) <= set(constants):
            weights, shape = (constants[name] for name in node.input)
            constants[output] = weights.reshape(shape)
        elif node.op_type == "PRelu":
            values, slopes = node.input
            nodes += _rectifier(values, output, constants[slopes], constants)
        else:
            nodes.append(node)
    used = {name for node in nodes for name in node.input}
    shapes = [
        value.type.tensor_type.shape for value in (*graph.input, *graph.output) if value.name in (INPUT, TEMPLATE)
    ]
    for shape in shapes:
        shape.dim[0].dim_param = "n"
    inputs = [value for value in graph.input if value.name == INPUT]
    for part in (graph.node, graph.initializer, graph.input, graph.value_info):
        del part[:]
    graph.node.extend(nodes)
    graph.input.extend(inputs)
    graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(values), name)
        for name, values in constants.items()
        if name in used
    )
    return bytes(model.SerializeToString())


def _dequantised(
    node: Any, weights: NDArray[np.int8], scales: NDArray[np.float32], zeros: NDArray[np.int8]
) -> NDArray[np.float32]:
    """Return whole numbers as the weights that they stand for; each block along an axis has its scale and zero."""
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    axis, block = attributes["axis"], attributes["block_size"]
    places = np.arange(weights.shape[axis]) // block
    scale, zero = (values.take(places, axis=axis).astype(np.float32) for values in (scales, zeros))
    return np.asarray((weights.astype(np.float32) - zero) * scale, dtype=np.float32)


def _rectifier(values: str, output: str, slopes: NDArray[np.float32], constants: dict[str, NDArray[Any]]) -> list[Any]:
    """Return nodes that multiply negative values by their channel's slope: slope * x + (1 - slope) * max(x, 0)."""
    from onnx import helper

    channels = slopes.size
    names = rectified, below, above = [f"{output}-{part}" for part in ("rectified", "slopes", "above")]
    for name, factors in ((below, slopes), (above, 1 - slopes)):
        constants[name] = factors.astype(np.float32).reshape(channels, 1, 1, 1)
    point = {"group": channels, "kernel_shape": [1, 1]}
    parts = [f"{name}-part" for name in names[1:]]
    return [
        helper.make_node("Relu", [values], [rectified]),
        helper.make_node("Conv", [rectified, above], [parts[1]], **point),
        helper.make_node("Conv", [values, below], [parts[0]], **point),
        helper.make_node("Add", parts, [output]),
    ]
