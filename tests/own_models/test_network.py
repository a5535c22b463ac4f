"""Graphs are looked through before they are opened, and run as described."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facepriv.classify.own import scores_of_outputs
from facepriv.errors import BadInputError, ModelUnavailableError
from facepriv.own_models.description import ClassifierOutput, NetworkInput, parse
from facepriv.own_models.network import open_network, prepare_input
from tests.own_model_files import GENDER

SIZE = 8
NEAR = np.log(float(np.finfo(np.float32).eps))
INPUT = {"size": SIZE, "layout": "NCHW", "colours": "RGB"}


def described(**changes):
    return parse({**GENDER, "form": "network", "input": INPUT, "output": {**GENDER["output"], "name": None}, **changes})


def write(path, *, batch="n", op="Softmax", domain="", elem=TensorProto.FLOAT, external=False, edge=SIZE):
    weights = np.random.default_rng(0).normal(size=(3 * edge * edge, 2)).astype(np.float32) / 1000
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["image"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
            helper.make_node(op, ["logits"], ["out"], domain=domain),
        ],
        "g",
        [helper.make_tensor_value_info("image", elem, [batch, 3, edge, edge])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, 2])],
        [numpy_helper.from_array(weights, "weights")],
    )
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    onnx.save_model(model, str(path), save_as_external_data=external, location="beside.bin", size_threshold=0)
    return path


def crops(number):
    return np.random.default_rng(1).uniform(0, 255, (number, SIZE, SIZE, 3)).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_fixed_number_of_images_is_filled_up(tmp_path, batch):
    batches = prepare_input(crops(4), NetworkInput(**INPUT))
    free = open_network(write(tmp_path / "free.onnx"), described())
    fixed = open_network(write(tmp_path / "fixed.onnx", batch=batch), described())
    assert free.batch_size is None
    assert fixed.batch_size == batch
    np.testing.assert_allclose(fixed(batches), free(batches), rtol=1e-6)
    assert free.before_softmax == "logits"


def test_a_value_inside_the_graph_can_be_taken(tmp_path):
    path = write(tmp_path / "g.onnx")
    inside = open_network(path, described(output={**GENDER["output"], "name": "logits"}))
    end = open_network(path, described())
    batch = prepare_input(crops(3), NetworkInput(**INPUT))
    scores = scores_of_outputs(inside(batch), described().output)
    odds = scores_of_outputs(end(batch), ClassifierOutput(meaning="probabilities", labels=("female", "male")))
    np.testing.assert_allclose(scores, odds, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "changes", "fact"),
    [
        ({"external": True}, {}, "in another file"),
        ({"op": "Mystery", "domain": "evil.ops"}, {}, "evil.ops"),
        ({"op": "Mystery"}, {}, "ONNX Runtime cannot open"),
        ({"elem": TensorProto.UINT8}, {}, "UINT8"),
        ({"edge": 9}, {}, "('any', 3, 9, 9)"),
        ({}, {"input": {**INPUT, "layout": "NHWC"}}, "('N', 8, 8, 3)"),
        ({}, {"input": {**INPUT, "name": "picture"}}, "no input called 'picture'"),
        ({}, {"output": {**GENDER["output"], "name": "embedding"}}, "no value called 'embedding'"),
    ],
)
def test_what_cannot_be_taken_is_refused(tmp_path, options, changes, fact):
    with pytest.raises(BadInputError) as caught:
        open_network(write(tmp_path / "g.onnx", **options), described(**changes))
    assert fact in str(caught.value)
    assert caught.value.code == "model-network"


@pytest.mark.parametrize("content", [b"", b"<html>Not Found</html>", b"\x00" * 100])
def test_what_is_no_graph_is_refused(tmp_path, content):
    (tmp_path / "g.onnx").write_bytes(content)
    with pytest.raises(BadInputError) as caught:
        open_network(tmp_path / "g.onnx", described())
    assert caught.value.code == "model-network"


def test_prepares_colours_scale_and_layout():
    wanted = NetworkInput(size=SIZE, layout="NCHW", colours="BGR", mean=(1, 2, 3), std=(2, 4, 5))
    pixels = crops(2)
    before = pixels.copy()
    found = prepare_input(pixels, wanted)
    np.testing.assert_allclose(found[1, 0], (pixels[1, ..., 2] - 1) / 2, rtol=1e-6)
    np.testing.assert_allclose(found[1, 2], (pixels[1, ..., 0] - 3) / 5, rtol=1e-6)
    np.testing.assert_array_equal(pixels, before)
    same = NetworkInput(size=SIZE, layout="NHWC", colours="RGB")
    np.testing.assert_array_equal(prepare_input(pixels, same), pixels)


@pytest.mark.parametrize(
    ("meaning", "labels", "outputs", "expected"),
    [
        ("logits", ("female", "male"), [[1.0, 3.0]], 2.0),
        ("logits", ("male", "female"), [[1.0, 3.0]], -2.0),
        ("logit", ("female", "male"), [[0.7]], 0.7),
        ("logit", ("male", "female"), [[0.7]], -0.7),
        ("probabilities", ("female", "male"), [[0.2, 0.8]], np.log(4)),
        ("probability", ("female", "male"), [[0.8]], np.log(4)),
        ("probability", ("male", "female"), [[0.8]], -np.log(4)),
        ("probability", ("female", "male"), [[1.0]], -NEAR),
        ("probabilities", ("female", "male"), [[1.0, 0.0]], NEAR),
    ],
)
def test_log_odds_of_every_meaning(meaning, labels, outputs, expected):
    output = ClassifierOutput(meaning=meaning, labels=labels)
    np.testing.assert_allclose(scores_of_outputs(np.array(outputs), output), [expected], rtol=1e-9)


def test_outputs_that_are_not_as_described_are_refused():
    output = ClassifierOutput(meaning="probability", labels=("female", "male"))
    with pytest.raises(ModelUnavailableError, match="probabilities from 0 to 1"):
        scores_of_outputs(np.array([[3.0]]), output)
    with pytest.raises(ModelUnavailableError, match="should have 1 number for each image"):
        scores_of_outputs(np.array([[0.5, 0.5]]), output)


THREE = [[0.2, 1.7, 0.31]]
"""Female, male, age, as insightface's genderage gives them."""
EIGHTEEN = [[*range(7), 3.0, -1.0, *range(9)]]
"""Seven races, male, female, nine ages, as FairFace gives them."""


@pytest.mark.parametrize(
    ("outputs", "fields", "expected"),
    [
        (THREE, {"columns": [0, 1], "meaning": "logits"}, 1.5),
        (THREE, {"columns": [0, 1], "apply": "softmax"}, 1.5),
        (THREE, {"columns": [1, 0], "apply": "softmax", "labels": ["male", "female"]}, 1.5),
        (THREE, {"columns": [0, 1], "apply": "argmax"}, 15.942385),
        ([[1.7, 0.2, 0.31]], {"columns": [0, 1], "apply": "argmax"}, -15.942385),
        (EIGHTEEN, {"columns": [7, 8], "apply": "softmax", "labels": ["male", "female"]}, 4.0),
        (EIGHTEEN, {"columns": [7, 8], "apply": "argmax", "labels": ["male", "female"]}, 15.942385),
        ([[9.0, 40.0]], {"columns": [1], "apply": "sigmoid"}, 40.0),
        ([[9.0, -800.0]], {"columns": [1], "apply": "sigmoid", "labels": ["male", "female"]}, 800.0),
        ([[-2.0]], {"apply": "sigmoid"}, -2.0),
        ([[0.0, 0.0]], {"apply": "sigmoid"}, 0.0),
        ([[-1.0, 2.0]], {"apply": "sigmoid"}, math.log((1 + math.e) / (1 + math.exp(-2)))),
        ([[0.1, 0.2, 0.3, 0.4]], {"columns": [[0, 1], [2, 3]], "meaning": "probabilities"}, math.log(0.7 / 0.3)),
        ([[0.0, 1.0, 2.0, 9.0]], {"columns": [0, [1, 2]], "apply": "softmax"}, math.log(math.e + math.e**2)),
        ([[1.0, 0.0, 2.0]], {"columns": [0, [1, 2]], "apply": "argmax"}, 15.942385),
    ],
)
def test_heads_of_an_output_are_picked(outputs, fields, expected):
    output = ClassifierOutput(**{"labels": ["female", "male"], **fields})
    np.testing.assert_allclose(scores_of_outputs(np.array(outputs, dtype=float), output), [expected], rtol=1e-6)


@pytest.mark.parametrize(
    ("outputs", "fields", "advice"),
    [
        (THREE, {"meaning": "logits"}, r"columns: \[0, 1\] with labels: \[female, male\]"),
        (EIGHTEEN, {"meaning": "logits"}, r"columns: \[7, 8\] with labels: \[male, female\]"),
        ([[1.0, 2.0, 3.0, 4.0]], {"apply": "softmax"}, r"under output\.columns"),
        (THREE, {"columns": [2, 3], "apply": "softmax"}, r"at least 4 numbers .* has 3; correct columns"),
    ],
)
def test_advice_about_heads_can_be_followed(outputs, fields, advice):
    with pytest.raises(ModelUnavailableError, match=advice):
        scores_of_outputs(np.array(outputs, dtype=float), ClassifierOutput(labels=("female", "male"), **fields))
