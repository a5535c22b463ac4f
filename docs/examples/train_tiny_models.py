"""Train two tiny models on the demo faces: a gender network as ONNX, and the numbers of `score_faces.py`.

Tiny models learn as much as fits into 24 x 24 grey pixels. They show the formats; do not judge anything by them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression

from facepriv.datasets.demo import read_demo
from facepriv.imaging.acquire import acquire
from facepriv.imaging.crop import take_crop
from facepriv.imaging.decode import decode
from facepriv.imaging.five_points import five_point_square

SIZE = 24
GREY = np.array([0.299, 0.587, 0.114])


def crops_and_labels() -> tuple[np.ndarray, np.ndarray]:
    """Crop one image of every demo subject: ``(n, 24, 24, 3)`` RGB 0..255, and +1 for male, -1 for female."""
    crops, labels = [], []
    for image in read_demo(images_per_subject=1).images:
        pixels = decode(image.path, name=image.name, max_pixels=10_000_000).pixels
        face = acquire(pixels, image_id=image.name, subject=image.subject, label=image.label, several="largest")
        crops.append(take_crop(five_point_square(face, size=SIZE), face.pixels))
        labels.append(image.label)
    return np.stack(crops), np.array(labels)


def write_network(slopes: np.ndarray, bias: float, file: Path) -> None:
    """Write a graph that reads (n, 24, 24, 3) RGB 0..1 and gives the two logits of female and male."""
    by_colour = slopes.reshape(SIZE, SIZE, 1) * GREY
    weights = np.stack([-by_colour.ravel() / 2, by_colour.ravel() / 2], axis=1).astype(np.float32)
    biases = np.array([-bias / 2, bias / 2], dtype=np.float32)
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "biases"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny-gender",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(biases, "biases")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save_model(model, str(file))


def main(folder: Path) -> None:
    """Write ``tiny-gender.onnx`` and ``tiny-gender.json`` into a folder."""
    crops, labels = crops_and_labels()
    grey = (crops @ GREY / 255).reshape(len(crops), -1)
    # Brightness alone tells nothing worth knowing, so every image counts as its difference from its own mean.
    centred = grey - grey.mean(axis=1, keepdims=True)
    fitted = LogisticRegression(C=0.1, max_iter=1000).fit(centred, labels)
    slopes = fitted.coef_[0] - fitted.coef_[0].mean()
    write_network(slopes, float(fitted.intercept_[0]), folder / "tiny-gender.onnx")
    numbers = {"slopes": slopes.tolist(), "bias": float(fitted.intercept_[0])}
    (folder / "tiny-gender.json").write_text(json.dumps(numbers), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
