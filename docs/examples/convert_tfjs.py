"""Convert a TensorFlow.js graph model to ONNX, and write the YAML with which facepriv takes it as an own model.

Usage: python3 convert_tfjs.py model.json NAME --labels male,female [--kind matcher] [--size 112] [--mean 127.5]
           [--std 127.5] [--colours BGR] [--crop eye-square,side=3.75,below=0.4] [--output VALUE] [--meaning logits]

Reads model.json and the weight files that it names, undoes their quantisation, and writes NAME.onnx and NAME.yaml here.
The network computes the same numbers but for rounding. A network for grey images gets a conversion from RGB put before
it. It needs onnx, onnxruntime and PyYAML, which come with facepriv, and no TensorFlow.

What model.json does not say, you must find in the publisher's code: which label comes first, how pixels are scaled, and
how the face is cropped. As the output of a classifier the logits are taken where the graph has any, with two numbers or
one; --output names another value.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 18, 9
TYPES = {"float32": "<f4", "float16": "<f2", "int32": "<i4", "uint8": "u1", "uint16": "<u2", "bool": "?"}
GREY = (0.2989, 0.5870, 0.1140)
ALIKE = (
    "Abs",
    "Elu",
    "Exp",
    "Identity",
    "MatMul",
    "Mul",
    "Neg",
    "Reciprocal",
    "Relu",
    "Sigmoid",
    "Softmax",
    "Sub",
    "Tanh",
)
SAME_IN_ONNX = {
    **{name: name for name in ALIKE},
    "Add": "Add",
    "AddV2": "Add",
    "BiasAdd": "Add",
    "Maximum": "Max",
    "Minimum": "Min",
    "RealDiv": "Div",
}
"""Operators of TensorFlow.js that are one of ONNX, under its name."""
REDUCTIONS = {"Mean": "ReduceMean", "Sum": "ReduceSum", "Max": "ReduceMax", "Min": "ReduceMin"}
END = 2**31 - 1
"""End of a slice that goes to the last element, whatever the size."""
Node = Mapping[str, Any]
Array = NDArray[Any]


def read_weights(folder: Path, manifest: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    """Return the weights by name as float32, int32 or bool, from the files of a weights manifest."""
    weights: dict[str, Array] = {}
    for group in manifest:
        data = b"".join((folder / path).read_bytes() for path in group["paths"])
        start = 0
        for entry in group["weights"]:
            quantised = entry.get("quantization")
            stored = np.dtype(TYPES[quantised["dtype"] if quantised else entry["dtype"]])
            number = int(np.prod(entry["shape"], dtype=np.int64))
            values: Array = np.frombuffer(data, stored, number, start).reshape(entry["shape"])
            start += number * stored.itemsize
            if quantised and stored.kind == "u":
                values = values * float(quantised["scale"]) + float(quantised["min"])
                values = np.round(values) if entry["dtype"] == "int32" else values
            weights[entry["name"]] = values.astype(np.dtype(TYPES[entry["dtype"]]))
        if start != len(data):
            sys.exit(f"The weight files should have {start:,} bytes, but have {len(data):,}; fetch them again.")
    return weights


class Converter:
    """An ONNX graph in the making. Values keep the names of the nodes that make them; images stay NHWC between them."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self._weights = weights
        self._operators: dict[str, Callable[[Node, list[str]], object]] = {
            **dict.fromkeys(SAME_IN_ONNX, self._same),
            **dict.fromkeys(("_FusedMatMul",), self._fused_product),
            **dict.fromkeys(("Conv2D", "_FusedConv2D", "DepthwiseConv2dNative"), self._convolution),
            "FusedDepthwiseConv2dNative": self._convolution,
            **dict.fromkeys(("MaxPool", "AvgPool"), self._pool),
            **dict.fromkeys(REDUCTIONS, self._reduction),
            "ExpandDims": lambda node, ins: self._with_numbers("Unsqueeze", node, ins),
            "Pad": self._pad,
            "PadV2": self._pad,
            "Relu6": lambda node, ins: self._emit("Clip", [self._of(ins[0]), *self._limits()], node["name"]),
            "Reshape": lambda node, ins: self._with_numbers("Reshape", node, ins),
            "Rsqrt": self._inverse_root,
            "Square": lambda node, ins: self._emit("Mul", [self._of(ins[0])] * 2, node["name"]),
            "Squeeze": self._squeeze,
            "StridedSlice": self._slice,
        }

    def add(self, node: Node) -> None:
        """Add what a node of the TensorFlow.js graph computes."""
        if node["op"] in ("Const", "Placeholder"):
            return
        if node["op"] not in self._operators:
            sys.exit(f"The operator {node['op']} ({node['name']}) is not known here; convert the model with tf2onnx.")
        self._operators[node["op"]](node, inputs_of(node))

    def _emit(self, operator: str, inputs: Sequence[str], name: str = "", **attributes: Any) -> str:
        name = name or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def _constant(self, values: Any, dtype: Any = np.float32) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(values, dtype=dtype), name)
        return name

    def _limits(self) -> tuple[str, str]:
        return self._constant(np.float32(0)), self._constant(np.float32(6))

    def _of(self, name: str) -> str:
        """Return the name of a value; a weight becomes a constant of the graph."""
        if name in self._weights and name not in self.constants:
            values = self._weights[name]
            integer = values.dtype.kind == "i"
            self.constants[name] = numpy_helper.from_array(values.astype(np.int64) if integer else values, name)
        return name

    def _numbers(self, name: str) -> NDArray[np.int64]:
        """Return a constant that says how to compute, such as a shape or axes."""
        if name not in self._weights:
            sys.exit(f"The shape {name} is computed in the graph, which is not known here; convert it with tf2onnx.")
        return np.atleast_1d(self._weights[name]).astype(np.int64)

    def _same(self, node: Node, inputs: list[str]) -> None:
        attributes = {"axis": -1} if node["op"] == "Softmax" else {}
        values = [self._of(each) for each in inputs]
        if node["op"] == "MatMul":
            values = self._turned(node, values)
        self._emit(SAME_IN_ONNX[node["op"]], values, node["name"], **attributes)

    def _turned(self, node: Node, values: list[str]) -> list[str]:
        flags = (attribute(node, "transpose_a", "b"), attribute(node, "transpose_b", "b"))
        pairs = zip(values, flags, strict=True)
        return [self._emit("Transpose", [value], perm=[1, 0]) if flag else value for value, flag in pairs]

    def _fused_product(self, node: Node, inputs: list[str]) -> None:
        self._finish(
            self._emit("MatMul", self._turned(node, [self._of(each) for each in inputs[:2]])), node, inputs[2:]
        )

    def _convolution(self, node: Node, inputs: list[str]) -> None:
        filters = self._weights[inputs[1]].astype(np.float32)
        options: dict[str, Any] = {"strides": numbers(node, "strides")[1:3]}
        options["dilations"] = (numbers(node, "dilations") or [1] * 4)[1:3]
        if "Depthwise" in node["op"]:
            options["group"] = filters.shape[2]
            filters = filters.transpose(2, 3, 0, 1).reshape(-1, 1, *filters.shape[:2])
        else:
            filters = filters.transpose(3, 2, 0, 1)
        crossed = self._emit("Transpose", [self._of(inputs[0])], perm=[0, 3, 1, 2])
        done = self._emit("Conv", [crossed, self._constant(filters)], **options, **padding(node))
        self._finish(self._emit("Transpose", [done], perm=[0, 2, 3, 1]), node, inputs[2:])

    def _finish(self, value: str, node: Node, further: list[str]) -> None:
        """Add what is fused with a node: a bias and an activation."""
        rest = list(further)
        for text in attribute(node, "fused_ops", "list", {}).get("s", []):
            step = base64.b64decode(text).decode()
            if step == "BiasAdd":
                value = self._emit("Add", [value, self._of(rest.pop(0))])
            elif step == "Relu6":
                value = self._emit("Clip", [value, *self._limits()])
            elif step == "Prelu":
                value = self._emit("PRelu", [value, self._of(rest.pop(0))])
            elif step == "LeakyRelu":
                value = self._emit("LeakyRelu", [value], alpha=float(attribute(node, "leakyrelu_alpha", "f", 0.2)))
            elif step in ("Relu", "Elu", "Sigmoid", "Tanh"):
                value = self._emit(step, [value])
            else:
                sys.exit(f"The fused operator {step} ({node['name']}) is not known here; convert it with tf2onnx.")
        self._emit("Identity", [value], node["name"])

    def _pool(self, node: Node, inputs: list[str]) -> None:
        operator = {"MaxPool": "MaxPool", "AvgPool": "AveragePool"}[node["op"]]
        options: dict[str, Any] = {
            "kernel_shape": numbers(node, "ksize")[1:3],
            "strides": numbers(node, "strides")[1:3],
        }
        crossed = self._emit("Transpose", [self._of(inputs[0])], perm=[0, 3, 1, 2])
        self._emit(
            "Transpose", [self._emit(operator, [crossed], **options, **padding(node))], node["name"], perm=[0, 2, 3, 1]
        )

    def _reduction(self, node: Node, inputs: list[str]) -> None:
        axes = self._constant(self._numbers(inputs[1]), np.int64)
        kept = int(bool(attribute(node, "keep_dims", "b")))
        self._emit(REDUCTIONS[node["op"]], [self._of(inputs[0]), axes], node["name"], keepdims=kept)

    def _with_numbers(self, operator: str, node: Node, inputs: list[str]) -> None:
        self._emit(operator, [self._of(inputs[0]), self._constant(self._numbers(inputs[1]), np.int64)], node["name"])

    def _pad(self, node: Node, inputs: list[str]) -> None:
        ends = self._weights[inputs[1]].T.reshape(-1)
        value = [self._of(inputs[2])] if len(inputs) > 2 else []
        self._emit("Pad", [self._of(inputs[0]), self._constant(ends, np.int64), *value], node["name"])

    def _inverse_root(self, node: Node, inputs: list[str]) -> None:
        self._emit("Reciprocal", [self._emit("Sqrt", [self._of(inputs[0])])], node["name"])

    def _squeeze(self, node: Node, inputs: list[str]) -> None:
        axes = numbers(node, "squeeze_dims") or numbers(node, "axis")
        self._emit("Squeeze", [self._of(inputs[0]), *([self._constant(axes, np.int64)] if axes else [])], node["name"])

    def _slice(self, node: Node, inputs: list[str]) -> None:
        if int(attribute(node, "ellipsis_mask", "i", 0)) or int(attribute(node, "new_axis_mask", "i", 0)):
            sys.exit(f"A slice with new axes ({node['name']}) is not known here; convert the model with tf2onnx.")
        begin, end, step = (self._numbers(each).copy() for each in inputs[1:4])
        marked = {
            name: [bool(int(attribute(node, name, "i", 0)) >> axis & 1) for axis in range(len(begin))]
            for name in ("begin_mask", "end_mask", "shrink_axis_mask")
        }
        begin[marked["begin_mask"]] = np.where(step > 0, 0, END)[marked["begin_mask"]]
        end[marked["end_mask"]] = np.where(step > 0, END, -END)[marked["end_mask"]]
        single = np.flatnonzero(marked["shrink_axis_mask"])
        end[single] = np.where(begin[single] == -1, END, begin[single] + 1)
        parts = [self._constant(each, np.int64) for each in (begin, end, np.arange(len(begin)), step)]
        if not len(single):
            self._emit("Slice", [self._of(inputs[0]), *parts], node["name"])
            return
        cut = self._emit("Slice", [self._of(inputs[0]), *parts])
        self._emit("Squeeze", [cut, self._constant(single, np.int64)], node["name"])


def attribute(node: Node, name: str, kind: str, otherwise: Any = None) -> Any:
    """Return an attribute's value of a kind: ``i``, ``f``, ``b``, ``s`` or ``list``."""
    return node.get("attr", {}).get(name, {}).get(kind, otherwise)


def numbers(node: Node, name: str) -> list[int]:
    """Return an attribute that is a list of whole numbers."""
    return [int(each) for each in attribute(node, name, "list", {}).get("i", [])]


def padding(node: Node) -> dict[str, Any]:
    """Return how the borders of a convolution or a pooling are filled up."""
    kind = base64.b64decode(attribute(node, "padding", "s")).decode()
    if kind == "EXPLICIT":
        _, _, top, bottom, left, right, *_ = numbers(node, "explicit_paddings")
        return {"pads": [top, left, bottom, right]}
    return {"auto_pad": {"SAME": "SAME_UPPER", "VALID": "VALID"}[kind]}


def inputs_of(node: Node) -> list[str]:
    """Return the names of the nodes that a node reads."""
    return [name.partition(":")[0] for name in node.get("input", []) if not name.startswith("^")]


def in_order(nodes: Sequence[Node]) -> list[Node]:
    """Return nodes so that each comes after those that it reads."""
    by_name = {node["name"]: node for node in nodes}
    done: dict[str, Node] = {}
    waiting = [node["name"] for node in reversed(nodes)]
    while waiting:
        name = waiting[-1]
        missing = [each for each in inputs_of(by_name[name]) if each in by_name and each not in done]
        if name in done or not missing:
            done.setdefault(name, by_name[name])
            waiting.pop()
        waiting += missing if name not in done else []
    return list(done.values())


def convert(model: Mapping[str, Any], weights: Mapping[str, Array]) -> onnx.ModelProto:
    """Return a TensorFlow.js graph model as ONNX with the same outputs; RGB is made grey where it wants grey."""
    topology = model.get("modelTopology", {})
    if "node" not in topology:
        sys.exit(
            "A graph model was expected, but this is something else, such as a layers model; make a graph model with "
            "tensorflowjs_converter --input_format=tfjs_layers_model --output_format=tfjs_graph_model."
        )
    nodes = in_order(topology["node"])
    images = [node for node in nodes if node["op"] == "Placeholder"]
    if len(images) != 1:
        sys.exit(f"A graph that reads one image was expected, but it has {len(images)} inputs.")
    made = Converter(weights)
    for node in nodes:
        made.add(node)
    name = images[0]["name"]
    shape = [int(dim.get("size", -1)) for dim in images[0]["attr"]["shape"]["shape"].get("dim", [])]
    if len(shape) != 4 or shape[3] not in (1, 3):
        sys.exit(f"An input of the shape (n, height, width, 3 or 1) was expected, but it is {tuple(shape)}.")
    if shape[3] == 1:
        made.constants["grey"] = numpy_helper.from_array(np.array(GREY, dtype=np.float32).reshape(3, 1), "grey")
        made.nodes.insert(0, helper.make_node("MatMul", ["rgb", "grey"], [name], name="to_grey"))
        name = "rgb"
    used = {each for node in made.nodes for each in node.input}
    graph = helper.make_graph(
        made.nodes,
        "converted",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *("h" if d < 0 else d for d in shape[1:3]), 3])],
        [helper.make_tensor_value_info(each, TensorProto.FLOAT, None) for each in outputs_of(model, nodes)],
        [tensor for each, tensor in made.constants.items() if each in used],
    )
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    whole = onnx.shape_inference.infer_shapes(whole)
    onnx.checker.check_model(whole)
    return whole


def outputs_of(model: Mapping[str, Any], nodes: Sequence[Node]) -> list[str]:
    """Return the names of the outputs: those of the signature, else what nothing reads."""
    signature = model.get("signature") or (model.get("userDefinedMetadata") or {}).get("signature") or {}
    named = [each["name"].partition(":")[0] for each in signature.get("outputs", {}).values()]
    read = {each for node in nodes for each in inputs_of(node)}
    return named or [node["name"] for node in nodes if node["name"] not in read and node["op"] != "Const"]


def choices(model: onnx.ModelProto, size: int) -> dict[str, tuple[int, str | None]]:
    """Return what may be named as the output: how many numbers, and what they are if that is known, by value."""
    makers = {node.output[0]: node for node in model.graph.node}
    values: dict[str, str | None] = {}
    for output in (value.name for value in model.graph.output):
        last = output
        while makers[last].op_type == "Identity":
            last = makers[last].input[0]
        kind = {"Softmax": "logits", "Sigmoid": "logit"}.get(makers[last].op_type)
        values[makers[last].input[0] if kind else output] = kind
    probed = onnx.ModelProto.FromString(model.SerializeToString())
    probed.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in values
        if name not in {value.name for value in model.graph.output}
    )
    session = onnxruntime.InferenceSession(probed.SerializeToString(), providers=["CPUExecutionProvider"])
    grey = np.full((1, size, size, 3), 0.5, dtype=np.float32)
    rows = session.run(list(values), {model.graph.input[0].name: grey})
    return {name: (int(np.asarray(row).size), kind) for (name, kind), row in zip(values.items(), rows, strict=True)}


def describe(options: argparse.Namespace, output: str, meaning: str | None, size: int) -> dict[str, Any]:
    """Return the description for facepriv."""
    kind, *settings = options.crop.split(",")
    crop = {"kind": kind, **{name: float(value) for name, value in (each.split("=") for each in settings)}}
    of_output: dict[str, Any] = {"name": output}
    if options.kind == "classifier":
        of_output |= {"meaning": meaning, "labels": options.labels.split(",")}
    scale = {"mean": options.mean, "std": options.std}
    return {
        "name": options.name,
        "kind": options.kind,
        "licence": options.licence,
        "source": options.source,
        "network": f"{options.name}.onnx",
        "input": {"size": size, "layout": "NHWC", "colours": options.colours, **scale},
        "crop": crop,
        "output": of_output,
    }


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="model.json")
    parser.add_argument("name", help="name of the own model, and of the files written")
    parser.add_argument("--kind", choices=("classifier", "matcher"), default="classifier")
    parser.add_argument("--labels", help="female,male or male,female: the order of two numbers; one is of the last")
    parser.add_argument("--output", help="value of the graph; by default the only one that fits")
    parser.add_argument("--meaning", choices=("logits", "logit", "probabilities", "probability"))
    parser.add_argument("--size", type=int, help="pixels along an edge, where the model does not say")
    parser.add_argument("--mean", type=float, nargs="+", default=0.0)
    parser.add_argument("--std", type=float, nargs="+", default=1.0)
    parser.add_argument("--colours", choices=("RGB", "BGR"), default="RGB")
    parser.add_argument("--crop", default="eye-square", help="kind,option=value,... as in docs/your-own-models.md")
    parser.add_argument("--licence", default="not stated")
    parser.add_argument("--source", default="not stated")
    options = parser.parse_args(arguments)
    if options.kind == "classifier" and not options.labels:
        parser.error("--labels is needed: the order in which the publisher's code reads the numbers")
    for name in ("mean", "std"):
        value = getattr(options, name)
        setattr(options, name, value[0] if isinstance(value, list) and len(value) == 1 else value)
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Write NAME.onnx and NAME.yaml into the working folder."""
    options = parse(arguments)
    model = json.loads(options.model.read_text(encoding="utf-8"))
    weights = read_weights(options.model.parent, model.get("weightsManifest", []))
    graph = convert(model, weights)
    size = options.size or graph.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    if not size:
        sys.exit("The model takes any size, so give the one that the publisher's code uses with --size.")
    values = choices(graph, size)
    fitting = [name for name, (width, _) in values.items() if (width > 2) == (options.kind == "matcher")]
    output = options.output or (fitting[0] if len(fitting) == 1 else None)
    if output is None:
        known = ", ".join(f"{name} ({width})" for name, (width, _) in values.items())
        sys.exit(f"Name the output with --output; there are, with their numbers: {known}.")
    meaning = options.meaning or values.get(output, (0, None))[1]
    if options.kind == "classifier" and meaning is None:
        sys.exit(f"Nothing says what the numbers of {output} are; give --meaning, such as probability.")
    onnx.save_model(graph, f"{options.name}.onnx")
    text = yaml.safe_dump(describe(options, output, meaning, size), sort_keys=False)
    Path(f"{options.name}.yaml").write_text(text, encoding="utf-8")
    written = f"{options.name}.onnx and {options.name}.yaml are written."
    sys.stdout.write(f"{written} Next: facepriv model add {options.name}.yaml\n")


if __name__ == "__main__":
    main()
