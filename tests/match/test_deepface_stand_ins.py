"""The adapters of deepface's ONNX matchers, run by deepface's own clients on stand-ins for the published weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepriv.errors import ModelUnavailableError
from facepriv.imaging.deepface_alignment import deepface_input
from facepriv.match.deepface import DeepFaceMatcher
from facepriv.match.registry import matchers
from facepriv.services.models.catalogue import status_of
from facepriv.types import FaceMatcher
from facepriv.weights.deepface_clients import InsightFaceNetwork
from facepriv.weights.deepface_models import MATCHERS, DeepFaceModel
from facepriv.weights.deepface_models import MODELS as ALL_MODELS
from facepriv.weights.files import data_path
from tests.contracts import test_matchers as contract
from tests.deepface_graphs import (
    cell_means,
    let_deepface_find,
    stand_in_matrix,
    trust,
    write_stand_in,
)

BUFFALO_L, DLIB, FACENET, SFACE = (ALL_MODELS[f"deepface-{name}"] for name in ("buffalo-l", "dlib", "facenet", "sface"))

# deepface's Dlib and SFace are run with real weights, in test_deepface.py.
MODELS = {model.name: model for model in MATCHERS if model not in (DLIB, SFACE)}


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEPRIV_HOME", str(folder))
        for model in MODELS.values():
            write_stand_in(data_path(model.inside), model)
            trust(model)
        yield folder


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def model(request) -> DeepFaceModel:
    return request.param


@pytest.fixture
def matcher(model) -> FaceMatcher:
    return matchers.create(model.name)


test_is_a_matcher = contract.test_is_a_matcher
test_templates_are_unit_rows = contract.test_templates_are_unit_rows
test_no_face_gives_no_template = contract.test_no_face_gives_no_template
test_together_as_one_by_one_and_twice_alike = contract.test_together_as_one_by_one_and_twice_alike
test_leaves_faces_alone = contract.test_leaves_faces_alone
test_compare_gives_gallery_by_probes = contract.test_compare_gives_gallery_by_probes
test_a_missing_template_compares_as_nan = contract.test_a_missing_template_compares_as_nan
test_threads_may_compare_at_once_and_order_does_not_matter = (
    contract.test_threads_may_compare_at_once_and_order_does_not_matter
)


def test_template_is_the_one_that_deepface_itself_computes_of_the_file_with_its_defaults(
    matcher, model, faces, home, monkeypatch
):
    from deepface import DeepFace

    assert status_of(matcher.card).usable
    if model is BUFFALO_L:
        pytest.importorskip("insightface", reason="deepface itself needs the package insightface for this model")
    let_deepface_find(home, monkeypatch)
    (found,) = DeepFace.represent(faces[0].pixels[..., ::-1].copy(), model_name=model.deepface_name)
    theirs = np.array(found["embedding"])
    (ours,) = matcher.embed(faces[:1])
    np.testing.assert_allclose(ours, theirs / np.linalg.norm(theirs), atol=1e-6)


def test_template_is_that_of_the_colours_and_scale_of_the_network(matcher, model, faces):
    batch = deepface_input(faces[0], *model.input_shape)
    width, height = model.input_shape
    assert batch.shape == (1, height, width, 3)
    # InsightFace takes red first, -1..1; deepface's own networks blue first, 0..1.
    fed = 2 * batch[0, ..., ::-1] - 1 if model is BUFFALO_L else batch[0]
    expected = cell_means(fed) @ stand_in_matrix(model.outputs).astype(np.float64)
    (template,) = matcher.embed(faces[:1])
    np.testing.assert_allclose(template, expected / np.linalg.norm(expected), atol=2e-5)


def test_where_deepface_finds_no_face_there_is_no_template(matcher, faces):
    blank = replace(faces[0], pixels=np.full_like(faces[0].pixels, 128))
    rows = matcher.embed([faces[0], blank])
    assert np.isfinite(rows[0]).all()
    assert np.isnan(rows[1]).all()


def test_weights_that_give_another_number_of_numbers_are_refused(faces, tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path))
    write_stand_in(data_path(FACENET.inside), FACENET, outputs=512)
    trust(FACENET)
    with pytest.raises(ModelUnavailableError, match="expected to give 128 numbers for a face, but gave 512"):
        DeepFaceMatcher(FACENET).embed(faces[:1])


@pytest.mark.parametrize(("first", "mean", "scale"), [("cells", 127.5, 127.5), ("Sub_0", 0, 1)])
def test_an_insightface_graph_that_normalises_by_itself_is_given_grey_levels(tmp_path, first, mean, scale):
    small = replace(BUFFALO_L, outputs=8)
    write_stand_in(tmp_path / "g.onnx", small, first=first)
    network = InsightFaceNetwork(tmp_path / "g.onnx")
    image = np.random.default_rng(0).uniform(0, 255, (112, 112, 3)).astype(np.float32)
    expected = cell_means((image[..., ::-1] - mean) / scale) @ stand_in_matrix(8).astype(np.float64)
    np.testing.assert_allclose(network.get_feat(image)[0], expected, rtol=1e-3, atol=1e-3)
