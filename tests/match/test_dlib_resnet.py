"""The graph made of dlib's file gives the templates that dlib gives, as face_recognition calls it."""

from __future__ import annotations

import dlib
import numpy as np
import pytest

from facepriv.errors import ModelUnavailableError
from facepriv.imaging.crop import take_crop
from facepriv.imaging.face_chip import five_point_shape
from facepriv.match.dlib_resnet import CARD, MOST, DlibResnet
from facepriv.match.dlib_resnet_graph import INPUT, TEMPLATE, make_graph
from facepriv.match.templates import unit_rows
from facepriv.weights.files import require_all
from facepriv.weights.onnx_session import make_session

LIMIT = 1e-4


@pytest.fixture(scope="module")
def network():
    path, _ = require_all(CARD)
    return dlib.face_recognition_model_v1(str(path))


def test_templates_are_dlibs(network, others):
    theirs = [network.compute_face_descriptor(np.ascontiguousarray(f.pixels), five_point_shape(f), 1) for f in others]
    theirs = unit_rows(np.array(theirs))
    ours = DlibResnet().embed(others)
    np.testing.assert_allclose(ours, theirs, atol=LIMIT)
    np.testing.assert_allclose(DlibResnet().compare(ours, ours), theirs @ theirs.T, atol=LIMIT)


def test_raw_numbers_are_dlibs_before_they_are_scaled(network, faces):
    """Their length is part of the network, whether or not a comparison uses it."""
    path, _ = require_all(CARD)
    chip = np.clip(np.rint(take_crop(DlibResnet().crop(faces[0]), faces[0].pixels)), 0, 255).astype(np.uint8)
    batch = np.ascontiguousarray(chip[None].transpose(0, 3, 1, 2), dtype=np.float32)
    (raw,) = make_session(make_graph(path)).run([TEMPLATE], {INPUT: batch})
    np.testing.assert_allclose(raw[0], np.array(network.compute_face_descriptor(chip)), atol=LIMIT)


def test_more_faces_than_a_pass_takes_are_as_one_by_one(faces):
    many = [faces[place % len(faces)] for place in range(MOST + 3)]
    matcher = DlibResnet()
    np.testing.assert_allclose(matcher.embed(many), np.concatenate([matcher.embed([face]) for face in many]), atol=1e-6)


def test_a_file_of_other_layers_is_refused(tmp_path):
    path, _ = require_all(CARD)
    data = path.read_bytes()
    cut = tmp_path / "network.dat"
    cut.write_bytes(data[: data.rindex(b"con_4") - 2])
    with pytest.raises(ModelUnavailableError):
        make_graph(cut)
