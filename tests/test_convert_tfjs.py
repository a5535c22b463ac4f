"""The example that converts TensorFlow.js models, against the operators written out in NumPy."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import yaml

from facepriv.own_models.description import NetworkClassifier, read_yaml
from facepriv.own_models.network import open_network
from tests.own_model_files import EXAMPLES

sys.path.insert(0, str(EXAMPLES))

import convert_tfjs as example


def text(*values: str) -> list[str]:
    return [base64.b64encode(value.encode()).decode() for value in values]


def whole(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(value) for value in values]}}


def node(name: str, op: str, *inputs: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "op": op, "input": list(inputs), "attr": attributes}


def placeholder(*shape: int) -> dict[str, Any]:
    return node("image", "Placeholder", shape={"shape": {"dim": [{"size": str(size)} for size in (-1, *shape)]}})


SAME, VALID = ({"s": text(kind)[0]} for kind in ("SAME", "VALID"))
FUSED = {"fused_ops": {"list": {"s": text("BiasAdd", "Relu")}}}
SIZE = 9


def write_model(folder: Path, nodes: list[dict[str, Any]], weights: dict[str, Any], **more: Any) -> Path:
    """Write model.json and two weight files; a weight may come with the type that it is stored in."""
    manifest, data = [], b""
    for name, given in weights.items():
        values, stored = given if isinstance(given, tuple) else (given, None)
        values = np.asarray(values)
        entry = {"name": name, "shape": list(values.shape), "dtype": "int32" if values.dtype.kind == "i" else "float32"}
        if stored == "float16":
            entry["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
            values = values.astype("<f2")
        elif stored is not None:
            low, high = float(values.min()), float(values.max())
            scale = (high - low) / np.iinfo(stored).max
            entry["quantization"] = {"dtype": stored, "scale": scale, "min": low}
            values = np.round((values - low) / scale).astype(stored)
        else:
            values = values.astype("<i4" if values.dtype.kind == "i" else "<f4")
        manifest.append(entry)
        data += values.tobytes()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.bin").write_bytes(data[:100])
    (folder / "b.bin").write_bytes(data[100:])
    constants = [node(name, "Const") for name in weights]
    model = {
        "format": "graph-model",
        "modelTopology": {"node": [*constants, *nodes]},
        "weightsManifest": [{"paths": ["a.bin", "b.bin"], "weights": manifest}],
        **more,
    }
    (folder / "model.json").write_text(json.dumps(model), encoding="utf-8")
    return folder / "model.json"


def run_converted(file: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    model = json.loads(file.read_text(encoding="utf-8"))
    graph = example.convert(model, example.read_weights(file.parent, model["weightsManifest"]))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: images}), strict=True))


def padded(images: np.ndarray, kernel: int, stride: int, fill: float) -> np.ndarray:
    """Fill the borders as TensorFlow's SAME does: the odd one goes below and to the right."""
    size = images.shape[1]
    missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    ends = (missing // 2, missing - missing // 2)
    return np.pad(images, ((0, 0), ends, ends, (0, 0)), constant_values=fill)


def windows(images: np.ndarray, kernel: int, stride: int) -> np.ndarray:
    """Return ``(n, out, out, kernel, kernel, channels)``."""
    steps = range(0, images.shape[1] - kernel + 1, stride)
    return np.stack(
        [np.stack([images[:, y : y + kernel, x : x + kernel] for x in steps], axis=1) for y in steps], axis=1
    )


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [2, 3])
def test_convolutions_and_pools_fill_borders_as_tensorflow_does(tmp_path, rng, stride, kernel):
    images = rng.normal(size=(2, SIZE + 1, SIZE + 1, 3)).astype(np.float32)
    filters = rng.normal(size=(kernel, kernel, 3, 4)).astype(np.float32)
    deep = rng.normal(size=(kernel, kernel, 3, 2)).astype(np.float32)
    bias = rng.normal(size=4).astype(np.float32)
    steps, window = whole(1, stride, stride, 1), whole(1, kernel, kernel, 1)
    nodes = [
        placeholder(SIZE + 1, SIZE + 1, 3),
        node("full", "_FusedConv2D", "image", "filters", "bias", strides=steps, padding=SAME, **FUSED),
        node("valid", "Conv2D", "image", "filters", strides=steps, padding=VALID),
        node("by-channel", "DepthwiseConv2dNative", "image", "deep", strides=steps, padding=SAME),
        node("greatest", "MaxPool", "image", ksize=window, strides=steps, padding=SAME),
        node("mean", "AvgPool", "image", ksize=window, strides=steps, padding=SAME),
    ]
    came = run_converted(write_model(tmp_path, nodes, {"filters": filters, "deep": deep, "bias": bias}), images)

    seen = windows(padded(images, kernel, stride, 0.0), kernel, stride)
    expected = {
        "full": np.maximum(np.einsum("nyxijc,ijco->nyxo", seen, filters) + bias, 0),
        "valid": np.einsum("nyxijc,ijco->nyxo", windows(images, kernel, stride), filters),
        "by-channel": np.einsum("nyxijc,ijcm->nyxcm", seen, deep).reshape(*seen.shape[:3], 6),
        "greatest": windows(padded(images, kernel, stride, -np.inf), kernel, stride).max(axis=(3, 4)),
        "mean": np.nanmean(windows(padded(images, kernel, stride, np.nan), kernel, stride), axis=(3, 4)),
    }
    assert set(came) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(came[name], values, atol=1e-5, err_msg=name)


def test_the_other_operators(tmp_path, rng):
    images = rng.normal(size=(2, 4, 4, 3)).astype(np.float32)
    factors = rng.normal(size=(5, 48)).astype(np.float32)
    weights = {
        "shape": np.array([-1, 48]),
        "axes": np.array([1, 2]),
        "axis": np.array(-1),
        "pads": np.array([[0, 0], [1, 2], [0, 1], [0, 0]]),
        "factors": factors,
        "bias": np.arange(5, dtype=np.float32),
        "begin": np.array([0, 1, -1]),
        "end": np.array([0, 3, 0]),
        "step": np.array([1, 2, 1]),
        "two": np.float32(2),
    }
    masks = {"begin_mask": {"i": "1"}, "end_mask": {"i": "1"}, "shrink_axis_mask": {"i": "4"}}
    nodes = [
        node("part", "StridedSlice", "image", "begin", "end", "step", **masks),
        node("sum", "Sum", "image", "axes", keep_dims={"b": True}),
        node("flat", "Reshape", "image", "shape"),
        node("product", "_FusedMatMul", "flat", "factors", "bias", transpose_b={"b": True}, **FUSED),
        node(
            "longer",
            "ExpandDims",
            "product:0",
            "axis",
        ),
        node("shorter", "Squeeze", "longer", squeeze_dims=whole(2)),
        node("clipped", "Relu6", "shorter"),
        node("wider", "Pad", "image", "pads"),
        node("root", "Rsqrt", "squared"),
        node("squared", "Square", "image"),
        node("least", "Minimum", "image", "two", "^wider"),
        node("chances", "Softmax", "shorter"),
        placeholder(4, 4, 3),
    ]
    came = run_converted(write_model(tmp_path, nodes, weights), images)
    product = np.maximum(images.reshape(2, -1) @ factors.T + np.arange(5), 0)
    raised = np.exp(product - product.max(axis=1, keepdims=True))
    expected = {
        "part": images[:, 1:3:2, -1],
        "sum": images.sum(axis=(1, 2), keepdims=True),
        "clipped": np.clip(product, 0, 6),
        "wider": np.pad(images, ((0, 0), (1, 2), (0, 1), (0, 0))),
        "root": 1 / np.abs(images),
        "least": np.minimum(images, 2),
        "chances": raised / raised.sum(axis=1, keepdims=True),
    }
    assert set(came) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(came[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(("stored", "most"), [("uint8", 1 / 255), ("uint16", 1 / 65535), ("float16", 1e-3)])
def test_quantised_weights_are_undone(tmp_path, rng, stored, most):
    values = rng.uniform(-1, 1, size=(3, 60))
    file = write_model(tmp_path, [], {"plain": values, "small": (values, stored), "whole": np.array([7, -2])})
    weights = example.read_weights(tmp_path, json.loads(file.read_text())["weightsManifest"])
    np.testing.assert_allclose(weights["plain"], values, atol=1e-6)
    np.testing.assert_allclose(weights["small"], values, atol=most * 1.01)
    assert np.abs(weights["small"] - values).max() > 0
    assert weights["whole"].tolist() == [7, -2]
    (tmp_path / "b.bin").write_bytes((tmp_path / "b.bin").read_bytes() + b"\0")
    with pytest.raises(SystemExit, match="fetch them again"):
        example.read_weights(tmp_path, json.loads(file.read_text())["weightsManifest"])


def gender_model(folder: Path, rng: np.random.Generator, *, channels: int = 3) -> Path:
    """Write a network with two heads, of gender and of five ages."""
    weights = {
        "axes": np.array([1, 2]),
        "gender": (rng.normal(size=(channels, 2)), "uint8"),
        "age": rng.normal(size=(channels, 5)),
    }
    nodes = [
        placeholder(16, 16, channels),
        node("mean", "Mean", "image", "axes"),
        node("of-gender", "MatMul", "mean", "gender"),
        node("of-age", "MatMul", "mean", "age"),
        node("chances", "Softmax", "of-gender"),
        node("Identity", "Identity", "chances"),
        node("Identity_1", "Softmax", "of-age"),
    ]
    signature = {"outputs": {"gender": {"name": "Identity:0"}, "age": {"name": "Identity_1:0"}}}
    return write_model(folder, nodes, weights, signature=signature)


def test_command_writes_what_facepriv_takes(tmp_path, rng, monkeypatch, capsys):
    file = gender_model(tmp_path / "published", rng, channels=1)
    monkeypatch.chdir(tmp_path)
    crop = "eye-square,side=4.2,below=0.4"
    example.main([str(file), "tiny", "--labels", "female,male", "--mean", "127.5", "--std", "127.5", "--crop", crop])
    assert "facepriv model add tiny.yaml" in capsys.readouterr().out
    described = read_yaml((tmp_path / "tiny.yaml").read_bytes())
    assert isinstance(described, NetworkClassifier)
    assert described.output.name == "of-gender", "the logits, not their softmax"
    assert described.output.meaning == "logits"
    assert described.input.size == 16
    assert described.crop.side == 4.2
    network = open_network(tmp_path / "tiny.onnx", described)
    red, blue = np.zeros((2, 1, 16, 16, 3), dtype=np.float32)
    red[..., 0], blue[..., 2] = 1, 1
    np.testing.assert_allclose(network(red) * example.GREY[2], network(blue) * example.GREY[0], rtol=1e-4)


def test_command_asks_for_what_it_cannot_know(tmp_path, rng, monkeypatch):
    file = gender_model(tmp_path / "published", rng)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="Nothing says what the numbers of mean are"):
        example.main([str(file), "tiny", "--labels", "female,male", "--output", "mean"])
    with pytest.raises(SystemExit):
        example.main([str(file), "tiny"])  # which label comes first
    example.main([str(file), "matching", "--kind", "matcher", "--crop", "five-points", "--colours", "BGR"])
    assert yaml.safe_load((tmp_path / "matching.yaml").read_text())["output"] == {"name": "of-age"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model: model.update(modelTopology={"model_config": {}}), "tfjs_layers_model"),
        (lambda model: model["modelTopology"]["node"].append(node("x", "NonMaxSuppressionV5", "image")), "tf2onnx"),
        (lambda model: model["modelTopology"]["node"].append({**placeholder(4, 4, 3), "name": "other"}), "2 inputs"),
    ],
)
def test_other_models_are_refused_in_a_sentence(tmp_path, rng, change, said):
    file = gender_model(tmp_path, rng)
    model = json.loads(file.read_text())
    change(model)
    with pytest.raises(SystemExit, match=said):
        example.convert(model, example.read_weights(tmp_path, model["weightsManifest"]))


def test_script_stands_alone(tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "convert_tfjs.py"), "--help"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "--labels" in done.stdout
