"""SFace's rewritten graph gives the templates that OpenCV's own recogniser gives of the published file."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import onnx
import pytest

from facepriv.match.sface import CARD, MOST, SFace, detect
from facepriv.match.sface_graph import make_graph
from facepriv.match.templates import unit_rows
from facepriv.weights.files import require_all

LIMIT = 1e-4


@pytest.fixture(scope="module")
def opencv():
    recogniser, detector = require_all(CARD)
    return cv2.FaceRecognizerSF.create(str(recogniser), ""), cv2.FaceDetectorYN.create(str(detector), "", (320, 320))


@pytest.fixture(scope="module")
def theirs(opencv, faces):
    """Templates as OpenCV's users compute them, one face at a time."""
    recogniser, detector = opencv
    rows = []
    for face in faces[: MOST + 2]:
        bgr = np.ascontiguousarray(face.pixels[..., ::-1])
        rows.append(recogniser.feature(recogniser.alignCrop(bgr, detect(detector, face)[None]))[0].copy())
    return unit_rows(np.array(rows))


def test_templates_are_opencvs(theirs, faces):
    ours = SFace().embed(faces[: MOST + 2])
    np.testing.assert_allclose(ours, theirs, atol=LIMIT)
    np.testing.assert_allclose(SFace().compare(ours, ours), theirs @ theirs.T, atol=LIMIT)


def test_more_faces_than_a_pass_takes_are_as_one_by_one(faces):
    many = faces[: MOST + 2]
    np.testing.assert_allclose(SFace().embed(many), np.concatenate([SFace().embed([face]) for face in many]), atol=1e-6)


def test_a_face_that_is_not_there_leaves_the_others_theirs(theirs, faces):
    blank = replace(faces[1], pixels=np.zeros_like(faces[1].pixels))
    templates = SFace().embed([faces[0], blank, faces[2]])
    assert np.isnan(templates[1]).all()
    np.testing.assert_allclose(templates[[0, 2]], theirs[[0, 2]], atol=LIMIT)


def test_crops_with_fractions_of_levels_are_as_opencvs(opencv):
    crops = np.random.default_rng(0).uniform(0, 255, (2, 112, 112, 3)).astype(np.float32)
    theirs = unit_rows(np.concatenate([opencv[0].feature(np.ascontiguousarray(crop[..., ::-1])) for crop in crops]))
    np.testing.assert_allclose(SFace().embed_crops(crops), theirs, atol=LIMIT)


def test_the_graph_holds_nothing_that_slows_it_down():
    path, _ = require_all(CARD)
    kinds = {node.op_type for node in onnx.load_from_string(make_graph(path)).graph.node}
    assert not kinds & {"DequantizeLinear", "PRelu", "Reshape"}
    assert {"DequantizeLinear", "PRelu"} <= {node.op_type for node in onnx.load(str(path)).graph.node}
