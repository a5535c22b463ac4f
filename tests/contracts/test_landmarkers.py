"""Every registered landmarker keeps the contract of `facepriv.types.Landmarker`."""

from __future__ import annotations

import numpy as np
import pytest

from facepriv.errors import ModelUnavailableError
from facepriv.imaging.landmarkers.registry import DEFAULT_LANDMARKER, landmarkers
from facepriv.imaging.triangulation import triangulate
from facepriv.types import Landmarker

COUNTS = {"dlib-68": 68, "stasm-77": 77}


@pytest.fixture(params=landmarkers.names())
def landmarker(request) -> Landmarker:
    made = landmarkers.create(request.param)
    try:
        made.ready()
    except ModelUnavailableError as error:
        pytest.skip(str(error))
    return made


@pytest.mark.parametrize("name", landmarkers.names())
def test_describes_itself_whether_or_not_it_can_be_used(name):
    made = landmarkers.create(name)
    assert isinstance(made, Landmarker)
    assert made.name == name
    assert made.card.kind == "landmarks"
    assert made.card.title
    assert made.card.licence
    assert made.card.source
    assert len(made.version) == 12


def test_the_default_is_registered():
    assert DEFAULT_LANDMARKER in landmarkers.names()


def test_gives_points_that_span_the_face(landmarker, faces):
    for face in faces[:3]:
        points = landmarker.locate(face.pixels, face.box, face.landmarks)
        assert points.dtype == np.float32
        assert points.shape == (COUNTS.get(landmarker.name, len(points)), 2)
        assert np.isfinite(points).all()
        left, top, right, bottom = face.box
        x, y = points.mean(axis=0)
        assert left < x < right
        assert top < y < bottom
        assert np.ptp(points[:, 0]) > (right - left) / 2
        assert len(triangulate(points, *face.pixels.shape[:2]).triangles) > len(points)


def test_points_depend_on_nothing_but_the_image(landmarker, faces):
    """Neither on the order of images nor on what was searched before."""

    def points_of(face):
        return landmarker.locate(face.pixels, face.box, face.landmarks)

    there = [points_of(face) for face in faces[:4]]
    back = [points_of(face) for face in faces[3::-1]][::-1]
    np.testing.assert_array_equal(np.stack(there), np.stack(back))
    assert not np.array_equal(there[0], there[1])


def test_leaves_what_it_is_given_alone(landmarker, faces):
    face = faces[1]
    pixels, landmarks = face.pixels.copy(), face.landmarks.copy()
    points = landmarker.locate(face.pixels, face.box, face.landmarks)
    points += 1000
    np.testing.assert_array_equal(face.pixels, pixels)
    np.testing.assert_array_equal(face.landmarks, landmarks)
