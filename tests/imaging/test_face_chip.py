"""The chip by five points: as a matrix it is dlib's own to about a grey level, and it moves with the face."""

from __future__ import annotations

from dataclasses import replace

import dlib
import numpy as np
import pytest

from facepriv.imaging.acquire import acquire
from facepriv.imaging.crop import crop_operator, take_crop
from facepriv.imaging.face_chip import face_chip, face_chip_crop, five_point_shape
from facepriv.imaging.moved_crop import move_crop
from facepriv.types import PyramidCrop


@pytest.mark.parametrize(("size", "padding"), [(32, 0.2), (64, 0.2), (150, 0.25), (400, 0.25)])
def test_the_matrix_gives_the_chip_of_dlib_but_for_its_rounding(faces, size, padding):
    for face in faces[:3]:
        spec = face_chip_crop(face, size=size, padding=padding)
        ours = take_crop(spec, face.pixels)
        theirs = face_chip(face, size=size, padding=padding).astype(np.float64)
        # Every level of the pyramid, and the last step, rounds down: half a grey level each.
        difference = theirs - ours
        assert -2.6 < difference.mean() <= 0.01
        assert np.abs(difference - difference.mean()).max() < 2
        assert difference.std() < 0.5


def test_a_face_at_the_edge_of_the_image_gives_the_chip_of_dlib_with_its_black_margin(faces):
    face = faces[0]
    left, top, right, bottom = face.box
    cut = acquire(np.ascontiguousarray(face.pixels[top + 20 : bottom + 10, left - 5 : right - 5]), several="largest")
    spec = face_chip_crop(cut, size=64, padding=0.4)
    ours, theirs = take_crop(spec, cut.pixels), face_chip(cut, size=64, padding=0.4).astype(np.float64)
    np.testing.assert_array_equal((ours == 0).all(axis=2), (theirs == 0).all(axis=2))
    assert np.abs(theirs - ours).max() < 4


def test_the_chip_is_that_of_dlibs_own_function(faces):
    face = faces[1]
    theirs = dlib.get_face_chip(face.pixels, five_point_shape(face), size=32, padding=0.2)
    np.testing.assert_array_equal(face_chip(face, size=32, padding=0.2), theirs)


def test_the_five_points_are_corners_of_the_eyes_and_the_foot_of_the_nose(faces):
    face = faces[0]
    points = np.array([(p.x, p.y) for p in five_point_shape(face).parts()])
    width = np.ptp(face.landmarks[:, 0])
    # dlib's order: outer and inner corner of the eye on the image's right, the same of the other, nose.
    corners = face.landmarks[[45, 42, 36, 39, 33]]
    assert np.linalg.norm(points - corners, axis=1).max() < 0.08 * width


def test_the_matrix_of_the_places_says_where_the_crop_looks(faces):
    """A spot at a place of the image shows at the chip's pixel that `matrix` takes to this place."""
    face = faces[0]
    spec = face_chip_crop(face, size=32, padding=0.2)
    for row, column in ((8, 8), (16, 20), (25, 12)):
        x, y = spec.matrix @ [column, row, 1]
        spot = np.zeros_like(face.pixels)
        spot[round(y) - 4 : round(y) + 5, round(x) - 4 : round(x) + 5] = 255
        shown = take_crop(spec, spot)[..., 0]
        rows, columns = np.mgrid[:32, :32]
        assert (shown * rows).sum() / shown.sum() == pytest.approx(row, abs=0.3)
        assert (shown * columns).sum() / shown.sum() == pytest.approx(column, abs=0.3)


def test_a_moved_crop_shows_the_moved_image(faces):
    face = faces[0]
    spec = face_chip_crop(face, size=32, padding=0.2)
    moved = np.zeros_like(face.pixels)
    moved[7:, :-5] = face.pixels[:-7, 5:]
    shift = np.array([[1.0, 0, -5], [0, 1, 7]])
    shown = take_crop(move_crop(spec, shift), moved)
    assert np.abs(shown - take_crop(spec, face.pixels)).mean() < 1.5
    turn = np.array([[0.0, -1, face.pixels.shape[0] - 1], [1, 0, 0]])
    turned = take_crop(move_crop(spec, turn), np.ascontiguousarray(np.rot90(face.pixels, -1)))
    assert np.abs(turned - take_crop(spec, face.pixels)).mean() < 3


def test_a_larger_image_costs_no_more_than_its_part(faces):
    face = faces[0]
    spec = face_chip_crop(face, size=32, padding=0.2)
    assert isinstance(spec, PyramidCrop)
    operator = crop_operator(spec, *face.pixels.shape[:2])
    assert operator.shape == (32 * 32, face.pixels.shape[0] * face.pixels.shape[1])
    assert operator.has_sorted_indices
    sums = np.asarray(operator.sum(axis=1)).ravel()
    np.testing.assert_allclose(sums, 1, atol=1e-5)
    huge = replace(spec, rectangle=tuple(8 * side for side in spec.rectangle))
    assert crop_operator(huge, 8 * face.pixels.shape[0], 8 * face.pixels.shape[1]).nnz < 2_000_000
