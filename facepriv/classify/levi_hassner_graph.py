"""Levi and Hassner's networks as ONNX graphs, made of the weights that OpenCV reads from their Caffe files.

ONNX Runtime takes less than half of OpenCV's time for the same logits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SIZE = 227
"""Pixels along an edge of the input."""
INPUT, LOGITS = "data", "fc8"
NEIGHBOURS, ALPHA = 5, 1e-4
"""Of the normalisation across channels."""


def make_graph(net: Any) -> bytes:
    """Return the graph of a network (Levi and Hassner 2015, section 3.1), opened by OpenCV, without its softmax.

    Three convolutions with rectifiers and maxima, the first two normalised across channels, and three full layers.
    Inputs ``(n, 3, 227, 227)`` BGR less the mean; logits ``(n, classes)``.
    """
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    weights: list[Any] = []

    def add(kind: str, name: str, inputs: list[str], **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def learnt(layer: str) -> list[str]:
        kernel, bias = (np.ascontiguousarray(blob, dtype=np.float32) for blob in net.getLayer(layer).blobs)
        names = [f"{layer}-weights", f"{layer}-bias"]
        weights.extend(map(numpy_helper.from_array, (kernel, bias.ravel()), names))
        return names

    def convolve(layer: str, values: str, **attributes: Any) -> str:
        name = add("Conv", layer, [values, *learnt(layer)], **attributes)
        name = add("Relu", f"{layer}-rectified", [name])
        return add("MaxPool", f"{layer}-pooled", [name], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)

    def normalise(values: str, channels: int) -> str:
        """Divide by (1 + 1e-4 * the mean square of five neighbouring channels) ** .75.

        As convolution and roots this takes a fifth of the time of ONNX Runtime's own LRN.
        """
        window = np.abs(np.subtract.outer(np.arange(channels), np.arange(channels))) <= NEIGHBOURS // 2
        names = [f"{values}-{part}" for part in ("window", "one")]
        sums = (window * np.float32(ALPHA / NEIGHBOURS)).astype(np.float32)[:, :, None, None]
        weights.extend(map(numpy_helper.from_array, (sums, np.ones(channels, dtype=np.float32)), names))
        squares = add("Mul", f"{values}-squares", [values, values])
        root = add("Sqrt", f"{values}-root", [add("Conv", f"{values}-sums", [squares, *names])])
        divisor = add("Mul", f"{values}-divisor", [root, add("Sqrt", f"{values}-root-of-root", [root])])
        return add("Div", f"{values}-normalised", [values, divisor])

    def connect(layer: str, values: str) -> str:
        return add("Gemm", layer, [values, *learnt(layer)], transB=1)

    values = normalise(convolve("conv1", INPUT, strides=[4, 4]), 96)
    values = normalise(convolve("conv2", values, pads=[2, 2, 2, 2]), 256)
    values = add("Flatten", "flat", [convolve("conv3", values, pads=[1, 1, 1, 1])])
    for layer in ("fc6", "fc7"):
        values = add("Relu", f"{layer}-rectified", [connect(layer, values)])
    connect(LOGITS, values)
    classes = len(net.getLayer(LOGITS).blobs[0])
    graph = helper.make_graph(
        nodes,
        "levi-hassner",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["n", classes])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return bytes(model.SerializeToString())
