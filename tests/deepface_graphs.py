"""Stand-ins for deepface's weights: small ONNX graphs with the inputs and outputs of its networks.

They show that the adapters feed and read such graphs rightly, and nothing about what the published weights say.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from facepriv.weights.deepface_models import DeepFaceModel, record_path
from facepriv.weights.files import data_path, sha256_of

CELLS = 4
"""A stand-in averages its input over a grid of so many cells in either direction."""


def stand_in_matrix(outputs: int) -> NDArray[np.float32]:
    """Give the matrix ``(3 * cells * cells, outputs)`` from means of cells, by channel and in raster order."""
    return np.random.default_rng(outputs).normal(size=(3 * CELLS * CELLS, outputs)).astype(np.float32)


def write_stand_in(path: Path, model: DeepFaceModel, *, outputs: int | None = None, first: str = "cells") -> None:
    """Write a recognition graph: means of cells of the input times `stand_in_matrix`.

    deepface's own graphs take ``(n, height, width, 3)``; InsightFace's take ``(n, 3, height, width)``.
    """
    width, height = model.input_shape
    channels_first = model.runtime == "insightface"
    outputs = outputs or model.outputs
    nodes = [] if channels_first else [helper.make_node("Transpose", ["images"], ["planes"], perm=[0, 3, 1, 2])]
    kernel = [height // CELLS, width // CELLS]
    planes = "images" if channels_first else "planes"
    nodes += [
        helper.make_node("AveragePool", [planes], ["pooled"], name=first, kernel_shape=kernel, strides=kernel),
        helper.make_node("Flatten", ["pooled"], ["means"]),
        helper.make_node("MatMul", ["means", "matrix"], ["template"]),
    ]
    if first != "cells":
        nodes[-1].name = "Mul_1"
    shape = ["n", 3, height, width] if channels_first else ["n", height, width, 3]
    _save(path, nodes, shape, ("template", outputs), {"matrix": stand_in_matrix(outputs)})


def cell_means(crop: NDArray[np.floating]) -> NDArray[np.float64]:
    """Average a crop ``(h, w, 3)`` as a stand-in does: ``(3 * cells * cells,)``, the crop's channels in their order."""
    height, width = crop.shape[0] // CELLS, crop.shape[1] // CELLS
    cut = crop[: height * CELLS, : width * CELLS].astype(np.float64)
    return cut.reshape(CELLS, height, CELLS, width, 3).mean(axis=(1, 3)).transpose(2, 0, 1).ravel()


def write_classes(path: Path, weights: NDArray[np.float32], *, end: str, batch: str | int = "n") -> None:
    """Write a graph of classes: means of the channels, a matrix ``(3, classes)``, an end that gives probabilities."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["means", "weights"], ["logits"]),
    ]
    if end == "softmax":
        nodes += [helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1)]
    elif end == "softmax, identity":
        nodes += [
            helper.make_node("Softmax", ["logits"], ["inner"], axis=1),
            helper.make_node("Identity", ["inner"], ["probabilities"]),
        ]
    else:
        nodes += [
            helper.make_node("Exp", ["logits"], ["powers"]),
            helper.make_node("ReduceL1", ["powers"], ["sum"], axes=[1], keepdims=1),
            helper.make_node("Div", ["powers", "sum"], ["probabilities"]),
        ]
    _save(path, nodes, [batch, 224, 224, 3], ("probabilities", weights.shape[1]), {"weights": weights})


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    shape: list[str | int],
    output: tuple[str, int],
    constants: dict[str, NDArray[np.float32]],
) -> None:
    name, width = output
    graph = helper.make_graph(
        nodes,
        "stand-in",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [shape[0], width])],
        [numpy_helper.from_array(value, called) for called, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(made, path)


def let_deepface_find(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let deepface itself take its weights from a data folder, whatever models it has opened before."""
    from deepface.modules import modeling

    monkeypatch.setenv("DEEPFACE_HOME", str(home / "deepface"))
    monkeypatch.delattr(modeling, "cached_models", raising=False)


def grey_levels(crop: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Write a crop as the image that deepface would be given: whole grey levels, blue first."""
    return np.ascontiguousarray(np.clip(crop.round(), 0, 255).astype(np.uint8)[..., ::-1])


def trust(model: DeepFaceModel) -> None:
    """Record the hash of what lies in a model's place, as a fetch would."""
    path = data_path(model.inside)
    record_path(model).write_text(f"{sha256_of(path)}  {path.name}\n")
