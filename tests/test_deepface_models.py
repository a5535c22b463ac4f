"""What facepriv knows of deepface's models is what the installed deepface says."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

from facepriv.classify import classifiers
from facepriv.deepface_models import MODELS, make_session, network_input, open_client
from facepriv.errors import ModelUnavailableError
from facepriv.match import matchers


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_file_and_address_are_deepface_own(model):
    from deepface.modules import modeling

    client = open_client(model, session=None)  # refuses any other file than model.file
    module = import_module(type(client).__module__)
    addresses = [value[0] for value in vars(module).values() if isinstance(value, list) and "https://" in str(value[0])]
    assert model.url in addresses
    assert modeling.AVAILABLE_MODELS[model.task][model.deepface_name]["onnx"].endswith(type(client).__name__)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_model_is_registered_under_its_name(model):
    registry = matchers if model.kind == "matcher" else classifiers
    made = registry.create(model.name)
    assert made.name == made.card.name == model.name
    assert made.card.kind == model.kind


def test_network_input_is_blue_first_and_up_to_one():
    crop = np.zeros((6, 6, 3), dtype=np.float32)
    crop[..., 0], crop[..., 2] = 255, 51
    batch = network_input(crop, (6, 6))
    assert batch.shape == (1, 6, 6, 3)
    np.testing.assert_allclose(batch[0, 0, 0], [0.2, 0, 1], atol=1e-6)
    assert crop[0, 0].tolist() == [255, 0, 51]


def test_what_is_no_graph_is_refused(tmp_path):
    path = tmp_path / "page.onnx"
    path.write_text("<html>Not Found</html>")
    with pytest.raises(ModelUnavailableError, match="expected to be an ONNX graph"):
        make_session(path)


def test_listing_models_imports_no_deepface():
    code = (
        "import sys; from facepriv.services.models import list_models; list_models(); "
        "print(sorted({m.partition('.')[0] for m in sys.modules} & {'deepface', 'onnxruntime', 'onnx', 'pooch'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
