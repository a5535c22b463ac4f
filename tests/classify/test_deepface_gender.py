"""deepface's gender client, run for real on small ONNX graphs with the signature of its gender network.

The published weights take ``(n, 224, 224, 3)`` and give ``(n, 2)`` probabilities, Woman first, after a softmax.
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facepriv.classify.deepface_gender import FLOOR, LOGITS, DeepFaceGender, log_odds_of_probabilities, logits_session
from facepriv.deepface_models import GENDER, record_path
from facepriv.errors import ModelUnavailableError
from facepriv.imaging.crop import take_crop
from facepriv.services.models import status_of
from facepriv.types import AttributeClassifier
from facepriv.weights import own_path, sha256_of
from tests.contracts import test_classifiers as contract

# Logits from the means of blue, green and red: rows are the channels as fed, columns Woman and Man.
WEIGHTS = np.array([[3.0, -2.0], [0.5, 1.0], [-4.0, 6.0]], dtype=np.float32)
STEEP = WEIGHTS * 100


def write_graph(path, weights, *, end):
    """Write a graph: means of the channels, a matrix, and an end that turns logits into probabilities."""
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
    graph = helper.make_graph(
        nodes,
        "gender",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 224, 224, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


@pytest.fixture
def make_classifier(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path))

    def make(weights=WEIGHTS, end="softmax"):
        path = own_path(GENDER.inside)
        path.parent.mkdir(parents=True)
        write_graph(path, weights, end=end)
        record_path(GENDER).write_text(f"{sha256_of(path)}  {GENDER.file}\n")
        return DeepFaceGender()

    return make


@pytest.fixture
def classifier(make_classifier):
    return make_classifier()


@pytest.fixture
def inputs(classifier, faces):
    return np.stack([take_crop(classifier.crop(face), face.pixels) for face in faces[:4]])


test_crop_is_a_crop_of_fixed_size = contract.test_crop_is_a_crop_of_fixed_size
test_scores_are_finite_log_odds = contract.test_scores_are_finite_log_odds
test_no_image_gives_no_score = contract.test_no_image_gives_no_score
test_a_batch_scores_like_its_images_one_by_one = contract.test_a_batch_scores_like_its_images_one_by_one
test_leaves_its_input_alone_and_repeats_itself = contract.test_leaves_its_input_alone_and_repeats_itself
test_scores_do_not_tie_under_a_small_change = contract.test_scores_do_not_tie_under_a_small_change


def test_is_a_classifier(classifier):
    assert isinstance(classifier, AttributeClassifier)
    assert status_of(classifier.card).usable
    assert len(classifier.version) == 12


def expected(inputs, weights):
    logits = inputs.astype(np.float64).mean(axis=(1, 2))[:, ::-1] / 255 @ weights.astype(np.float64)
    return logits[:, 1] - logits[:, 0]


@pytest.mark.parametrize("end", ["softmax", "softmax, identity", "other"])
def test_score_is_the_log_odds_of_the_man_fed_blue_first_up_to_one(make_classifier, faces, end):
    classifier = make_classifier(end=end)
    crops = np.stack([take_crop(classifier.crop(face), face.pixels) for face in faces[:3]])
    np.testing.assert_allclose(classifier.score(crops), expected(crops, WEIGHTS), rtol=1e-4)


def test_log_odds_pass_the_range_of_a_probability(make_classifier):
    classifier = make_classifier(STEEP)
    crops = np.full((2, 224, 224, 3), 200, dtype=np.float32)
    crops[1, 100, 100] += 20
    scores = classifier.score(crops)
    np.testing.assert_allclose(scores, expected(crops, STEEP), rtol=1e-4)
    assert scores[0] > -np.log(FLOOR)
    assert scores[0] != scores[1]


def test_without_a_softmax_at_the_end_the_floor_bounds_the_score(make_classifier):
    classifier = make_classifier(WEIGHTS * np.float32(12), end="other")
    crops = np.zeros((1, 224, 224, 3), dtype=np.float32)
    crops[..., 0] = 255
    (score,) = classifier.score(crops)
    assert expected(crops, WEIGHTS * 12)[0] == pytest.approx(120)
    assert score == pytest.approx(-np.log(FLOOR))
    np.testing.assert_allclose(log_odds_of_probabilities(np.array([[0.0, 1.0]])), [[np.log(FLOOR), 0]])


@pytest.mark.parametrize(("end", "output"), [("softmax", LOGITS), ("softmax, identity", LOGITS), ("other", None)])
def test_logits_are_taken_where_the_graph_allows_it(tmp_path, end, output):
    write_graph(tmp_path / "g.onnx", WEIGHTS, end=end)
    (found,) = logits_session(tmp_path / "g.onnx").get_outputs()
    assert found.name == (output or "probabilities")


def test_without_weights_it_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path))
    classifier = DeepFaceGender()
    assert status_of(classifier.card).how == "facepriv fetch deepface-gender"
    with pytest.raises(ModelUnavailableError, match="facepriv fetch deepface-gender"):
        classifier.score(np.zeros((1, 224, 224, 3), dtype=np.float32))
