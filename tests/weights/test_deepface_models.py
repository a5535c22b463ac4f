"""What facepriv knows of deepface's models is what the installed deepface says."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from facepriv.classify.registry import classifiers
from facepriv.errors import ModelUnavailableError
from facepriv.match.registry import matchers
from facepriv.weights.deepface_clients import make_dlib_network, network_input, open_client
from facepriv.weights.deepface_models import MATCHERS, MODELS
from facepriv.weights.onnx_session import make_session


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_file_and_address_are_deepface_own(model):
    client = open_client(model, network=None)  # an ONNX client refuses any other file than model.file
    module = import_module(type(client).__mro__[1 if model.name == "deepface-buffalo-l" else 0].__module__)
    source = inspect.getsource(module)
    assert f'"{model.url}"' in source
    assert f'"{Path(model.file).name}"' in source


@pytest.mark.parametrize("model", MATCHERS, ids=lambda model: model.name)
def test_shapes_and_thresholds_are_deepface_own(model):
    from deepface.modules.verification import find_threshold

    client = open_client(model, network=None)
    assert client.input_shape == model.input_shape
    assert client.output_shape == model.outputs
    assert model.threshold == pytest.approx(1 - find_threshold(model.deepface_name, "cosine"))
    assert f"cosine is {model.threshold:g}." in model.notes


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_the_documents_tell_of_it_what_its_card_tells(model):
    lines = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith(f"| `{model.name}` | `")]
    width, height = model.input_shape
    size = "not known" if model.bytes is None else f"{model.bytes:,} bytes"
    threshold = "" if model.threshold is None else f"{model.threshold:g}"
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:4] == [f"`{model.file}`", size, f"{width} x {height}"]
    assert cells[4].startswith(f"{model.outputs}")
    assert cells[5] == threshold


def test_every_matcher_that_runs_without_tensorflow_is_here():
    """All but Facebook's DeepFace, whose name would be that of the package."""
    from deepface.modules import modeling

    offered = {
        name for name, where in modeling.AVAILABLE_MODELS["facial_recognition"].items() if {*where} & {"onnx", "any"}
    }
    assert {model.deepface_name for model in MATCHERS} == offered - {"DeepFace"}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_model_is_registered_under_its_name(model):
    registry = matchers if model.kind == "matcher" else classifiers
    made = registry.create(model.name)
    assert made.card.name == model.name
    assert made.name.partition("@")[0] == model.name
    assert made.card.kind == model.kind
    assert made.card.weights[0].bytes == model.bytes


def test_no_client_downloads(monkeypatch):
    from deepface.commons import weight_utils

    def reached(*args, **kwargs):
        pytest.fail("deepface's download was reached")

    monkeypatch.setattr(weight_utils, "download_weights_if_necessary", reached)
    for model in MODELS.values():
        client = open_client(model, network="checked")
        assert "checked" in (client.model, getattr(client.model, "model", None))


def test_network_input_is_blue_first_and_up_to_one_as_deepface_own_preprocessing_gives_it():
    from deepface.modules import preprocessing

    crop = np.random.default_rng(0).uniform(0, 255, (6, 5, 3)).astype(np.float32)
    crop[0, 0] = [255, 0, 51]
    before = crop.copy()
    batch = network_input(crop)
    assert batch.shape == (1, 6, 5, 3)
    assert batch.dtype == np.float32
    np.testing.assert_allclose(batch[0, 0, 0], [0.2, 0, 1], atol=1e-6)
    np.testing.assert_array_equal(crop, before)
    bgr = np.ascontiguousarray(crop[..., ::-1])
    theirs = preprocessing.normalize_input(preprocessing.resize_image(bgr, (6, 5)), normalization="base")
    np.testing.assert_array_equal(batch, theirs)
    past = np.full((6, 5, 3), np.nextafter(np.float32(255), np.float32(256)), dtype=np.float32)
    assert network_input(past).max() == 1, "deepface's Dlib client would take it for an image in 0..255"
    assert network_input(np.ones((6, 5, 3), dtype=np.float32)).max() == pytest.approx(1 / 255), "dark, not bright"


def test_what_is_no_graph_is_refused(tmp_path):
    path = tmp_path / "page.onnx"
    path.write_text("<html>Not Found</html>")
    with pytest.raises(ModelUnavailableError, match="should be an ONNX graph"):
        make_session(path)
    with pytest.raises(ModelUnavailableError, match="should be dlib's recognition network"):
        make_dlib_network(path)


def test_listing_models_imports_no_deepface():
    code = (
        "import sys; from facepriv.services.models.catalogue import list_models; list_models(); "
        "print(sorted({m.partition('.')[0] for m in sys.modules} & {'deepface', 'onnxruntime', 'onnx', 'pooch'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
