"""The five-point square against the crop that OpenCV's recogniser takes, and its geometry."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facepriv.imaging.crop import eye_centres, take_crop
from facepriv.imaging.five_points import five_point_square
from facepriv.match.sface import CARD, SFace, detect
from facepriv.weights.files import require_all


@pytest.mark.parametrize("number", [0, 3, 7])
def test_the_square_shows_what_opencv_aligns(faces, number):
    import cv2

    recogniser_path, detector_path = require_all(CARD)
    face = faces[number]
    recogniser = cv2.FaceRecognizerSF.create(str(recogniser_path), "")
    found = detect(cv2.FaceDetectorYN.create(str(detector_path), "", (320, 320)), face)
    theirs = recogniser.alignCrop(np.ascontiguousarray(face.pixels), found[None]).astype(np.float64)
    np.testing.assert_allclose(take_crop(SFace().crop(face), face.pixels), theirs, atol=3)


def test_a_turned_face_gives_the_same_square(faces):
    """Turning landmarks by 90 degrees turns the map, so output pixels name the same places of the face."""
    face = faces[0]
    turned = replace(face, landmarks=np.stack([-face.landmarks[:, 1], face.landmarks[:, 0]], axis=1))
    first, second = five_point_square(face, size=64).matrix, five_point_square(turned, size=64).matrix
    np.testing.assert_allclose(second, np.array([[0, -1], [1, 0]]) @ first, atol=1e-4)


@pytest.mark.parametrize("size", [112, 160, 224])
def test_eyes_land_in_their_places_whatever_the_size(faces, size):
    face = faces[0]
    matrix = five_point_square(face, size=size).matrix
    eyes = np.linalg.solve(matrix[:, :2], (eye_centres(face.landmarks) - matrix[:, 2]).T).T
    np.testing.assert_allclose((eyes + 0.5) / size, [[0.346, 0.466], [0.661, 0.464]], atol=0.03)
