"""dlib's face recognition network (King 2017) as an ONNX graph, made of the file that dlib reads.

29 convolutions, each followed by a factor and a shift of every channel, which are taken into its weights; all but the
first in blocks of two, to which the block's input is added. ONNX Runtime takes a fraction of dlib's time for the same
templates (ADR 0042).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import ModelUnavailableError

SIZE = 150
"""Pixels along an edge of the input."""
WIDTH = 128
INPUT, TEMPLATE = "chip", "template"
MEANS, SCALE = (122.782, 117.001, 104.298), 256
"""Taken off the grey levels red, green and blue, and what the rest is divided by (dlib, ``input_rgb_image``)."""
HALVING = (*(False,) * 3, *(True, False, False, False), *(True, False, False), *(True, False, False), True)
"""Whether a block halves the edges of what it is given, in the network's order."""


class _Weights:
    """Reads weights from a file of dlib's, which holds layers in the order in which they compute.

    A layer is its kind, with its number of letters in front, its weights as a tensor, then its settings.
    """

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        self._place = 0

    def find(self, kind: str, settings: int = 0) -> NDArray[np.float32]:
        """Go to the next layer of a kind and return its weights as one row; so many settings stand before them."""
        name = bytes([1, len(kind)]) + kind.encode()
        start = self._data.find(name, self._place)
        if start < 0:
            raise ModelUnavailableError(
                "The file should hold dlib's face recognition network, but holds another; use the one that its author "
                "publishes."
            )
        self._place = start + len(name)
        for _ in range(settings + 1):  # and the tensor's format
            self.number()
        sides = [self.number() for _ in range(4)]
        values = np.frombuffer(self._data, "<f4", int(np.prod(sides)), self._place)
        self._place += values.nbytes
        return values

    def number(self) -> int:
        """Read a whole number that is not negative: how many bytes it has, then these, the lowest first."""
        start = self._place + 1
        self._place = start + self._data[self._place]
        return int.from_bytes(self._data[start : self._place], "little")

    def convolution(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read the next convolution with its factors and shifts: kernels ``(filters, channels, h, w)`` and biases."""
        values = self.find("con_4")
        filters, height, width = (self.number() for _ in range(3))
        kernels, biases = values[:-filters].reshape(filters, -1, height, width), values[-filters:]
        factors, shifts = self.find("affine_").reshape(2, filters)
        return kernels * factors[:, None, None, None], biases * factors + shifts


class _Graph:
    """A graph that grows from its input to its output."""

    def __init__(self, weights: _Weights) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return the name of its value."""
        from onnx import helper

        name = f"{kind}-{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        name = f"constant-{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def convolve(self, value: str, stride: int) -> tuple[str, int]:
        """Add the next convolution; those that move by single pixels keep edges. Return its value and channels."""
        kernels, biases = self.weights.convolution()
        margin = kernels.shape[-1] // 2 if stride == 1 else 0
        constants = self.constant(kernels), self.constant(biases)
        return self.add("Conv", value, *constants, strides=[stride] * 2, pads=[margin] * 4), len(biases)

    def pool(self, kind: str, value: str, window: int) -> str:
        """Add the maximum or mean of windows that lie two pixels apart."""
        return self.add(kind, value, kernel_shape=[window] * 2, strides=[2, 2])

    def pad(self, value: str, channels: int = 0, pixels: int = 0) -> str:
        """Add zeros behind the channels, or below and to the right of the pixels."""
        if not channels and not pixels:
            return value
        return self.add("Pad", value, self.constant(np.array([0, 0, 0, 0, 0, channels, pixels, pixels])))


def make_graph(path: Path) -> bytes:
    """Return the graph of the network in a file of dlib's.

    Inputs ``(n, 3, 150, 150)`` RGB 0..255; raw templates ``(n, 128)``.

    Raises
    ------
    ModelUnavailableError
        If the file holds another network.
    """
    from onnx import TensorProto, helper

    graph = _Graph(_Weights(path))
    means = np.array(MEANS, dtype=np.float32)[:, None, None]
    value = graph.add("Sub", INPUT, graph.constant(means))
    value = graph.add("Mul", value, graph.constant(np.float32(1 / SCALE)))
    value, channels = graph.convolve(value, 2)
    value = graph.pool("MaxPool", graph.add("Relu", value), 3)
    edge = _edge(_edge(SIZE, 7), 3)
    for halves in HALVING:
        start, own = value, channels
        value, _ = graph.convolve(value, 2 if halves else 1)
        value, channels = graph.convolve(graph.add("Relu", value), 1)
        if halves:
            # Where mean and convolution leave unlike edges or channels, dlib adds nothing to those that only one has.
            edge, convolved = edge // 2, _edge(edge, 3)
            value = graph.pad(value, pixels=edge - convolved)
            start = graph.pad(graph.pool("AveragePool", start, 2), channels=channels - own)
        value = graph.add("Relu", graph.add("Add", value, start))
    value = graph.add("Flatten", graph.add("GlobalAveragePool", value))
    connected = graph.constant(graph.weights.find("fc_2", settings=2).reshape(channels, WIDTH))
    graph.nodes.append(helper.make_node("MatMul", [value, connected], [TEMPLATE]))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "dlib-resnet",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
            [helper.make_tensor_value_info(TEMPLATE, TensorProto.FLOAT, ["n", WIDTH])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", 13)],
    )
    model.ir_version = 8
    return bytes(model.SerializeToString())


def _edge(edge: int, window: int) -> int:
    """Return the edge that is left where windows lie two pixels apart, each wholly inside."""
    return (edge - window) // 2 + 1
