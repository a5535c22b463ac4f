"""The face's own coordinates and the soft mask."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from facepriv.classify.dlib import DlibGender
from facepriv.errors import BadInputError
from facepriv.perturb.common.face_frame import _outline, face_frame, hull_mask, input_points


def test_coordinates_and_image_points_undo_each_other(faces):
    frame = face_frame(faces[0])
    u, v = np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 1, 7))
    back = frame.coordinates(*frame.image_points(u, v))
    np.testing.assert_allclose(back[0], u, atol=1e-9)
    np.testing.assert_allclose(back[1], v, atol=1e-9)


def test_frame_is_upright_and_centred_on_the_face(faces):
    for face in faces[:4]:
        points = face.landmarks.astype(np.float64)
        u, v = face_frame(face).coordinates(points[:, 0], points[:, 1])
        assert u[0] < 0.35 < 0.65 < u[16], "jaw left and right"
        assert v[27] < v[33] < v[8], "nose root above nose tip above chin"
        assert abs(np.mean([u[27], u[8]]) - 0.5) < 0.1


def test_input_points_are_the_crops_own(faces):
    spec = DlibGender().crop(faces[0])
    x, y = input_points(spec)
    assert x.shape == (spec.height, spec.width)
    np.testing.assert_allclose([x[3, 5], y[3, 5]], spec.matrix @ [5, 3, 1])


def test_mask_is_one_on_the_nose_and_nothing_outside_the_hull(faces):
    for face in faces[:4]:
        mask = hull_mask(face)
        x, y = np.rint(face.landmarks[30]).astype(int)
        assert mask[y, x] == pytest.approx(1.0, abs=1e-3)
        left, top = np.floor(face.landmarks.min(axis=0)).astype(int)
        right, bottom = np.ceil(face.landmarks.max(axis=0)).astype(int)
        assert mask[:, : left - 1].max() < 0.02
        assert mask[:, right + 2 :].max() < 0.02
        assert mask[bottom + 2 :].max() < 0.02
        brows = int(face.landmarks[17:27, 1].min())
        assert mask[brows - 2].max() > 0.5, "some forehead belongs to it"
        assert mask[: max(0, top - (bottom - top) // 2)].max(initial=0) == 0
        assert mask.min() >= 0
        assert mask.max() <= 1


@pytest.mark.parametrize("radius", [1, 2, 5, 12])
def test_eroding_a_convex_shape_by_the_ends_of_a_disc_is_eroding_it_by_the_disc(radius):
    rng = np.random.default_rng(radius)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    for _ in range(20):
        shape = np.zeros((90, 100), dtype=np.uint8)
        hull = cv2.convexHull(rng.integers(radius, 90 - radius, size=(8, 2)).astype(np.int32))
        cv2.fillConvexPoly(shape, hull, 1)
        expected = cv2.erode(shape, disc)
        assert expected.any() or radius > 5
        np.testing.assert_array_equal(cv2.erode(shape, _outline(radius)), expected)


def test_mask_has_no_edge_that_could_be_seen(faces):
    mask = hull_mask(faces[0])
    assert np.abs(np.diff(mask, axis=0)).max() < 0.5
    assert np.abs(np.diff(mask, axis=1)).max() < 0.5


def test_region_holds_all_of_the_mask(faces):
    frame = face_frame(faces[0])
    outside = frame.mask.copy()
    outside[frame.region] = 0
    assert outside.max() <= 1e-3


def test_part_of_a_face_outside_the_image_is_no_harm(faces):
    face = faces[0]
    shifted = replace(face, landmarks=face.landmarks - np.array([80, 0], dtype=np.float32))
    frame = face_frame(shifted)
    assert frame.mask.max() > 0.5
    assert frame.region[1].start == 0


def test_landmarks_outside_the_image_get_one_sentence(faces):
    gone = replace(faces[0], landmarks=faces[0].landmarks + np.float32(5000))
    with pytest.raises(BadInputError, match="covers none of it") as caught:
        face_frame(gone)
    assert caught.value.code == "no-hull"


def test_landmarks_in_one_place_get_one_sentence(faces):
    stuck = replace(faces[0], landmarks=np.full((68, 2), 100, dtype=np.float32))
    with pytest.raises(BadInputError) as caught:
        face_frame(stuck)
    assert caught.value.code in ("no-hull", "degenerate-landmarks")
