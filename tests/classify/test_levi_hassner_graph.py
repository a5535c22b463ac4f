"""The graph made of Levi and Hassner's Caffe files gives the logits that OpenCV gives."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facepriv.classify.levi_hassner import MEAN, LeviHassner, LeviHassnerAge
from facepriv.imaging.crop import take_crop
from facepriv.weights.files import require_all


@pytest.mark.parametrize("network", [LeviHassner(), LeviHassnerAge()], ids=["gender", "age"])
def test_logits_are_those_of_opencv(network, faces):
    crops = np.stack([take_crop(network.crop(face), face.pixels) for face in faces[:6]])
    prototxt, weights = require_all(network.card)
    net = cv2.dnn.readNetFromCaffe(str(prototxt), str(weights))
    net.setInput(np.ascontiguousarray((crops[..., ::-1] - MEAN).transpose(0, 3, 1, 2), dtype=np.float32), "data")
    theirs = net.forward("fc8")
    assert np.ptp(theirs) > 1
    np.testing.assert_allclose(network.logits(crops), theirs, atol=1e-4)
